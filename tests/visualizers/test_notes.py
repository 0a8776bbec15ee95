"""Quantities in one unit share a picture; all others have one of their own."""

from __future__ import annotations

import explorer
from explorer.trace import NoteEvent
from visualizers import pictures
from visualizers.picture import visible_at


def drawn(trace):
    found = pictures(trace.fold(), str, trace.header.notes)
    return {picture.id: picture for picture in found if picture.id.startswith("note")}


def noted(trace, name):
    return [e for e in trace.events if isinstance(e, NoteEvent) and e.name == name]


def test_lines_in_one_unit_share_a_picture():
    trace = explorer.decode("toy", "abc", "mirostat", max_new_tokens=6)
    found = drawn(trace)
    assert list(found) == ["note surprise", "note kept_tokens"]
    picture = found["note surprise"]
    names = ["surprise", "mean_surprise", "mu"]
    assert sorted(picture.title.split(", ")) == sorted(n.replace("_", " ") for n in names)
    lines = {line["name"].replace(" ", "_"): line for line in picture.figure["data"]}
    for name in names:
        assert lines[name]["y"] == [event.value for event in noted(trace, name)]
        assert lines[name]["meta"]["born"] == [event.step for event in noted(trace, name)]
    looks = {(line["line"]["dash"], line["marker"]["symbol"]) for line in lines.values()}
    assert len(looks) == 3, "told apart without colour"
    assert len(picture.table.rows) == sum(len(noted(trace, name)) for name in names)
    assert picture.captions[0].count(" is ") == 3


def test_a_shared_picture_shows_at_a_step_what_was_noted_until_then():
    trace = explorer.decode("toy", "abc", "mirostat", max_new_tokens=6)
    picture = drawn(trace)["note surprise"]
    for step in range(picture.last_step + 1):
        until = [e for e in trace.events if isinstance(e, NoteEvent) and e.step <= step]
        assert len(visible_at(picture, step)) == sum(e.name != "kept_tokens" for e in until)


def test_lines_in_other_units_or_in_none_stand_alone():
    trace = explorer.decode("toy", "abc", "entropy_temperature", max_new_tokens=4)
    assert list(drawn(trace)) == ["note entropy", "note temperature"]
