"""Code points lie on the lines of their texts, and fall where their token's stretch is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from picture_makers import draw_all, fold, letter, toy_events

import explorer
import visualizers.intervals as module
from visualizers import pictures
from visualizers.intervals import LABEL, WIDTH
from visualizers.picture import visible_at

N = 5


def run(seed=0, **values):
    return explorer.decode("toy", "abc", "arithmetic_sampling", max_new_tokens=6, seed=seed, n=N,
                           **values)  # fmt: skip


def drawn(trace):
    found = pictures(trace.fold(), str, trace.header.notes)
    return next(p for p in found if p.id == "intervals")


@pytest.mark.parametrize("seed", range(4))
def test_every_code_point_lies_on_its_line_and_in_its_stretch(seed):
    trace = run(seed)
    picture = drawn(trace)
    marks = {mark.of: mark for mark in picture.marks}
    nodes = {e.id: e for e in trace.events if e.kind == "node"}
    checked = 0
    for step, code, place, _, low, high, *_ in picture.table.rows:
        assert low <= place <= high
        dot = marks[f"code {step} {code}"]
        node = picture.table.nodes[checked]
        line = marks[f"line {step} {nodes[node].parent}"]
        assert dot.x == pytest.approx(line.x + place * line.width)
        stretch = marks[f"stretch {node}"]
        assert stretch.x - 1e-9 <= dot.x <= stretch.x + stretch.width + 1e-9
        checked += 1
    assert checked > N


def test_the_table_names_the_texts_that_came_out():
    trace = run(2)
    picture = drawn(trace)
    rows = picture.table.rows
    last = {row[1]: picture.table.nodes[i] for i, row in enumerate(rows)}
    assert set(last) == set(range(1, N + 1))
    assert set(last.values()) == {output.node for output in trace.done.outputs}
    for code, node in last.items():
        length = [row[-1] for row in rows if row[1] == code][-1]
        logp = next(o.score for o in trace.done.outputs if o.node == node)
        assert length == pytest.approx(2.718281828459045**logp, rel=1e-3)


def test_lines_share_out_the_width_and_do_not_overlap():
    picture = drawn(run(1))
    first = [mark for mark in picture.marks if mark.of == "line 0 0"]
    assert first[0].x == LABEL
    assert first[0].width > (N - 1) * WIDTH
    for step in range(picture.last_step + 1):
        lines = sorted(
            (mark.x, mark.x + mark.width)
            for mark in picture.marks if mark.of.startswith(f"line {step} ")
        )  # fmt: skip
        assert all(end < start for (_, end), (start, _) in pairwise(lines))


def test_at_each_step_as_many_code_points_as_fell_until_then():
    trace = run(3)
    picture = drawn(trace)
    for step in range(picture.last_step + 1):
        shown = [s for s in visible_at(picture, step) if s.of.startswith("code ")]
        until = [row for row in picture.table.rows if row[0] <= step]
        assert len(shown) == len(until)


def test_a_long_run_shows_its_first_steps(monkeypatch):
    monkeypatch.setattr(module, "MOST", 2 * N)
    picture = drawn(run())
    assert len(picture.lanes) == 2
    assert "The first 2 of" in picture.how
    assert len(picture.table.rows) > 2 * N


def test_a_search_has_no_intervals():
    assert "intervals" not in draw_all(fold(toy_events("beam_search")), letter)
