"""What every picture of every run must keep."""

from __future__ import annotations

import json

import pytest
from picture_makers import DECLARED, draw_all, fold, last_step, letter, toy_events, traces

from explorer.registry import all_methods
from visualizers import features, pictures
from visualizers.picture import Mark, class_at, frame_at, visible_at
from visualizers.reading import Reading
from visualizers.style import CLASSES, GREEN, ORANGE, SKY, looks

NAMES = list(traces())
each_run = pytest.mark.parametrize("name", NAMES)
# Which runs of tokens are joined, and what is folded into a stub, depends on the whole tree.
LAYOUT = ("run", "edge", "stub", "count", "after")


def seen(picture, step):
    """What is shown, without what is layout alone; a tree with its stubs open."""
    shown = visible_at(picture, step, opened=True)
    if picture.id == "hypotheses":
        shown = [s for s in shown if s.of.split()[0] not in LAYOUT]
    return [s for s in shown if s.cls != "axis"]


def differences(events, token_text):
    """Where a picture of the whole run, at a step, differs from a picture of the run up to it."""
    whole = draw_all(fold(events), token_text)
    found = []
    for step in range(last_step(events) + 1):
        part = draw_all(fold(events, step), token_text)
        for name, picture in whole.items():
            now = seen(picture, step)
            then = seen(part[name], step) if name in part else []
            if now != then:
                found.append((name, step, set(now) ^ set(then)))
    return found


@each_run
def test_the_marks_shown_at_a_step_are_those_of_the_fold_up_to_it(name):
    assert differences(*traces()[name]) == []


def test_the_comparison_sees_a_picture_that_knows_the_future(monkeypatch):
    """Negative control: nodes drawn from their birth on with the class they end with."""
    events = toy_events("beam_search")
    real = Reading.histories.func
    monkeypatch.setattr(
        Reading, "histories", property(lambda self: [[(h[0][0], h[-1][1])] for h in real(self)])
    )
    assert differences(events, letter)


@each_run
def test_captions_and_table_rows_of_a_step_do_not_know_the_future(name):
    events, token_text = traces()[name]
    whole = draw_all(fold(events), token_text)
    for step in range(last_step(events) + 1):
        part = draw_all(fold(events, step), token_text)
        for key, early in part.items():
            late = whole[key]
            assert early.captions == late.captions[: len(early.captions)]
            rows = [r for r, s in zip(late.table.rows, late.table.steps, strict=True) if s <= step]
            assert early.table.rows == rows


@each_run
def test_a_picture_is_complete_and_plain_data(name):
    events, token_text = traces()[name]
    for picture in draw_all(fold(events), token_text).values():
        assert picture.title and picture.what.endswith(".") and picture.how.endswith(".")
        assert len(picture.captions) == last_step(events) + 1
        assert all(
            c.startswith(f"Step {s + 1}: ") and c[-1] == "." for s, c in enumerate(picture.captions)
        )
        table = picture.table
        assert len(table.rows) == len(table.steps)
        assert table.steps == sorted(table.steps)
        assert {len(row) for row in table.rows} <= {len(table.columns)}
        assert {cls for cls, _ in picture.legend} <= set(CLASSES)
        if picture.kind == "marks":
            assert len(picture.focus) == len(picture.captions)
        assert [frame.step for frame in picture.frames] == sorted(f.step for f in picture.frames)
        plain = picture.to_dict()
        assert json.loads(json.dumps(plain, allow_nan=False)) == json.loads(json.dumps(plain))


@each_run
def test_no_two_marks_of_one_name_are_shown_at_once_and_all_classes_are_known(name):
    events, token_text = traces()[name]
    for picture in draw_all(fold(events), token_text).values():
        for step in range(picture.last_step + 1):
            shown = visible_at(picture, step, opened=True)
            assert len({s.of for s in shown}) == len(shown)
            assert {s.cls for s in shown} <= {*CLASSES, "point"}


@each_run
def test_marks_stand_inside_the_figure(name):
    events, token_text = traces()[name]
    for picture in draw_all(fold(events), token_text).values():
        columns, lines = picture.size
        for mark in picture.marks:
            assert mark.x >= -0.5
            assert mark.x + mark.width <= columns + 1
            assert mark.y >= 0
            assert mark.y + mark.height <= lines + 1


def test_pictures_are_chosen_by_the_events_alone():
    chosen = {
        method: [p.id for p in pictures(fold(toy_events(method)), letter)]
        for method in ("greedy", "beam_search", "speculative_sampling")
    }
    assert chosen["greedy"] == ["ribbon", "distribution", "entropy", "passes"]
    assert "hypotheses" in chosen["beam_search"]
    assert "rounds" not in chosen["beam_search"]
    assert {"rounds", "acceptance", "committed", "time"} <= set(chosen["speculative_sampling"])
    assert [p.id for p in pictures(fold([]), letter)] == ["ribbon"]


def test_a_name_is_drawn_in_one_way_by_all_who_note_it():
    """So that traces can be drawn here by the notes of all methods together."""
    ways = {}
    for note in DECLARED:
        ways.setdefault(note["name"], set()).add(note["drawn_as"])
    assert not {name: drawn for name, drawn in ways.items() if len(drawn) > 1}


def test_features_name_what_there_is():
    here = features(fold(toy_events("speculative_tree")))
    assert {"view", "eval", "choice", "node", "mark", "guess", "branch", "done"} <= here
    assert features(fold([])) == set()


def test_the_class_of_a_mark_follows_birth_changes_and_death():
    mark = Mark("m", "text", 0, 0, "open", born=2, changes=[(3, "pruned"), (5, "open")], dies=7)
    classes = [class_at(mark, step) for step in range(8)]
    assert classes == [None, None, "open", "pruned", "pruned", "open", "open", None]


def test_of_a_steps_frames_the_first_is_shown():
    picture = draw_all(fold(toy_events("beam_search")), letter)["distribution"]
    firsts = {}
    for frame in picture.frames:
        firsts.setdefault(frame.step, frame.of)
    assert all(frame_at(picture, step).of == name for step, name in firsts.items())
    picture.frames = [f for f in picture.frames if f.step > 0]
    assert frame_at(picture, 0) is None
    assert visible_at(picture, 0) == []


def test_no_class_is_told_by_its_colour_alone():
    told = [
        (look.sign, look.line, look.filled, look.struck, look.letters) for look in CLASSES.values()
    ]
    tree = [told[i] for i, name in enumerate(CLASSES) if CLASSES[name].sign]
    same = {"text", "accepted"}  # an accepted guess is text
    assert len(set(tree)) == len(tree) - (len(same) - 1)
    assert looks()["guess"]["line"] == "dashed"
    assert {looks()[c]["colour"] for c in ("guess", "added", "finished")} == {ORANGE, SKY, GREEN}


def test_every_visualizer_says_in_a_sentence_what_one_sees_and_then_how_to_read_it():
    drawn, chosen = {}, {}
    for events, token_text in traces().values():
        drawn |= draw_all(fold(events), token_text)
        chosen |= {p.id: p for p in pictures(fold(events), token_text, DECLARED)}
    noted = {p.id for p in chosen.values() if p.id.startswith("note")}
    assert set(drawn) - noted == set(chosen) - noted, "each is chosen for some run"
    titles = [t for m in all_methods().values() if " " in (t := m.title.lower())]
    for picture in chosen.values():
        assert ". " not in picture.what, "one sentence"
        least = 1 if picture.id in noted else 5  # what a note is, its method says
        assert least <= len(picture.what.split()) <= 40
        assert 5 <= len(picture.how.split()) <= 80
        said = f"{picture.what} {picture.how}".lower()
        assert not [title for title in titles if title in said], "a picture knows no method"
        assert picture.table.columns
