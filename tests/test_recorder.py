"""Events of a step wait for its end; that changes nothing about them, and loses none."""

from dataclasses import replace

import pytest
from oracle import PROMPT, play

from explorer import recorder
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.run import Limits, Run


def models():
    return {role: TableLM(24, seed, peak=2.0) for seed, role in enumerate(("target", "draft"))}


def events_of(method, params, monkeypatch, patience):
    monkeypatch.setattr(recorder, "PATIENCE_MS", patience)
    events = []
    play(method, params, models(), Seeded(1), 9, PROMPT, events, law_bytes=2**20)
    return [
        replace(event, ms=0.0, **({"took_ms": 0.0} if event.kind == "eval" else {}))
        for event in events
    ]


@pytest.mark.parametrize("method", ["rsd_s", "speculative_sampling", "specinfer", "sequoia"])
@pytest.mark.parametrize("filters", ["none", "temperature=0", "temperature=0.7,top_k=6,top_p=0.8"])
def test_events_are_the_same_together_and_one_by_one(method, filters, monkeypatch):
    together, alone = (
        events_of(method, {"filters": filters}, monkeypatch, patience)
        for patience in (float("inf"), -1.0)
    )
    assert [event.kind for event in together] == [event.kind for event in alone]
    for one, other in zip(together, alone, strict=True):
        if one.kind == "choice":
            assert one.removed_mass == pytest.approx(other.removed_mass)
            one, other = (replace(event, removed_mass={}) for event in (one, other))
        if one.kind == "eval":
            assert one.entropies == pytest.approx(other.entropies, rel=1e-5)
            one, other = (replace(event, entropies=[]) for event in (one, other))
        assert one == other


def broken_off(run, events, heard):
    """A method that fails in its second step, behind a choice."""
    for step in run.steps():
        (law,) = run.laws((), run.target([run.head]), [run.head])
        node = run.add(run.head, run.choose(law))
        heard.append(len(events))
        if step:
            raise RuntimeError
        run.emit(node)


def test_a_step_is_heard_at_its_end_and_what_a_failure_leaves_is_kept(monkeypatch):
    monkeypatch.setattr(recorder, "PATIENCE_MS", float("inf"))
    events, heard = [], []
    run = Run(models(), PROMPT, Seeded(0), Limits(max_new_tokens=4), record=events.append)
    with pytest.raises(RuntimeError):
        broken_off(run, events, heard)
    # The view is told at once. It is read and chosen from, a token stands there: that waits.
    assert [event.kind for event in events[: heard[0]]] == ["view"]
    assert heard[1] > 1
    run.end("failed")
    late = [event.kind for event in events[heard[1] :]]
    assert late == ["eval", "choice", "node", "done"]
    assert all(event.tokens for event in events if event.kind == "choice")
