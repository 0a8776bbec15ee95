"""The matrix of utilities is drawn as it was noted, in the order of its means."""

from __future__ import annotations

import pytest
from picture_makers import Script

from explorer.records import Utilities
from visualizers import pictures
from visualizers.picture import visible_at

NOTES = [{"name": "how good", "about": "how good each is", "drawn_as": "utilities"}]


def drawn(value, token_text="abc".__getitem__):
    s = Script()
    nodes = [s.node(0, token) for token in (0, 1, 2)]
    s.step = 2
    s.note("how good", value)
    s.done(nodes[0])
    return {p.id: p for p in pictures(s.folded(), token_text, NOTES)}.get("utilities")


def noted(**changes):
    matrix = [[1.0, 0.2, 0.1], [0.4, 1.0, 0.9], [0.1, 0.7, 1.0]]
    means = [sum(row) / 3 for row in matrix]
    return Utilities(nodes=[1, 2, 3], matrix=matrix, means=means).model_dump() | changes


def test_rows_and_columns_stand_in_the_order_of_the_means():
    picture = drawn(noted())
    heat, edge, best, others = picture.frames[0].traces
    assert heat["z"] == [[1.0, 0.9, 0.4], [0.7, 1.0, 0.1], [0.2, 0.1, 1.0]]
    assert best["x"] == pytest.approx([2.3 / 3])
    assert others["x"] == pytest.approx([1.8 / 3, 1.3 / 3])
    assert (min(edge["y"]), max(edge["y"])) == (-0.5, 0.5), "around the winner's row"
    names = picture.frames[0].layout["yaxis"]["ticktext"]
    assert [name.strip("<b>● /").split(":")[0] for name in names] == ["2", "3", "1"]
    assert "text 2" in picture.captions[2]
    assert [row[2] for row in picture.table.rows] == [2, 3, 1]


def test_nothing_is_shown_before_the_texts_were_compared():
    picture = drawn(noted())
    assert [bool(visible_at(picture, step)) for step in range(3)] == [False, False, True]
    assert picture.captions[1] == "Step 2: no texts were compared."


def test_of_equals_the_first_wins():
    assert "text 1" in drawn(noted(means=[0.5, 0.5, 0.5])).captions[2]


@pytest.mark.parametrize(
    "value",
    [
        "a text", None, [[1.0]], {}, noted(nodes=[1, 2]), noted(nodes=[1, 2, 99]),
        noted(matrix=[[1.0, 0.2], [0.4]]), noted(means=["x", 1, 2]), noted(more=1),
    ],
)  # fmt: skip
def test_what_is_no_such_matrix_is_not_drawn(value):
    assert drawn(value) is None


def test_texts_cannot_be_markup():
    picture = drawn(noted(), lambda token: "<img src=x>")
    assert "<img" not in str(picture.to_dict()["frames"])


def test_many_texts_have_no_names_and_no_numbers():
    n = 64
    s = Script()
    nodes = [s.node(0, token) for token in range(n)]
    record = Utilities(nodes=nodes, matrix=[[0.5] * n] * n, means=[0.5] * n)
    s.note("how good", record.model_dump())
    (picture,) = [p for p in pictures(s.folded(), str, NOTES) if p.id == "utilities"]
    frame = picture.frames[0]
    assert "text" not in frame.traces[0]
    assert frame.layout["yaxis"] == {"showticklabels": False}
