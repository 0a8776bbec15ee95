"""What each hypothesis has of what is wanted, the richest on top."""

from __future__ import annotations

import pytest
from picture_makers import Script

from explorer.records import Constraints, Standing
from visualizers import pictures
from visualizers.picture import frame_at, visible_at

NOTES = [{"name": "progress", "about": "what each has", "drawn_as": "constraints"}]


def drawn(*values, token_text="abc".__getitem__):
    s = Script()
    for token in (0, 1):
        s.node(0, token)
    for value in values:
        s.step += 1
        s.note("progress", value)
    return {p.id: p for p in pictures(s.folded(), token_text, NOTES)}.get("constraints")


def noted(*standing, wanted=(" oak", "<b>")):
    record = Constraints(
        wanted=list(wanted),
        hypotheses=[Standing(node=n, bank=bank, stands=x) for n, bank, x in standing],
    )
    return record.model_dump(mode="json")


def test_a_row_for_each_hypothesis_and_a_column_for_each_thing():
    picture = drawn(noted((1, 1, [(1, 2), (0, 1)]), (2, 3, [(2, 2), (1, 1)])))
    (frame,) = picture.frames
    (heat,) = frame.traces
    assert heat["text"] == [["✓", "✓"], ["1 of 2", ""]]
    assert heat["z"] == [[1, 1], [0.5, 0]]
    assert heat["hovertext"][1] == ["␣oak: begun, 1 of 2 tokens", "&lt;b&gt;: open"]
    assert frame.layout["xaxis"]["ticktext"] == ["␣oak", "&lt;b&gt;"]
    assert [name.split(":")[0] for name in frame.layout["yaxis"]["ticktext"]] == ["3", "1"]
    assert picture.captions[1] == "Step 2: the richest of 2 hypotheses has 2 of 2 met."
    assert picture.table.rows[0][3:] == ["␣oak", 2, 2]


def test_at_each_step_the_hypotheses_of_that_step():
    picture = drawn(noted((1, 0, [(0, 1), (0, 1)])), noted((2, 1, [(0, 1), (1, 1)])))
    assert visible_at(picture, 0) == []
    assert [frame_at(picture, step).traces[0]["z"] for step in (1, 2)] == [[[0, 0]], [[0, 1]]]


def test_many_hypotheses_are_cut_and_the_table_has_them_all():
    picture = drawn(noted(*[(1, 0, [(0, 1), (0, 1)])] * 64))
    assert len(picture.frames[0].traces[0]["z"]) == 24
    assert picture.frames[0].label == "64 hypotheses, the richest 24"
    assert len(picture.table.rows) == 128


@pytest.mark.parametrize(
    "value",
    [
        None, [1], {}, noted(), noted((9, 0, [(0, 1), (0, 1)])), noted((1, 0, [(0, 1)])),
        noted((1, 0, [(2, 1), (0, 1)])), noted((1, 0, [(0, 0), (0, 1)])),
    ],
)  # fmt: skip
def test_what_is_no_such_record_is_not_drawn(value):
    assert drawn(value) is None
