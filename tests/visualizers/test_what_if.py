"""The pictures of what guesses gained, and whose they were, against plain counts of the trace."""

import pytest
from picture_makers import draw_all, fold, letter, toy_events

from explorer.speedup import expected_tokens, flat
from visualizers.reading import Reading
from visualizers.what_if import measured
from visualizers.words import number

METHODS = ("speculative_sampling", "speculative_tree", "rasd", "prompt_lookup", "pearl")


def last_rows(table):
    return [r for r, s in zip(table.rows, table.steps, strict=True) if s == table.steps[-1]]


@pytest.mark.parametrize("method", METHODS)
def test_the_gain_of_a_run_at_another_cost_is_its_tokens_over_its_passes(method):
    events = toy_events(method, length=9)
    rows = last_rows(draw_all(fold(events), letter)["what_if_cost"].table)
    passes = [e for e in events if e.kind == "eval" and e.view == "target"]
    drafted = sum(e.passes for e in events if e.kind == "eval" and e.view != "target")
    tokens = sum(e.kind == "mark" and e.mark == "emitted" for e in events)
    for _, c, hardware, gain in rows[:9]:
        rise = {"2 %": 0.02, "10 %": 0.1}.get(hardware.rpartition("costs ")[2], 0.0)
        time = c * drafted + sum(1 + rise * (len(e.nodes) - 1) for e in passes)
        assert gain == pytest.approx(tokens / time, abs=1e-3)


@pytest.mark.parametrize("method", ["speculative_sampling", "pearl"])
def test_at_the_cost_that_the_caption_names_nothing_is_gained(method):
    found = measured(Reading(fold(toy_events(method, length=9)), letter))
    told = draw_all(fold(toy_events(method, length=9)), letter)["what_if_cost"].captions[-1]
    assert found[-1].gain(found[-1].even, flat) == pytest.approx(1)
    assert f"above {number(found[-1].even)} guessing loses" in told
    silent = draw_all(fold(toy_events("prompt_lookup", length=9)), letter)["what_if_cost"]
    assert "guessing loses" not in silent.captions[-1], "nobody drafts there"


def test_other_lengths_are_the_formula_at_the_measured_acceptance():
    events = toy_events("prompt_lookup", {"filters": "none", "max_ngram": 1}, length=12)
    drawn = draw_all(fold(events), letter)
    rows = last_rows(drawn["what_if_length"].table)
    marks = [e for e in events if e.kind == "mark"]
    stood = sum(m.mark == "accepted" for m in marks)
    fell = sum(m.mark == "rejected" for m in marks)
    assert stood + fell
    for _, gamma, hardware, gain in rows:
        if "free" in hardware:  # nobody drafts, so guesses cost nothing
            assert gain == pytest.approx(expected_tokens(stood / (stood + fell), gamma), abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_every_guess_is_counted_once_for_who_made_it(method):
    events = toy_events(method, length=9)
    rows = last_rows(draw_all(fold(events), letter)["proposals"].table)
    made = [e for e in events if e.kind == "node" and e.by not in ("target", "prompt")]
    told = {by: n for _, by, *n in rows}
    assert set(told) == {e.by for e in made}
    for by, (accepted, rejected, rest) in told.items():
        mine = {e.id for e in made if e.by == by}
        marks = [e for e in events if e.kind == "mark" and e.node in mine]
        assert accepted == sum(m.mark == "accepted" for m in marks)
        assert accepted + rejected + rest >= len(mine)


def test_ranks_are_counted_where_something_was_judged():
    events = toy_events("speculative_tree", {"branching": (3,)}, length=9)
    rows = last_rows(draw_all(fold(events), letter)["ranks"].table)
    offered = [row[2] for row in rows]
    assert offered == sorted(offered, reverse=True)
    accepted = sum(e.kind == "mark" and e.mark == "accepted" for e in events)
    assert sum(row[3] for row in rows) == accepted > 0
