"""Texts that were judged: a bar for each, the best so far, and the one that came out."""

from __future__ import annotations

import pytest
from picture_makers import Script

import explorer
from visualizers import pictures
from visualizers.picture import visible_at

NOTES = [{"name": "worth", "about": "what each is worth", "drawn_as": "scores"}]


def script(values, came):
    s = Script()
    nodes = [s.node(0, token) for token in range(1, len(values) + 1)]
    s.step = 2
    s.note("worth", values)
    for node, value in zip(nodes, values, strict=True):
        s.mark(node, "finished", score=value)
    s.mark(nodes[came], "emitted")
    return s


def drawn(s):
    found = pictures(s.folded(), lambda token: "<b>" * token, NOTES)
    return {p.id: p for p in found}.get("scores")


def test_a_bar_for_each_text_and_the_one_that_came_out_is_filled():
    picture = drawn(script([-3.0, -1.0, -2.0], came=2))
    mine, others, best = picture.frames[0].traces
    assert (mine["x"], mine["y"]) == ([3], [-2.0])
    assert (others["x"], others["y"]) == ([1, 2], [-3.0, -1.0])
    assert best["y"] == [-3.0, -1.0, -1.0]
    assert "the best is text 2, with −1; text 3 came out" in picture.captions[2]
    assert [row[-1] for row in picture.table.rows] == ["no", "no", "yes"]
    assert [bool(visible_at(picture, step)) for step in range(3)] == [False, False, True]
    assert "<b>" not in str(picture.frames)


@pytest.mark.parametrize("value", [[], "x", None, [1.0, None], [1.0, "x"], [[1.0]]])
def test_what_are_no_scores_is_not_drawn(value):
    s = Script()
    s.note("worth", value)
    assert drawn(s) is None


def test_scores_of_texts_that_are_not_told_stand_alone():
    s = Script()
    s.note("worth", [1.0, 2.0])
    picture = drawn(s)
    assert picture.captions == ["Step 1: of 2 texts the best is text 2, with 2."]
    assert picture.frames[0].traces[0]["x"] == []


@pytest.mark.parametrize(
    ("method", "params"), [("best_of_n", {"n": 5}), ("chain_of_thought_decoding", {"k": 3})]
)
def test_a_run_that_judges_texts_shows_which_came_out(method, params):
    trace = explorer.decode("toy", "abc", method, max_new_tokens=5, **params)
    found = pictures(trace.fold(), str, trace.header.notes)
    (picture,) = [p for p in found if p.id == "scores"]
    mine, others, _ = picture.frames[-1].traces
    assert mine["y"] == [trace.done.outputs[0].score]
    assert max(mine["y"] + others["y"]) == mine["y"][0]
