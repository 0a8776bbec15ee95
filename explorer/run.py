"""A run: what a decoding method receives, and where everything it does is recorded.

The tree, the views, the only source of randomness, the step loop, and the words for decisions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite

import torch
from torch import Tensor

from explorer.errors import MethodError
from explorer.law import Law, Mask, candidates_of
from explorer.randomness import Randomness
from explorer.registry import Note
from explorer.sampling import Filter, Seen, apply
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
from explorer.tree import ROOT, TokenTree
from explorer.view import LanguageModel, RecordingView, Work, entropies

Numbers = float | int | Sequence[float] | Sequence[int]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use at most."""

    max_new_tokens: int = 64
    max_nodes: int = 100_000
    max_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text a run starts from, as typed and as tokens."""

    text: str
    ids: tuple[int, ...]


class Run:
    """One decoding run.

    Args:
        models: role -> model; "target" is the one whose text is wanted.
        prompt: what to continue.
        randomness: where draws and coins come from.
        limits: tokens, nodes and seconds at most.
        notes: the quantities the method declared.
        record: receives every event; None records nothing.
        stop: asked at each step; True ends the run.
    """

    root = ROOT

    def __init__(
        self,
        models: Mapping[str, LanguageModel],
        prompt: Prompt,
        randomness: Randomness,
        limits: Limits | None = None,
        notes: Sequence[Note] = (),
        record: Callable[[AnyEvent], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.models = models
        self.prompt = prompt
        self.limits = limits or Limits()
        self.limit = self.limits.max_new_tokens  # of new tokens; a view's context may lower it
        self.tree = TokenTree()
        self.tree.on_add = self._on_add
        self.step = 0
        self.head = ROOT  # the last emitted node
        self.u: float | None = None  # the random number behind the last draw or coin
        self.views: list[RecordingView] = []
        self._randomness = randomness
        self._notes = {note.name: note for note in notes}
        self._record = record
        self._stop = stop
        self._by = "target"
        self._started = time.perf_counter()
        self._target_passes = 0
        self._answer: list[tuple[int, float | None]] = []
        self._reason: str | None = None
        self._steps_begun = 0

    # Views -------------------------------------------------------------------------------------

    def open(
        self,
        role: str = "target",
        prompt: str | Sequence[int] | None = None,
        name: str | None = None,
        hidden: Sequence[int] = (),
    ) -> RecordingView:
        """A view of the tree by the model in that role, behind the run's prompt or another one."""
        model = self.models[role]
        if prompt is None:
            ids = list(self.prompt.ids)
        else:
            ids = model.encode(prompt) if isinstance(prompt, str) else list(prompt)
        name = name or role
        if any(view.name == name for view in self.views):
            raise MethodError(f"A view called {name!r} is open already; name the second one.")
        view = RecordingView(model.open(self.tree, ids, name, hidden), self._on_eval)
        self.limit = min(self.limit, model.room(len(ids)))
        self.views.append(view)
        if self._record:
            self._record(
                ViewEvent(
                    step=self.step, ms=self._ms(), name=name, model=model.describe(), prompt_ids=ids
                )
            )
        return view

    @cached_property
    def target(self) -> RecordingView:
        """The model whose text is wanted, behind the run's prompt."""
        return self.open("target")

    @cached_property
    def draft(self) -> RecordingView:
        """The model that guesses, behind the run's prompt."""
        return self.open("draft")

    # The tree ----------------------------------------------------------------------------------

    def add(self, parent: int, token: int, by: str = "target") -> int:
        """The child of `parent` with this token; `by` says who proposed it."""
        self._by = by
        return self.tree.add(parent, token)

    @property
    def eos_ids(self) -> frozenset[int]:
        """The tokens with which the target ends its text."""
        return self.models["target"].eos_ids

    def is_eos(self, token: int) -> bool:
        """Whether the target ends its text with this token."""
        return token in self.eos_ids

    # Laws and choices --------------------------------------------------------------------------

    def laws(
        self,
        filters: Sequence[Filter],
        logits: Tensor,
        nodes: Sequence[int],
        stream: str = "target",
    ) -> list[Law]:
        """The laws after each node: logits `(len(nodes), V)` through the filter chain."""
        reads_seen = any(f.reads_seen for f in filters)
        seen = [Seen(self.prompt.ids, tuple(self.tree.tokens(n))) for n in nodes if reads_seen]
        filtered = apply(filters, logits, seen)
        names = tuple(f.name for f in filters)
        raws = filtered.raw.unbind()
        logps = raws if filtered.logp is filtered.raw else filtered.logp.unbind()
        return [
            Law(node, stream, raws[i], logps[i], filtered, i, names) for i, node in enumerate(nodes)
        ]

    def combined(
        self,
        filters: Sequence[Filter],
        score: Tensor,
        node: int,
        stream: str,
        raw: Tensor,
        mask: str = "",
    ) -> Law:
        """The law that a method made of several readings.

        `score` (1, V) goes through the filters; `raw` (1, V) are the log-probabilities to compare
        it with; `mask` names what put entries of the score to minus infinity.
        """
        (law,) = self.laws(filters, score, [node], stream)
        gone = score[0] == -torch.inf
        masks = (Mask(mask, gone, float(raw[0][gone].exp().sum())),) if mask else ()
        return replace(law, raw=raw[0], masks=masks)

    def draw(self, p: Tensor) -> int:
        """An index drawn from the law `p` (V,); the number behind it stays in `run.u`."""
        index, self.u = self._randomness.draw(p)
        return index

    def coin(self, p: float) -> bool:
        """True with probability `p`; the number behind it stays in `run.u`."""
        side, self.u = self._randomness.coin(p)
        return side

    def choose(self, law: Law) -> int:
        """A token drawn from the law, and the choice recorded."""
        token = self.draw(law.probs)
        self._on_choices([law], [[token]], self.u)
        return token

    def choose_best(self, law: Law) -> int:
        """The law's most probable token, and the choice recorded."""
        token = law.best
        self._on_choices([law], [[token]], None)
        return token

    def choose_these(self, laws: Sequence[Law], tokens: Sequence[Sequence[int]]) -> None:
        """Record what a method chose by itself: for each law its tokens, perhaps none."""
        self._on_choices(laws, tokens, None)

    # The step loop -----------------------------------------------------------------------------

    def steps(self) -> Iterator[int]:
        """Step numbers, until the text has ended or a limit or a request ends the run."""
        while (reason := self._why_end()) is None:
            self.step = self._steps_begun
            self._steps_begun += 1
            yield self.step
        self._reason = reason

    @property
    def remaining(self) -> int:
        """Tokens that may still be emitted."""
        return self.limit - self.tree.depth(self.head)

    def _why_end(self) -> str | None:
        if self._has_ended():
            return "eos"
        if self.remaining <= 0:
            return "length"
        if self._stop():
            return "stopped"
        if len(self.tree) > self.limits.max_nodes:
            return "nodes"
        if time.perf_counter() - self._started > self.limits.max_seconds:
            return "time"
        return None

    # Decisions ---------------------------------------------------------------------------------

    def keep(self, nodes: Sequence[int], why: str = "", **numbers: Numbers) -> None:
        """These hypotheses go on."""
        self._mark(nodes, "kept", why, numbers)

    def prune(self, nodes: Sequence[int], why: str, **numbers: Numbers) -> None:
        """These hypotheses lost."""
        self._mark(nodes, "pruned", why, numbers)
        for node in nodes:
            self.tree.kill_hypothesis(node)

    def accept(self, node: int, why: str = "", **numbers: float | None) -> None:
        """This guess stands."""
        self._mark([node], "accepted", why, numbers)

    def reject(self, node: int, why: str, **numbers: float | None) -> None:
        """This guess falls, and with it all that was guessed below it."""
        self._mark([node], "rejected", why, numbers)
        below = [n for n in self.tree.kill_guess(node) if n != node]
        self._mark(below, "pruned", "below a rejected guess", {})

    def discard(self, node: int, why: str) -> None:
        """This guess and all below it are dropped without having been judged."""
        self._mark(self.tree.kill_guess(node), "pruned", why, {})

    def finish(self, node: int, score: float, why: str = "") -> None:
        """This hypothesis is complete."""
        self._mark([node], "finished", why, {"score": score})

    def emit(self, node: int) -> int:
        """Everything from the head down to `node` is text now.

        The text is cut behind the first end token and at the token limit. Returns the new head.
        """
        way = []
        n = node
        while n != self.head:
            if n <= ROOT:
                raise MethodError(f"Node {node} does not continue the text emitted so far.")
            way.append(n)
            n = self.tree.parent(n)
        for n in reversed(way):
            if self.remaining <= 0 or self._has_ended():
                break
            self._mark([n], "emitted", "", {})
            self.head = n
        return self.head

    def answer(self, ranked: Sequence[tuple[int, float | None]]) -> None:
        """The method's outputs as (node, score), best first; the first becomes the text."""
        self._answer = list(ranked)
        self.emit(ranked[0][0])

    def note(self, name: str, value: Value, node: int | None = None) -> None:
        """A quantity the method declared."""
        if name not in self._notes:
            raise MethodError(f"{name!r} was not declared in the method's notes.")
        if self._record:
            self._record(
                NoteEvent(step=self.step, ms=self._ms(), name=name, value=value, node=node)
            )

    # The end -----------------------------------------------------------------------------------

    def end(self, reason: str | None = None) -> DoneEvent:
        """Close the run and record how it ended. Whoever started the method calls this."""
        ranked = self._answer or [(self.head, None)]
        outputs = [self._output(node, score) for node, score in ranked]
        done = DoneEvent(
            step=self.step,
            ms=self._ms(),
            reason=reason or self._finish_reason(),
            outputs=outputs,
            totals=self.totals(),
        )
        if self._record:
            self._record(done)
        return done

    def totals(self) -> dict[str, float]:
        """Steps, passes, computed positions, nodes and seconds so far."""
        work = [view.work() for view in self.views]
        return {
            "steps": self._steps_begun,
            "tokens": self.tree.depth(self.head),
            "nodes": len(self.tree) - 1,
            "target_passes": self._target_passes,
            "passes": sum(w.passes for w in work),
            "rows": sum(w.rows for w in work),
            "seconds": self._ms() / 1000,
        }

    def _finish_reason(self) -> str:
        if self._reason in ("stopped", "time", "nodes"):
            return self._reason
        if self._has_ended():
            return "eos"
        if self.remaining <= 0:
            return "length" if self.limit == self.limits.max_new_tokens else "context"
        return "complete"

    def _has_ended(self) -> bool:
        return self.head != ROOT and self.is_eos(self.tree.token(self.head))

    def _output(self, node: int, score: float | None) -> Output:
        ids = self.tree.tokens(node)
        text = self.models["target"].decode(ids, self.prompt.ids)
        return Output(node=node, token_ids=ids, text=text, score=score)

    # Recording ---------------------------------------------------------------------------------

    def _ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    def _on_add(self, node: int) -> None:
        if self._record:
            tree = self.tree
            token = tree.token_or_none(node)
            self._record(
                NodeEvent(
                    step=self.step,
                    ms=self._ms(),
                    id=node,
                    parent=tree.parent(node),
                    token=token,
                    by=self._by,
                )
            )

    def _on_eval(
        self, view: RecordingView, nodes: Sequence[int], logits: Tensor, work: Work, took_ms: float
    ) -> None:
        if view.name == "target":
            self._target_passes += work.passes
        if self._record:
            self._record(
                EvalEvent(
                    step=self.step,
                    ms=self._ms(),
                    view=view.name,
                    nodes=list(nodes),
                    took_ms=took_ms,
                    rows=work.rows,
                    cached=work.cached,
                    passes=work.passes,
                    entropies=entropies(logits),
                )
            )

    def _on_choices(
        self, laws: Sequence[Law], chosen: Sequence[Sequence[int]], u: float | None
    ) -> None:
        if not self._record:
            return
        ms = self._ms()
        for law, tokens, top in zip(laws, chosen, candidates_of(laws, chosen), strict=True):
            self._record(
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
                    u=u,
                )
            )

    def _mark(
        self,
        nodes: Sequence[int],
        mark: MarkKind,
        why: str,
        numbers: Mapping[str, Numbers | float | None],
    ) -> None:
        if not self._record:
            return
        ms = self._ms()
        for i, node in enumerate(nodes):
            behind: dict[str, Number] = {
                name: _finite(x[i] if isinstance(x, Sequence) else x) for name, x in numbers.items()
            }
            self._record(
                MarkEvent(step=self.step, ms=ms, node=node, mark=mark, why=why, numbers=behind)
            )


def _finite(x: float | int | None) -> Number:
    """A number as it may stand in JSON; infinities and undefined values become None."""
    return x if x is not None and isfinite(x) else None
