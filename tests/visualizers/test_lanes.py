"""Hypotheses in lanes: each where its mark says, behind the one it continues."""

from __future__ import annotations

import pytest
from picture_makers import Script, draw_all, fold, letter, toy_events

import visualizers.lanes as module
from visualizers.picture import visible_at


def groups():
    """Two groups of one beam each; in the first step the second pays for the first one's token."""
    s = Script()
    first = s.node(0, 1)
    s.mark(first, "kept", group=1, score=-1.0, paid=0.0)
    s.mark(first, "kept", group=2, score=-1.5, paid=0.5)
    s.step = 1
    left, right = s.node(first, 2), s.node(first, 3)
    s.mark(left, "kept", group=1, score=-2.0, paid=0.0)
    s.mark(right, "kept", group=2, score=-2.5, paid=0.0)
    return s


def drawn(s):
    return draw_all(s.folded(), letter)["lanes"]


def test_a_lane_for_each_group_and_in_it_what_was_paid_and_to_whom():
    picture = drawn(groups())
    assert [lane.label for lane in picture.lanes] == ["group 1", "group 2"]
    marks = {mark.of: mark for mark in picture.marks}
    for lane, of in ((0, "kept 0 1 0"), (1, "kept 0 2 0"), (0, "kept 1 1 0"), (1, "kept 1 2 0")):
        band = picture.lanes[lane]
        assert band.y <= marks[of].y <= band.y + band.height
    assert marks["paid 0 2 0"].text == "−0.5 to 1"
    assert "paid 0 1 0" not in marks
    assert picture.captions[0] == (
        "Step 1: groups 1, 2 held 1, 1 hypotheses; group 2 paid 0.5 nats for “a”, which group 1 "
        "had just chosen."
    )
    assert [row[-2:] for row in picture.table.rows[:2]] == [[0.0, ""], [0.5, "1"]]


def test_a_hypothesis_stands_behind_the_one_it_continues_in_its_own_lane():
    picture = drawn(groups())
    marks = {mark.of: mark for mark in picture.marks}
    assert [m.of for m in picture.marks if m.of.startswith("edge")] == ["edge 1 1 0", "edge 1 2 0"]
    for of in ("1 1 0", "1 2 0"):
        assert marks[f"edge {of}"].height == 0, "both continue the one in their lane"
        assert marks[f"along 0{of[1:]}"].y == marks[f"kept {of}"].y


def test_banks_are_lanes_too_and_lines_lead_from_one_to_another():
    s = Script()
    first = s.node(0, 1)
    s.mark(first, "kept", logp=-1.0, covered=0)
    s.step = 1
    s.mark(s.node(first, 2), "kept", logp=-2.0, covered=0)
    s.mark(s.node(first, 3), "kept", logp=-3.0, covered=2)
    picture = drawn(s)
    assert [lane.label for lane in picture.lanes] == ["bank 0", "bank 2"]
    assert [lane.born for lane in picture.lanes] == [0, 1]
    marks = {mark.of: mark for mark in picture.marks}
    assert marks["edge 1 2 0"].height == picture.lanes[1].y - picture.lanes[0].y
    assert picture.captions[1] == "Step 2: banks 0, 2 held 1, 1 hypotheses."


@pytest.mark.parametrize("method", ["diverse_beam_search", "grid_beam_search", "neurologic"])
def test_at_each_step_all_that_went_on_so_far_is_to_be_seen(method):
    events = toy_events(method)
    picture = draw_all(fold(events), letter)["lanes"]
    for step in range(picture.last_step + 1):
        kept = [e for e in events if e.kind == "mark" and e.mark == "kept" and e.step <= step]
        shown = [s for s in visible_at(picture, step) if s.of.startswith("kept ")]
        assert len(shown) == len(kept)


def test_a_run_without_lanes_has_none():
    assert "lanes" not in draw_all(fold(toy_events("beam_search")), letter)


def test_a_wide_and_long_search_shows_the_best_of_each_lane(monkeypatch):
    monkeypatch.setattr(module, "MOST", 12)
    picture = draw_all(fold(toy_events("diverse_beam_search")), letter)["lanes"]
    tokens = [mark for mark in picture.marks if mark.of.startswith("kept ")]
    assert 0 < len(tokens) <= 12
    assert {lane.label for lane in picture.lanes} == {"group 1", "group 2", "group 3"}
    assert len(picture.table.rows) > 12
    assert "the table has them." in picture.how
