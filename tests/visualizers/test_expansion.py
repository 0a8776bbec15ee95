"""The order of a search: each prefix where it was read, and how many waited then."""

from __future__ import annotations

import pytest
from picture_makers import Script, draw_all, fold, letter, toy_events

from visualizers import features, pictures
from visualizers.expansion import leaps
from visualizers.picture import visible_at


def script():
    """Two branches, read in turns: a search that goes back once."""
    s = Script()
    s.eval([0])
    left, right = s.node(0, 1), s.node(0, 2)
    s.step = 1
    s.eval([left])
    below = s.node(left, 3)
    s.step = 2
    s.eval([right])
    s.mark(below, "pruned", "no slot left")
    s.step = 3
    end = s.node(right, 4)
    s.mark(end, "finished", score=-1.0)
    return s


def test_each_prefix_stands_at_its_step_and_length():
    picture = draw_all(script().folded(), letter)["expansion"]
    read, back, ended, waiting = picture.figure["data"]
    assert list(zip(read["x"], read["y"], strict=True)) == [(1, 0), (2, 1), (3, 1)]
    assert (back["x"], back["y"]) == ([3], [1])
    assert (ended["x"], ended["y"]) == ([4], [2])
    assert waiting["y"] == [2, 2, 0, 0]
    assert picture.captions[2] == (
        "Step 3: “abb”, 1 token long, was read, somewhere else than before; 0 wait."
    )
    assert [row[1] for row in picture.table.rows] == ["read", "read", "read", "finished"]


def test_until_it_goes_back_there_is_nothing_to_tell():
    picture = draw_all(script().folded(), letter)["expansion"]
    assert visible_at(picture, 1) == []
    assert len(visible_at(picture, 2)) == 3 + 1 + 3


@pytest.mark.parametrize("method", ["best_first_beam_search", "exact_map"])
def test_searches_that_go_back_have_it_first_of_all(method):
    found = fold(toy_events(method, length=8))
    assert "leap" in features(found)
    assert "expansion" in [p.id for p in pictures(found, letter)]


@pytest.mark.parametrize("method", ["greedy", "beam_search", "sample", "momentum", "mbr"])
def test_whoever_only_goes_on_has_none(method):
    assert leaps(fold(toy_events(method))) == {}


def test_what_was_read_is_what_the_run_told():
    events = toy_events("best_first_beam_search", length=8)
    picture = draw_all(fold(events), letter)["expansion"]
    evals = [e for e in events if e.kind == "eval"]
    assert len(picture.figure["data"][0]["x"]) == sum(len(e.nodes) for e in evals)
    noted = {e.step: e.value for e in events if e.kind == "note" and e.name == "length"}
    for x, y in zip(picture.figure["data"][0]["x"], picture.figure["data"][0]["y"], strict=True):
        assert noted[x - 1] == y
    waiting = {e.step: e.value for e in events if e.kind == "note" and e.name == "waiting"}
    assert picture.figure["data"][3]["y"] == [waiting[s] for s in range(len(waiting))]
