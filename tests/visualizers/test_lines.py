"""Noted quantities share one picture, and those in one unit a panel of it."""

from __future__ import annotations

import pytest
from picture_makers import Script

import explorer
from explorer.trace import NoteEvent
from visualizers import pictures
from visualizers.picture import visible_at


def drawn(trace):
    found = pictures(trace.fold(), str, trace.header.notes)
    return next(picture for picture in found if picture.id == "lines")


def noted(trace, name):
    return [e for e in trace.events if isinstance(e, NoteEvent) and e.name == name]


NAMES = ("surprise", "mean_surprise", "target", "mu", "kept_tokens")


def test_lines_in_one_unit_share_a_panel():
    trace = explorer.decode("toy", "abc", "mirostat", max_new_tokens=6)
    picture = drawn(trace)
    lines = {line["name"].replace(" ", "_"): line for line in picture.figure["data"]}
    assert list(lines) == list(NAMES)
    for name in NAMES:
        assert lines[name]["y"] == [event.value for event in noted(trace, name)]
        assert lines[name]["meta"]["born"] == [event.step for event in noted(trace, name)]
        assert lines[name]["yaxis"] == ("y2" if name == "kept_tokens" else "y")
    layout = picture.figure["layout"]
    assert layout["yaxis"]["title"]["text"] == "bits"
    assert layout["yaxis2"]["title"]["text"] == "tokens"
    assert layout["yaxis2"]["domain"][1] < layout["yaxis"]["domain"][0], "one below the other"
    assert layout["xaxis"]["anchor"] == "y2", "and the steps below both"
    looks = {(line["line"]["dash"], line["marker"]["symbol"]) for line in lines.values()}
    assert len(looks) == len(NAMES), "told apart without colour"
    assert len(picture.table.rows) == sum(len(noted(trace, name)) for name in NAMES)
    assert picture.captions[0].count(" is ") == len(NAMES)


def test_at_a_step_it_shows_what_was_noted_until_then():
    trace = explorer.decode("toy", "abc", "mirostat", max_new_tokens=6)
    picture = drawn(trace)
    for step in range(picture.last_step + 1):
        until = [e for e in trace.events if isinstance(e, NoteEvent) and e.step <= step]
        assert len(visible_at(picture, step)) == len(until)


def test_what_has_no_unit_has_a_panel_of_its_own():
    picture = drawn(explorer.decode("toy", "abc", "entropy_temperature", max_new_tokens=4))
    assert picture.title == "entropy, temperature"
    assert picture.figure["layout"]["yaxis"]["title"]["text"] == "nats"
    assert picture.figure["layout"]["yaxis2"]["title"]["text"] == "temperature"


@pytest.mark.parametrize(("names", "found"), [(1, 1), (4, 1), (5, 2), (9, 3)])
def test_more_panels_than_can_be_read_go_into_another_picture(names, found):
    s = Script()
    for i in range(names):
        s.note(f"quantity {i}", float(i))
    ids = [p.id for p in pictures(s.folded(), str, ()) if p.id.startswith("lines")]
    assert len(ids) == len(set(ids)) == found


def test_names_and_units_cannot_be_markup():
    s = Script()
    s.note("<b>x", 1.0)
    notes = [{"name": "<b>x", "about": "x", "unit": "<i>", "drawn_as": "line"}]
    (picture,) = [p for p in pictures(s.folded(), str, notes) if p.id == "lines"]
    assert "<" not in str(picture.figure)
