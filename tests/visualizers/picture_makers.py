"""Runs to draw: every registered method on toy tables, the bundled models, and what goes wrong."""

from __future__ import annotations

from functools import cache

from oracle import play, toy_pair

import explorer
from explorer.errors import ExplorerError
from explorer.models.library import Library
from explorer.randomness import Seeded
from explorer.registry import all_methods
from explorer.trace import (
    ChoiceEvent,
    DoneEvent,
    EvalEvent,
    Fold,
    MarkEvent,
    NodeEvent,
    NoteEvent,
    Output,
    ViewEvent,
)
from visualizers import VISUALIZERS
from visualizers.reading import Reading


def toy_events(method, params=None, seed=0, length=6):
    events = []
    run = play(method, params or {}, toy_pair(), Seeded(seed), length, record=events)
    run.end()
    return events


def letter(token):
    return "∎" if token == 0 else chr(ord("a") + token - 1)


class Script:
    """A hand-written trace: one call an event, times made up."""

    def __init__(self, prompt=(1, 2)):
        self.events = [
            ViewEvent(step=0, ms=0.0, name="target", model={"id": "toy"}, prompt_ids=list(prompt))
        ]
        self.step = 0
        self.nodes = 0

    @property
    def at(self):
        return {"step": self.step, "ms": float(len(self.events))}

    def node(self, parent, token, by="target"):
        self.nodes += 1
        self.events.append(NodeEvent(**self.at, id=self.nodes, parent=parent, token=token, by=by))
        return self.nodes

    def mark(self, node, mark, why="", into=None, **numbers):
        self.events.append(
            MarkEvent(**self.at, node=node, mark=mark, why=why, numbers=numbers, into=into)
        )

    def note(self, name, value, node=None):
        self.events.append(NoteEvent(**self.at, name=name, value=value, node=node))

    def eval(self, nodes, rows=1, passes=1, view="target"):
        self.events.append(
            EvalEvent(
                **self.at, view=view, nodes=nodes, took_ms=0.5, rows=rows, cached=rows,
                passes=passes, entropies=[0.5] * len(nodes),
            )
        )  # fmt: skip

    def choice(self, node, tokens, chosen, stream="target", removed_by=None, mass=None):
        n = len(tokens)
        self.events.append(
            ChoiceEvent(
                **self.at, node=node, stream=stream, tokens=tokens, raw=[-1.0] * n,
                final=[None if c else -0.5 for c in removed_by or [None] * n],
                removed_by=removed_by or [None] * n, removed_mass=mass or {}, chosen=chosen, u=0.5,
            )
        )  # fmt: skip

    def folded(self):
        return Fold().feed_all(self.events)

    def done(self, node=0, reason="complete"):
        output = Output(node=node, token_ids=[], text="")
        self.events.append(DoneEvent(**self.at, reason=reason, outputs=[output], totals={}))


def _strange():
    """Virtual nodes, a merge, a token from a person, a revived hypothesis, a run that broke off."""
    s = Script()
    soft, person, other = s.node(0, None), s.node(0, 3, by="person"), s.node(0, 4)
    s.eval([0, soft])
    s.mark(person, "forced")
    s.mark(soft, "kept", logp=-1.0)
    s.mark(other, "pruned", "outranked", margin=0.25)
    s.step = 2  # nothing at all happens in step 1
    child = s.node(soft, 1)
    s.mark(child, "merged", "the same meaning", into=person)
    s.mark(soft, "pruned", "outranked")
    s.step = 3
    again = s.node(other, 2)
    s.mark(other, "kept", logp=-2.0)
    s.mark(again, "finished", score=-0.5)
    s.step = 4
    s.mark(person, "emitted")
    s.node(person, 2)
    s.done(person, "failed")
    return s.events


def _noted():
    s = Script()
    for step in range(4):
        s.step = step
        s.note("temperature", 0.5 + step)
        s.note("utility", [[1.0, step], [0.0, float("nan")]])
        s.note("row", [0.1, 0.2 * step])
        s.note("state", "<script>alert(1)</script>")
        s.note("mixed", {"a": [1, None]}, node=0)
    s.done()
    return s.events


def _one_token():
    s = Script()
    s.choice(0, [0, 1], [0], removed_by=[None, "top_k"], mass={"top_k": 0.4})
    node = s.node(0, 0)
    s.mark(node, "emitted")
    s.done(node, "eos")
    return s.events


@cache
def traces():
    """Name -> (events, text of a token)."""
    found = {"nothing": [], "only a view": Script().events}
    s = Script()
    s.done(reason="failed")
    found["failed at once"] = s.events
    found |= {"strange": _strange(), "noted": _noted(), "one token": _one_token()}
    for method in all_methods():
        found |= {f"{method} {seed}": toy_events(method, seed=seed) for seed in (0, 1)}
    found["beam, wide"] = toy_events("beam_search", {"num_beams": 12}, length=8)
    found["sample, filtered"] = toy_events(
        "sample", {"filters": "temperature=0.8,top_k=3,top_p=0.7"}
    )
    for merge in ("rcb", "zip"):
        values = {"n": 2, "min_length": 0, "num_beams": 3, "merge": merge, "texts": 3}
        found[f"lattice, {merge}"] = toy_events("lattice", values, length=8)
    found["greedy drafts"] = toy_events(
        "speculative_sampling", {"filters": "temperature=0"}, length=9
    )
    named = {name: (events, letter) for name, events in found.items()}
    return named | _bundled()


def _bundled():
    """Runs of the bundled models; none in a checkout without them."""
    try:
        target = Library().get("target")
    except ExplorerError:
        return {}
    jobs = {"beam_search": ({"num_beams": 6}, target), "speculative_tree": ({}, target)}
    return {
        f"bundled {method}": (
            explorer.decode(model, "Once upon a time", method, max_new_tokens=10, **params).events,
            model.token_text,
        )
        for method, (params, model) in jobs.items()
    }


def fold(events, step=None):
    return Fold().feed_all(e for e in events if step is None or e.step <= step)


def last_step(events):
    return max((e.step for e in events), default=0)


# What the methods declare; of all together, since a trace here is events alone.
DECLARED = [note.as_dict() for method in all_methods().values() for note in method.notes]


def draw_all(folded, token_text, notes=DECLARED):
    """Every visualizer's pictures, whether or not the registry would ask for them."""
    reading = Reading(folded, token_text, notes)
    return {p.id: p for visualizer in VISUALIZERS for p in visualizer.draw(reading)}
