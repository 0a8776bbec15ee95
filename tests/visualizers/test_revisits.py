"""Lines lead from a candidate to the place that was held against it."""

from __future__ import annotations

import pytest
from picture_makers import Script, draw_all, fold, letter, toy_events

import visualizers.revisits as module
from explorer.records import Revisit, Revisits
from visualizers import pictures
from visualizers.picture import visible_at

NOTES = [{"name": "back", "about": "where to", "drawn_as": "revisits"}]


def back(token, place, tokens=1, cost=0.5):
    return Revisit(token=token, place=place, tokens=tokens, cost=cost)


def script(*steps):
    """A text of a, b, a, b …; in each step the candidates of that step are noted before it."""
    s = Script(prompt=(5, 6))
    node = 0
    for step, candidates in enumerate(steps):
        s.step = step
        s.note("back", Revisits(candidates=candidates).model_dump(), node)
        node = s.node(node, 1 + step % 2)
        s.mark(node, "emitted")
    return s


def drawn(s):
    return {p.id: p for p in pictures(s.folded(), letter, NOTES)}.get("revisits")


def test_a_line_from_the_step_to_the_place_it_leads_back_to():
    s = script([back(6, -1)], [], [back(1, 0, cost=0.2), back(2, 1, 2, 0.7), back(6, -1)])
    picture = drawn(s)
    marks = {mark.of: mark for mark in picture.marks}
    rows = {place: marks[f"token {place}"].y for place in range(-1, 3)}
    assert [marks[f"token {place}"].text for place in range(-1, 3)] == ["f", "a", "b", "a"]
    taken, lost = "2 2 1", "2 2 2"
    assert marks[f"in {taken}"].y == rows[0]
    assert marks[f"in {lost}"].y == rows[1]
    assert abs(marks[f"out {taken}"].y - rows[2]) < 0.5
    assert (marks[f"up {taken}"].cls, marks[f"up {lost}"].cls) == ("text", "pruned")
    assert marks[f"lost {lost}"].text == "b ·"
    assert "up 2 2 6" not in marks, "of those not taken the dearest alone"
    assert picture.captions[2] == (
        "Step 3: “a” was taken, though it leads 2 tokens back and costs 0.2; “b” was not, as it "
        "leads 1 token back, the last of 2 in a row and costs 0.7."
    )
    assert [row[2:] for row in picture.table.rows[2:3]] == [["b", "ab", 1, 2, 0.7, "no"]]
    assert len(picture.table.rows) == 4


def test_lines_that_run_side_by_side_do_not_lie_upon_each_other():
    s = script(*[[back(1 + i % 2, max(0, i - 3))] for i in range(9)])
    picture = drawn(s)
    ups = [(m.x, m.y, m.y + m.height) for m in picture.marks if m.of.startswith("up ")]
    for i, (x, top, end) in enumerate(ups):
        for other, top_2, end_2 in ups[i + 1 :]:
            assert x != other or end < top_2 or end_2 < top


def test_at_each_step_the_tokens_and_lines_until_then():
    picture = drawn(script([back(5, -2)], [back(2, -1)], [back(1, 0)]))
    for step in range(3):
        shown = [s.of for s in visible_at(picture, step)]
        assert sum(of.startswith("up ") for of in shown) == step + 1
        assert sum(of.startswith("token ") for of in shown) == 2 + step + 1


def test_nothing_is_shown_before_anything_led_back():
    picture = drawn(script([], [back(2, -1)], [back(1, -2)]))
    shown = [{s.of for s in visible_at(picture, step) if "token" in s.of} for step in range(3)]
    assert shown[0] == set()
    assert shown[1] == {"token -1", "token 0", "token 1"}
    assert shown[2] == {"token -2", "token -1", "token 0", "token 1", "token 2"}


def test_of_many_lines_the_dearest_are_drawn(monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    picture = drawn(script(*[[back(1 + i % 2, -1, cost=i)] for i in range(5)]))
    assert {m.of.split()[1] for m in picture.marks if m.of.startswith("up ")} == {"3", "4"}
    assert "3 of 5 lines are left out" in picture.how
    assert len(picture.table.rows) == 5


@pytest.mark.parametrize(
    ("value", "node"),
    [
        ("x", 0), (None, 0), ({"candidates": [{"token": 1}]}, 0),
        (Revisits(candidates=[back(1, 7)]).model_dump(), 0),
        (Revisits(candidates=[back(1, -9)]).model_dump(), 0),
        (Revisits(candidates=[back(1, -1, tokens=0)]).model_dump(), 0),
        (Revisits(candidates=[back(1, -1)]).model_dump(), 99),
        (Revisits(candidates=[back(1, -1)]).model_dump(), None),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_not_drawn(value, node):
    s = Script()
    s.note("back", value, node)
    assert drawn(s) is None


@pytest.mark.parametrize("method", ["contrastive_search", "momentum", "fsd"])
def test_methods_that_look_back_have_it(method):
    picture = draw_all(fold(toy_events(method, length=12)), letter)["revisits"]
    assert any(mark.of.startswith("up ") for mark in picture.marks)
