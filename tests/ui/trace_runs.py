"""Runs made by hand for the trace view: no model, no waiting, every awkward text."""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from math import log

from explorer.decoding import decode
from explorer.models.library import Library
from explorer.trace import (
    AnyEvent,
    ChoiceEvent,
    DoneEvent,
    EvalEvent,
    Header,
    MarkEvent,
    NodeEvent,
    Output,
    Trace,
    ViewEvent,
)
from explorer.worker import End

TEXT = (
    "the mill by king came to a river and said old daughter went home with her bread , then . "
    "wood ing un believ able"
)
WORDS = TEXT.split()
HOSTILE = (
    "<script>window.hacked = 1</script>", "${window.hacked = 1}", "{{window.hacked = 1}}", "`x`",
    "<img src=x onerror='window.hacked = 1'>", "![x](http://example.org/x.png)", "\u202eabc\u2066",
    "\x00\x1b[31m", "\n", "\t", "  ", "", "a" * 300, "שלום", "مرحبا", "\u0301", "👩‍🚀", "漢字かな",
    "\"'><b>", "</button></section><h1>", "javascript:alert(1)", "&lt;b&gt;",
)  # fmt: skip


@dataclass
class Kept:
    """A run of that name (in place of its id), with a stand-in for its header."""

    name: str
    events: list[AnyEvent]
    token_text: Callable[[int], str]
    end: End = field(default_factory=lambda: End("done"))

    def trace(self) -> Trace:
        header = Header.model_construct(run_id=self.name, notes=[], prompt="", models={})
        return Trace(header, list(self.events))

    def by_step(self) -> list[list[AnyEvent]]:
        return [list(group) for _, group in groupby(self.events, key=lambda e: e.step)]


class Maker:
    """Writes a run: one call an event."""

    def __init__(self, seed: int = 0, prompt: tuple[int, ...] = (1, 2, 3), vocab: int = 25) -> None:
        self.random = random.Random(seed)
        self.vocab = vocab
        self.step, self.ms, self.nodes = 0, 0.0, 0
        self.events: list[AnyEvent] = [
            ViewEvent(step=0, ms=0.0, name="target", model={"id": "toy"}, prompt_ids=list(prompt))
        ]

    @property
    def at(self) -> dict:
        self.ms += 0.7
        return {"step": self.step, "ms": self.ms}

    def node(self, parent: int, token: int | None, by: str = "target") -> int:
        self.nodes += 1
        self.events.append(NodeEvent(**self.at, id=self.nodes, parent=parent, token=token, by=by))
        return self.nodes

    def mark(self, node: int, mark: str, why: str = "", **numbers: float) -> None:
        self.events.append(MarkEvent(**self.at, node=node, mark=mark, why=why, numbers=numbers))

    def eval(self, nodes: list[int], view: str = "target") -> None:
        self.events.append(
            EvalEvent(
                **self.at, view=view, nodes=nodes, took_ms=self.random.uniform(0.2, 0.6),
                rows=len(nodes), cached=self.nodes + 3, passes=1,
                entropies=[self.random.uniform(0, 6) for _ in nodes],
            )
        )  # fmt: skip

    def choice(self, node: int, chosen: int, stream: str = "target") -> None:
        tokens = [chosen, *(t for t in range(8) if t != chosen)]
        weights = [self.random.random() ** 3 + 0.001 for _ in tokens]
        raw = [log(w / sum(weights)) for w in weights]
        kept = sum(weights[:6])
        final = [log(w / kept) if i < 6 else None for i, w in enumerate(weights)]
        self.events.append(
            ChoiceEvent(
                **self.at, node=node, stream=stream, tokens=tokens, raw=raw, final=final,
                removed_by=[None if i < 6 else "top_k" for i in range(len(tokens))],
                removed_mass={"top_k": 0.2}, chosen=[chosen], u=self.random.random(),
            )
        )  # fmt: skip

    def done(self, node: int, reason: str = "length") -> None:
        out = [Output(node=node, token_ids=[], text="")]
        totals = {"seconds": self.ms / 1000}
        self.events.append(DoneEvent(**self.at, reason=reason, outputs=out, totals=totals))


def word(token: int) -> str:
    text = WORDS[token % len(WORDS)]
    return text if text in ",." or text in ("ing", "able", "believ") else f" {text}"


def hostile(token: int) -> str:
    return HOSTILE[token % len(HOSTILE)]


def sampled(name: str, length: int, token_text=word, vocab: int = 25, end: str = "length") -> Kept:
    """Token after token, as a sampler does."""
    m = Maker(vocab=vocab)
    head = 0
    for step in range(length):
        m.step = step
        m.eval([head])
        token = step % vocab if token_text is hostile else m.random.randrange(vocab)
        m.choice(head, token)
        head = m.node(head, token)
        m.mark(head, "emitted")
    if end:
        m.done(head, end)
    return Kept(name, m.events, token_text)


def searched(name: str, steps: int, beams: int = 5, token_text=word, vocab: int = 25) -> Kept:
    """A search that keeps some hypotheses and says why the others lost."""
    m = Maker(seed=1, vocab=vocab)
    living = [(0, 0.0)]
    for step in range(steps):
        m.step = step
        m.eval([n for n, _ in living])
        grown = []
        for n, logp in living:
            m.choice(n, m.random.randrange(8))
            for token in m.random.sample(range(vocab), 3):
                grown.append((m.node(n, token), logp + log(m.random.uniform(0.01, 0.6))))
        grown.sort(key=lambda pair: -pair[1])
        living, lost = grown[:beams], grown[beams:]
        for n, logp in living:
            m.mark(n, "kept", logp=logp)
        for n, logp in lost:
            m.mark(n, "pruned", "outranked", logp=logp, margin=living[-1][1] - logp)
    best = living[0][0]
    parents = {e.id: e.parent for e in m.events if isinstance(e, NodeEvent)}
    path = [best]
    while parents[path[-1]]:
        path.append(parents[path[-1]])
    m.mark(best, "finished", score=-1.25)
    for n in reversed(path):
        m.mark(n, "emitted")
    m.done(best)
    return Kept(name, m.events, token_text)


def guessed(name: str, rounds: int, token_text=word, vocab: int = 25) -> Kept:
    """Rounds of three guesses, some of which stand."""
    m = Maker(seed=2, vocab=vocab)
    head = 0
    for step in range(rounds):
        m.step = step
        guesses, at = [], head
        for _ in range(3):
            m.eval([at], "draft")
            token = m.random.randrange(8)
            m.choice(at, token, "draft")
            at = m.node(at, token, by="draft")
            guesses.append(at)
        m.eval([head, *guesses])
        stands = m.random.randint(0, 3)
        for i, n in enumerate(guesses):
            q = m.random.uniform(0.3, 0.6)
            p = q * (1.2 if i < stands else 0.4)
            if i > stands:
                m.mark(n, "pruned", "below a rejected guess")
                continue
            ratio = min(1.0, p / q)
            fate = "accepted" if i < stands else "rejected"
            m.mark(n, fate, "", p=p, q=q, ratio=ratio, u=ratio * 0.7 if i < stands else 0.9)
        above = guesses[stands - 1] if stands else head
        token = m.random.randrange(8, vocab)
        added = m.node(above, token)
        for n in [*guesses[:stands], added]:
            m.mark(n, "emitted")
        head = added
    m.done(head)
    return Kept(name, m.events, token_text)


def _stopped() -> Kept:
    run = sampled("stopped", 12, end="stopped")
    run.end = End("stopped")
    return run


def _failed() -> Kept:
    run = sampled("failed", 12, end="")
    run.end = End("failed", "The process that ran it died; what was made until then is kept.")
    return run


def _real_search() -> Kept:
    """More than 5,000 nodes, of the bundled target."""
    model = Library().get("target")
    trace = decode(model, "Once upon a time", "beam_search", max_new_tokens=90, num_beams=64)
    return Kept("real search", trace.events, model.token_text)


RUNS: dict[str, Callable[[], Kept]] = {
    "sample": cache(lambda: sampled("sample", 40)),
    "search": cache(lambda: searched("search", 20)),
    "real search": cache(_real_search),
    "large": cache(lambda: guessed("large", 150)),
    "rounds": cache(lambda: guessed("rounds", 8)),
    "one": cache(lambda: sampled("one", 1, end="eos")),
    "none": cache(lambda: Kept("none", Maker().events, word)),
    "long": cache(lambda: sampled("long", 1000)),
    "gaps": cache(lambda: sampled("gaps", 200)),
    "200": cache(lambda: sampled("200", 200)),
    "stopped": cache(_stopped),
    "failed": cache(_failed),
    "hostile": cache(lambda: sampled("hostile", 44, hostile, len(HOSTILE))),
    "hostile search": cache(lambda: searched("hostile search", 6, 4, hostile, len(HOSTILE))),
    "hostile rounds": cache(lambda: guessed("hostile rounds", 4, hostile, len(HOSTILE))),
}


def _real(name: str) -> Kept:
    found, texts = _pickled()
    return Kept(name, found[name][1], lambda t: texts.get(t, f"⟨{t}⟩"))


@cache
def _pickled():
    # Runs of real models, pickled beforehand, for looking at the page by hand.
    with open(os.environ["TRACE_RUNS"], "rb") as file:
        return pickle.load(file)


if "TRACE_RUNS" in os.environ:
    RUNS |= {name: cache(lambda name=name: _real(name)) for name in _pickled()[0]}
