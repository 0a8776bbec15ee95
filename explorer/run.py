"""A run: what a decoding method receives, and where everything it does is recorded.

The tree, the views, the only source of randomness, the step loop, and the words for decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import torch
from torch import Tensor

from explorer.errors import MethodError
from explorer.law import Law, Mask
from explorer.randomness import Randomness
from explorer.recorder import Numbers, Recorder
from explorer.registry import Note
from explorer.sampling import Filter, Seen, apply
from explorer.trace import AnyEvent, DoneEvent, Output
from explorer.trace.events import Value
from explorer.tree import ROOT, TokenTree
from explorer.view import LanguageModel, RecordingView, Work


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use at most."""

    max_new_tokens: int = 64
    max_nodes: int = 100_000
    max_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text a run starts from, as typed and as tokens.

    `ids` are all tokens that stand before the tree. The last ones, `begun`, are a continuation
    that is there already, taken over from another run; of these a person chose the last `forced`.
    """

    text: str
    ids: tuple[int, ...]
    begun: tuple[int, ...] = ()
    forced: int = 0

    @property
    def typed(self) -> tuple[int, ...]:
        """The tokens of the text alone."""
        return self.ids[: len(self.ids) - len(self.begun)]


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
        law_bytes: how much room a record has for whole laws.
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
        law_bytes: int = 0,
    ) -> None:
        self.models = models
        self.prompt = prompt
        self.limits = limits or Limits()
        self.limit = self.limits.max_new_tokens  # of new tokens; a view's context may lower it
        self.tree = TokenTree()
        self.tree.on_add = self._on_add
        self.head = ROOT  # the last emitted node
        self.u: float | None = None  # the random number behind the last draw or coin
        self.views: list[RecordingView] = []
        self._randomness = randomness
        self._notes = {note.name: note for note in notes}
        self._recorder = Recorder(record, law_bytes)
        self._stop = stop
        self._by = "target"
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
        """A view of the tree by the model in that role, behind the run's prompt or another one.

        What the run began with stands behind either.
        """
        model = self.models[role]
        if prompt is None:
            ids = list(self.prompt.typed)
        else:
            ids = model.encode(prompt) if isinstance(prompt, str) else list(prompt)
        begun = self.prompt.begun
        ids += begun
        name = name or role
        if any(view.name == name for view in self.views):
            raise MethodError(f"A view called {name!r} is open already; name the second one.")
        view = RecordingView(model.open(self.tree, ids, name, hidden, len(begun)), self._on_eval)
        self.limit = min(self.limit, model.room(len(ids), len(begun)))
        self.views.append(view)
        self._recorder.view(name, model.describe(), ids, self.prompt)
        return view

    def variant(
        self,
        name: str,
        *,
        skip: Sequence[str] = (),
        upto: int | None = None,
        heads: Sequence[tuple[int, int]] = (),
        shared: bool = True,
    ) -> RecordingView:
        """An altered reading of the target (see `View.variant`), recorded under its own name.

        Several may have one name: a method that tries many is one reader all the same.
        """
        inner = self.target.variant(skip=skip, upto=upto, heads=heads, shared=shared)
        inner.name = name
        self.views.append(inner)
        return inner

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

    def mix(self, parent: int, weights: Mapping[int, float], by: str = "target") -> int:
        """The child of `parent` at which several tokens stand at once (see `TokenTree.mix`)."""
        self._by = by
        return self.tree.mix(parent, weights)

    @property
    def eos_ids(self) -> frozenset[int]:
        """The tokens with which the target ends its text."""
        return self.models["target"].eos_ids

    def is_eos(self, token: int) -> bool:
        """Whether the target ends its text with this token."""
        return token in self.eos_ids

    def is_complete(self, node: int) -> bool:
        """Whether the text down to `node` has ended, by an end token or at the limit."""
        if node == ROOT:
            return False
        return self.is_eos(self.tree.token(node)) or self.tree.depth(node) >= self.limit

    def tokens(self, node: int) -> list[int]:
        """The continuation's tokens down to `node`, with those that the run began with."""
        return [*self.prompt.begun, *self.tree.tokens(node)]

    def text(self, node: int) -> str:
        """What the tokens of the tree down to `node` say."""
        return self.models["target"].decode(self.tree.tokens(node), self.prompt.ids)

    def continuation(self, node: int) -> str:
        """What stands behind the typed prompt down to `node`, with what the run began with."""
        return self.models["target"].decode(self.tokens(node), self.prompt.typed)

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
        filtered = apply(filters, logits, [self._seen(filters, n) for n in nodes if reads_seen])
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
        masks = (Mask(mask, raw[0], score[0] > -torch.inf),) if mask else ()
        return replace(law, raw=raw[0], masks=masks)

    def _seen(self, filters: Sequence[Filter], node: int) -> Seen:
        """What filters may look at; each one with a chance gets its coin here."""
        chances = [(f, f.chance) for f in dict.fromkeys(filters) if f.chance is not None]
        return Seen(
            self.prompt.typed,
            tuple(self.tokens(node)),
            frozenset(f for f, chance in chances if self.coin(chance)),
            self.eos_ids,
            self.token_text,
        )

    @cached_property
    def token_text(self) -> Callable[[int], str]:
        """How the target writes a token."""
        return cache(self.models["target"].token_text)

    def draw(self, p: Tensor) -> int:
        """An index drawn from the law `p` (V,); the number behind it stays in `run.u`."""
        index, self.u = self._randomness.draw(p)
        return index

    def coin(self, p: float) -> bool:
        """True with probability `p`; the number behind it stays in `run.u`."""
        side, self.u = self._randomness.coin(p)
        return side

    def uniform(self) -> float:
        """A number from [0, 1); it stays in `run.u` too."""
        self.u = self._randomness.uniform()
        return self.u

    def gumbel(self, n: int) -> Tensor:
        """Independent numbers `(n,)` of the standard Gumbel law, in float64."""
        return self._randomness.gumbel(n)

    def choose(self, law: Law) -> int:
        """A token drawn from the law, and the choice recorded."""
        return self.choose_each([law])[0]

    def choose_each(self, laws: Sequence[Law]) -> list[int]:
        """A token drawn from each law in turn, and the choices recorded together."""
        drawn = [(self.draw(law.probs), self.u) for law in laws]
        tokens = [token for token, _ in drawn]
        self.choose_these(laws, [[token] for token in tokens], [u for _, u in drawn])
        return tokens

    def choose_best(self, law: Law) -> int:
        """The law's most probable token, and the choice recorded."""
        return self.choose_best_of_each([law])[0]

    def choose_best_of_each(self, laws: Sequence[Law]) -> list[int]:
        """Each law's most probable token, and the choices recorded together."""
        tokens = [law.best for law in laws]
        self.choose_these(laws, [[token] for token in tokens])
        return tokens

    def choose_these(
        self,
        laws: Sequence[Law],
        tokens: Sequence[Sequence[int]],
        u: Sequence[float | None] | None = None,
    ) -> None:
        """Record what a method chose by itself: for each law its tokens, perhaps none.

        `u` are the numbers behind draws, one for each law, where the method drew them.
        """
        self._recorder.choices(laws, tokens, u)

    # The step loop -----------------------------------------------------------------------------

    def steps(self) -> Iterator[int]:
        """Step numbers, until the text has ended or a limit or a request ends the run."""
        try:
            while (reason := self._why_end()) is None:
                step = self._steps_begun
                self._recorder.begin_step(step)
                self._steps_begun += 1
                yield step
            self._reason = reason
        finally:
            self._recorder.end_steps()

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
        if self._recorder.ms > 1000 * self.limits.max_seconds:
            return "time"
        return None

    # Decisions ---------------------------------------------------------------------------------

    def keep(self, nodes: Sequence[int], why: str = "", **numbers: Numbers) -> None:
        """These hypotheses go on."""
        self._recorder.mark(nodes, "kept", why, numbers)

    def prune(self, nodes: Sequence[int], why: str, **numbers: Numbers) -> None:
        """These hypotheses lost."""
        self._recorder.mark(nodes, "pruned", why, numbers)
        for node in nodes:
            self.tree.kill_hypothesis(node)

    def accept(self, node: int, why: str = "", **numbers: float | None) -> None:
        """This guess stands."""
        self._recorder.mark([node], "accepted", why, numbers)

    def reject(self, node: int, why: str, **numbers: float | None) -> None:
        """This guess falls, and with it all that was guessed below it."""
        self._recorder.mark([node], "rejected", why, numbers)
        below = [n for n in self.tree.kill_guess(node) if n != node]
        self._recorder.mark(below, "pruned", "below a rejected guess")

    def discard(self, node: int, why: str) -> None:
        """This guess and all below it are dropped without having been judged."""
        self._recorder.mark(self.tree.kill_guess(node), "pruned", why, {})

    def merge(self, node: int, into: int, why: str = "", **numbers: float | None) -> None:
        """This hypothesis goes on as another: what continues `into` continues both."""
        self._recorder.mark([node], "merged", why, numbers, into)

    def finish(self, node: int, score: float, why: str = "") -> None:
        """This hypothesis is complete."""
        self._recorder.mark([node], "finished", why, {"score": score})

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
            self._recorder.mark([n], "emitted")
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
        self._recorder.note(name, value, node)

    # The end -----------------------------------------------------------------------------------

    def end(self, reason: str | None = None) -> DoneEvent:
        """Close the run and record how it ended. Whoever started the method calls this."""
        ranked = self._answer or [(self.head, None)]
        outputs = [self._output(node, score) for node, score in ranked]
        return self._recorder.done(reason or self._finish_reason(), outputs, self.totals())

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
            "seconds": self._recorder.ms / 1000,
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
        return Output(
            node=node, token_ids=self.tokens(node), text=self.continuation(node), score=score
        )

    # What the views and the tree report --------------------------------------------------------

    def _on_add(self, node: int) -> None:
        self._recorder.node(self.tree, node, self._by)

    def _on_eval(
        self, view: RecordingView, nodes: Sequence[int], logits: Tensor, work: Work, took_ms: float
    ) -> None:
        if view.name == "target":
            self._target_passes += work.passes
        self._recorder.eval(view, nodes, logits, work, took_ms)
