"""Headers and events that look like a run's, made quickly and without a model."""

from __future__ import annotations

import itertools
import math
import random
from array import array

from explorer.trace import (
    ChoiceEvent,
    DoneEvent,
    EvalEvent,
    Header,
    MarkEvent,
    NodeEvent,
    NoteEvent,
    Output,
    Trace,
    ViewEvent,
)

_ids = itertools.count(1)


def make_header(prompt="Once upon a time", method="sample", model="target", **values):
    known = {
        "run_id": f"{next(_ids):016x}",
        "created": "2026-01-01T00:00:00+00:00",
        "method": method,
        "method_version": 1,
        "params": {"temperature": 0.1 + 0.2, "filters": [{"kind": "top_k", "k": 5}]},
        "notes": [{"name": "mu", "about": "surprise aimed at"}],
        "models": {"target": model},
        "prompt": prompt,
        "prompt_ids": [1, 2, 3],
        "seed": 7,
        "limits": {"max_new_tokens": 64, "max_seconds": None},
        "versions": {"torch": "2.13.0"},
        "threads": 2,
    }
    return Header(**(known | values))


def float32(x):
    """The number that is left of `x` in single precision."""
    return array("f", [x])[0]


def make_choice(step, candidates=10, single=True, seed=0):
    """A choice among candidates, half of them removed, in single or double precision."""
    r = random.Random(f"{seed} {step}")
    rounded = float32 if single else float
    raw = sorted((rounded(-r.expovariate(0.2)) for _ in range(candidates)), reverse=True)
    kept = candidates // 2
    return ChoiceEvent(
        step=step,
        ms=step * 5 + r.random(),
        node=step,
        stream="target",
        tokens=r.sample(range(50_000), candidates),
        raw=raw,
        final=[rounded(x + 0.3) if i < kept else None for i, x in enumerate(raw)],
        removed_by=[None if i < kept else "top_k" for i in range(candidates)],
        removed_mass={"top_k": r.random()},
        chosen=[0],
        u=r.random(),
    )


def make_events(steps=5, text=" there was", reason="length", seed=0):
    """Events of every kind, as a run of so many steps makes them, with its end."""
    events = [ViewEvent(step=0, ms=0.1, name="target", model={"id": "toy"}, prompt_ids=[1, 2])]
    for step in range(steps):
        at = {"step": step, "ms": step * math.pi}
        events += [
            EvalEvent(
                view="target", nodes=[step], took_ms=1 / 3, rows=1, cached=step, passes=1,
                entropies=[math.sqrt(step + 2)], **at,
            ),
            make_choice(step, seed=seed),
            NodeEvent(id=step + 1, parent=step, token=step + 40, by="target", **at),
            MarkEvent(node=step + 1, mark="emitted", numbers={"p": 0.1, "q": None}, **at),
            NoteEvent(name="mu", value={"deep": [1, 2.5, None, "é", True]}, node=step, **at),
        ]  # fmt: skip
    output = Output(node=steps, token_ids=[step + 40 for step in range(steps)], text=text)
    totals = {"steps": float(steps), "nodes": float(steps), "seconds": 0.25}
    done = DoneEvent(step=max(0, steps - 1), ms=9.0, reason=reason, outputs=[output], totals=totals)
    return [*events, done]


def make_trace(steps=5, text=" there was", reason="length", **header):
    return Trace(make_header(**header), make_events(steps, text, reason))


def same(events, others):
    """Equal to the last bit: `==` alone takes 1 for 1.0 and 0.0 for -0.0."""
    return repr(events) == repr(others)
