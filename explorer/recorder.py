"""Turns what happens in a run into events, if anybody listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from explorer.law import Law, candidates_of
from explorer.trace import (
    AnyEvent,
    ChoiceEvent,
    DoneEvent,
    EvalEvent,
    MarkEvent,
    NodeEvent,
    NoteEvent,
    Output,
    ViewEvent,
)
from explorer.trace.events import MarkKind, Number, Value
from explorer.trace.laws import BYTES_A_TOKEN, law_text
from explorer.tree import TokenTree
from explorer.view import RecordingView, Work, entropies

if TYPE_CHECKING:
    from explorer.run import Prompt

MOST_LAWS = 8  # whole ones of a question: a wide search would use up its room in a few steps
# A number for all nodes of a mark, or one for each.
Numbers = float | int | None | Sequence[float] | Sequence[int]


class Recorder:
    """Stamps events with the step and the time and hands them to `sink`; None records nothing.

    Whatever costs more than an event itself is done only where there is a sink. Whole laws are
    kept as long as `law_bytes` last, of many at once the first few.
    """

    def __init__(self, sink: Callable[[AnyEvent], None] | None, law_bytes: int = 0) -> None:
        self._sink = sink
        self._law_bytes = law_bytes
        self._started = time.perf_counter()
        self.step = 0
        self._answered: set[str] = set()  # views, by name

    @property
    def ms(self) -> float:
        """Milliseconds since the run began."""
        return (time.perf_counter() - self._started) * 1000

    def view(
        self, name: str, model: dict[str, Value], prompt_ids: list[int], prompt: Prompt
    ) -> None:
        if self._sink:
            self._sink(
                ViewEvent(
                    step=self.step,
                    ms=self.ms,
                    name=name,
                    model=model,
                    prompt_ids=prompt_ids,
                    begun=len(prompt.begun),
                    forced=prompt.forced,
                )
            )

    def node(self, tree: TokenTree, node: int, by: str) -> None:
        if self._sink:
            mixture = tree.mixture(node)
            self._sink(
                NodeEvent(
                    step=self.step,
                    ms=self.ms,
                    id=node,
                    parent=tree.parent(node),
                    token=tree.token_or_none(node),
                    by=by,
                    mixed=[token for token, _ in mixture.shares] if mixture else None,
                    shares=[share for _, share in mixture.shares] if mixture else None,
                )
            )

    def eval(
        self, view: RecordingView, nodes: Sequence[int], logits: Tensor, work: Work, took_ms: float
    ) -> None:
        """A view's answer: `logits` (len(nodes), V), and what it cost."""
        if self._sink:
            first = view.name not in self._answered
            self._answered.add(view.name)
            self._sink(
                EvalEvent(
                    step=self.step,
                    ms=self.ms,
                    view=view.name,
                    nodes=list(nodes),
                    took_ms=took_ms,
                    rows=work.rows,
                    cached=work.cached,
                    passes=work.passes,
                    entropies=entropies(logits),
                    prompt_logps=[_finite(x) for x in view.prompt_logps()] if first else [],
                    prompt_rows=view.prompt_rows() if first else 0,
                )
            )

    def choices(
        self,
        laws: Sequence[Law],
        chosen: Sequence[Sequence[int]],
        u: Sequence[float | None] | None = None,
    ) -> None:
        """What was chosen from each law: its tokens, perhaps none, and the number behind a draw."""
        if not self._sink:
            return
        ms = self.ms
        columns = zip(laws, chosen, candidates_of(laws, chosen), strict=True)
        for i, (law, tokens, top) in enumerate(columns):
            entered, offset = self._law(law) if i < MOST_LAWS else ("", 0.0)
            self._sink(
                ChoiceEvent(
                    step=self.step,
                    ms=ms,
                    node=law.node,
                    stream=law.stream,
                    tokens=top.tokens,
                    raw=[_finite(x) for x in top.raw],
                    final=[_finite(x) for x in top.final],
                    removed_by=top.removed_by,
                    removed_mass=law.removed_mass(),
                    chosen=list(tokens),
                    u=u[i] if u else None,
                    entered=entered,
                    offset=offset,
                )
            )

    def _law(self, law: Law) -> tuple[str, float]:
        """The whole law as its filters were given it, if there is room for it, and its offset."""
        size = BYTES_A_TOKEN * len(law.raw)
        if size > self._law_bytes or (given := law.entered) is None:
            return "", 0.0
        self._law_bytes -= size
        half = given.to("cpu", torch.float16)
        return law_text(half.numpy()), float(law.filtered.offset[law.row])

    def mark(
        self,
        nodes: Sequence[int],
        mark: MarkKind,
        why: str = "",
        numbers: Mapping[str, Numbers] | None = None,
        into: int | None = None,
    ) -> None:
        """A decision about nodes; a sequence among `numbers` has one entry a node."""
        if not self._sink:
            return
        ms = self.ms
        for i, node in enumerate(nodes):
            behind: dict[str, Number] = {
                name: _finite(x[i] if isinstance(x, Sequence) else x)
                for name, x in (numbers or {}).items()
            }
            self._sink(
                MarkEvent(
                    step=self.step, ms=ms, node=node, mark=mark, why=why, numbers=behind, into=into
                )
            )

    def note(self, name: str, value: Value, node: int | None) -> None:
        if self._sink:
            self._sink(NoteEvent(step=self.step, ms=self.ms, name=name, value=value, node=node))

    def done(self, reason: str, outputs: list[Output], totals: dict[str, float]) -> DoneEvent:
        """The last event; it is made, and returned, also where nothing is recorded."""
        event = DoneEvent(step=self.step, ms=self.ms, reason=reason, outputs=outputs, totals=totals)
        if self._sink:
            self._sink(event)
        return event


def _finite(x: float | int | None) -> Number:
    """A number as it may stand in JSON; infinities and undefined values become None."""
    return x if x is not None and isfinite(x) else None
