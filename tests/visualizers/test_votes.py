"""Votes are drawn answer by answer, one piece a text, the leading answer first."""

from __future__ import annotations

import pytest
from picture_makers import Script

import explorer
from explorer.records import Vote
from visualizers import pictures
from visualizers.picture import frame_at

NOTES = [{"name": "votes", "about": "a vote", "drawn_as": "votes"}]


def drawn(*steps, token_text=str):
    """A picture of votes as (answer, weight), so many in each step."""
    s = Script()
    for votes in steps:
        for answer, weight in votes:
            s.note("votes", Vote(answer=answer, weight=weight).model_dump(), s.node(0, s.nodes))
        s.step += 1
    return {p.id: p for p in pictures(s.folded(), token_text, NOTES)}.get("votes")


def test_a_piece_for_each_text_that_voted():
    picture = drawn([("x", 1), ("y", 0.5), (None, 1), ("y", 0.75), ("z", 0.25)])
    leading, others, *_ = picture.frames[0].traces
    assert (leading["x"], leading["base"], leading["text"]) == ([0.5, 0.75], [0.0, 0.5], ["2", "4"])
    assert (others["y"], others["text"]) == ([1, 2], ["1", "5"])
    assert picture.frames[0].layout["yaxis"]["ticktext"] == ["<b>● y: 1.25</b>", "x: 1", "z: 0.25"]
    assert picture.captions[0] == (
        "Step 1: “y” leads with 1.25 of 2.5, before “x” with 1; their entropy is 0.943 nats; "
        "1 text did not vote."
    )
    assert [row[3] for row in picture.table.rows] == ["x", "y", "none", "y", "z"]


@pytest.mark.parametrize(
    ("votes", "told"),
    [([1, 1], "0.693"), ([3, 1], "0.562"), ([1, 0], "0"), ([0, 0], "0")],
)
def test_how_far_the_votes_scatter_is_told_as_their_entropy(votes, told):
    caption = drawn([(str(i), x) for i, x in enumerate(votes)]).captions[0]
    assert caption.endswith(f"; their entropy is {told} nats.")
    assert "entropy" not in drawn([("x", 1), ("x", 1)]).captions[0]


def test_the_lines_tell_how_the_answers_gained():
    picture = drawn([("x", 1), ("y", 1), ("y", 1)])
    lines = picture.frames[0].traces[2:]
    assert [line["y"] for line in lines[:2]] == [[0, 0, 1, 2], [0, 1, 1, 1]]
    assert [line["text"][-1] for line in lines[:2]] == ["y", "x"]


def test_another_answer_may_lead_later_and_equals_go_to_the_earlier():
    picture = drawn([("x", 1), ("y", 1)], [("y", 1)])
    assert [frame_at(picture, step).traces[0]["text"] for step in (0, 1)] == [["1"], ["2", "3"]]


def test_answers_beyond_the_first_dozen_share_a_row():
    picture = drawn([(f"answer {i}", 1) for i in range(64)])
    names = picture.frames[0].layout["yaxis"]["ticktext"]
    assert len(names) == 13
    assert names[-1] == "52 other answers: 52"
    assert sum(len(trace["x"]) for trace in picture.frames[0].traces[:2]) == 64


@pytest.mark.parametrize("value", ["x: 2", 3, None, {"answer": 1, "weight": 1}, {"answer": "x"}])
def test_what_is_no_vote_is_not_drawn(value):
    s = Script()
    s.note("votes", value, 7)
    assert "votes" not in {p.id for p in pictures(s.folded(), str, NOTES)}


def test_answers_cannot_be_markup_and_have_no_end():
    picture = drawn([("<b>" + "x" * 500, 1)], token_text=lambda token: "<i>")
    shown = str(picture.frames[0])
    assert "<i>" not in shown
    assert shown.count("<b>") == 1, "the leading one's own"
    assert "x" * 30 not in shown


def test_a_run_that_votes_has_every_text_in_it():
    trace = explorer.decode("toy", "abc", "self_consistency", max_new_tokens=4, n=6)
    (picture,) = [p for p in pictures(trace.fold(), str, trace.header.notes) if p.id == "votes"]
    assert len(picture.table.rows) == 6
    winner = trace.done.outputs[0]
    assert max(row[5] for row in picture.table.rows) == winner.score
