"""Turns what happens in a run into events, if anybody listens.

What needs a whole law (entropies, candidates, who removed what) is worked out when a step's events
are handed over, for all of them at once: a law costs less among others than alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from explorer.law import Law, alike, candidates_of
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
PATIENCE_MS = 100.0  # a step of a slow model is seen as it goes on
MOST_WAITING = 64  # laws and logits: those of a large vocabulary fill memory
# A number for all nodes of a mark, or one for each.
Numbers = float | int | None | Sequence[float] | Sequence[int]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice whose candidates are still to be looked up; `whole` where its law may be kept."""

    event: ChoiceEvent
    law: Law
    whole: bool


class Recorder:
    """Stamps events with the step and the time and hands them to `sink`; None records nothing.

    Whatever costs more than an event itself is done only where there is a sink. Events of a step
    wait for its end, unless that takes long or a view is opened, and go on in the order in which
    they happened. Whole laws are kept as long as `law_bytes` last, of many at once the first few.
    """

    def __init__(self, sink: Callable[[AnyEvent], None] | None, law_bytes: int = 0) -> None:
        self._sink = sink
        self._law_bytes = law_bytes
        self._started = time.perf_counter()
        self.step = 0
        self._answered: set[str] = set()  # views, by name
        self._in_step = False
        self._due = PATIENCE_MS  # when what waits is handed over at the latest, in ms
        self._waiting: list[AnyEvent] = []
        self._evals: list[tuple[EvalEvent, Tensor]] = []  # of those that wait, with the logits
        self._chosen: list[Chosen] = []

    def begin_step(self, step: int) -> None:
        """What comes from now on belongs to that step."""
        self.hand_over()
        self.step, self._in_step = step, True

    def end_steps(self) -> None:
        """What comes from now on waits for nothing."""
        self.hand_over()
        self._in_step = False

    def hand_over(self) -> None:
        """Complete the events that wait, and let them go."""
        if not self._sink or not self._waiting:
            return
        events, self._waiting = self._waiting, []
        evals, self._evals = self._evals, []
        chosen, self._chosen = self._chosen, []
        for some in alike(evals, lambda one: one[1]):
            found = iter(entropies(torch.cat([logits for _, logits in some])))
            for answer, _ in some:
                answer.entropies = [next(found) for _ in answer.nodes]
        for choices in alike(chosen, lambda one: one.law.raw):
            laws = [one.law for one in choices]
            columns = candidates_of(laws, [one.event.chosen for one in choices])
            for one, top in zip(choices, columns, strict=True):
                choice = one.event
                choice.tokens, choice.removed_by = top.tokens, top.removed_by
                choice.raw, choice.final = _all_finite(top.raw), _all_finite(top.final)
                choice.removed_mass = top.removed_mass
        for one in chosen:
            if one.whole:
                one.event.entered, one.event.offset = self._law(one.law)
        for event in events:
            self._sink(event)
        self._due = self.ms + PATIENCE_MS

    def _tell(self, *events: AnyEvent) -> None:
        self._waiting += events
        many = len(self._evals) + len(self._chosen) >= MOST_WAITING
        if many or not self._in_step or events[-1].ms > self._due:
            self.hand_over()

    @property
    def ms(self) -> float:
        """Milliseconds since the run began."""
        return (time.perf_counter() - self._started) * 1000

    def view(
        self, name: str, model: dict[str, Value], prompt_ids: list[int], prompt: Prompt
    ) -> None:
        if self._sink:
            self._tell(
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
            self.hand_over()  # its first pass reads the prompt, which may take long

    def node(self, tree: TokenTree, node: int, by: str) -> None:
        if self._sink:
            mixture = tree.mixture(node)
            self._tell(
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
            event = EvalEvent(
                step=self.step,
                ms=self.ms,
                view=view.name,
                nodes=list(nodes),
                took_ms=took_ms,
                rows=work.rows,
                cached=work.cached,
                passes=work.passes,
                entropies=[],
                prompt_logps=_all_finite(view.prompt_logps()) if first else [],
                prompt_rows=view.prompt_rows() if first else 0,
            )
            self._evals.append((event, logits))
            self._tell(event)

    def choices(
        self,
        laws: Sequence[Law],
        chosen: Sequence[Sequence[int]],
        u: Sequence[float | None] | None = None,
    ) -> None:
        """What was chosen from each law: its tokens, perhaps none, and the number behind a draw."""
        if not self._sink or not laws:
            return
        ms = self.ms
        events = [
            ChoiceEvent(
                step=self.step,
                ms=ms,
                node=law.node,
                stream=law.stream,
                tokens=[],
                raw=[],
                final=[],
                removed_by=[],
                removed_mass={},
                chosen=list(tokens),
                u=u[i] if u else None,
            )
            for i, (law, tokens) in enumerate(zip(laws, chosen, strict=True))
        ]
        those = zip(events, laws, strict=True)
        self._chosen += [Chosen(event, law, i < MOST_LAWS) for i, (event, law) in enumerate(those)]
        self._tell(*events)

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
            self._tell(
                MarkEvent(
                    step=self.step, ms=ms, node=node, mark=mark, why=why, numbers=behind, into=into
                )
            )

    def note(self, name: str, value: Value, node: int | None) -> None:
        if self._sink:
            self._tell(NoteEvent(step=self.step, ms=self.ms, name=name, value=value, node=node))

    def done(self, reason: str, outputs: list[Output], totals: dict[str, float]) -> DoneEvent:
        """The last event; it is made, and returned, also where nothing is recorded."""
        self.end_steps()
        event = DoneEvent(step=self.step, ms=self.ms, reason=reason, outputs=outputs, totals=totals)
        if self._sink:
            self._sink(event)
        return event


def _finite(x: float | int | None) -> Number:
    """A number as it may stand in JSON; infinities and undefined values become None."""
    return x if x is not None and isfinite(x) else None


def _all_finite(numbers: Sequence[float]) -> list[Number]:
    return [x if isfinite(x) else None for x in numbers]
