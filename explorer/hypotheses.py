"""Shared pieces of the searches: the step of a beam, and the pool of finished hypotheses.

A beam step has three parts, and each search puts its own ideas between them: `laws_after` reads
the running hypotheses, `best_extensions` ranks what could follow them by a table of scores, and
`advance` lets the chosen ones go on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.law import Law
from explorer.run import Run
from explorer.sampling import Filter


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A running prefix: the node it ends at, and what it is ranked by.

    The score is the sum of its log-probabilities in nats where a search adds nothing to it.
    """

    node: int
    score: float


@dataclass(frozen=True, slots=True)
class Extension:
    """A hypothesis one token longer: the law it comes from, its token, and its score."""

    law: Law
    token: int
    score: float

    @property
    def node(self) -> int:
        """The node that is extended."""
        return self.law.node


def laws_after(run: Run, beams: Sequence[Hypothesis], filters: Sequence[Filter]) -> list[Law]:
    """The target's laws behind each running hypothesis, read in one pass."""
    nodes = [beam.node for beam in beams]
    return run.laws(filters, run.target(nodes), nodes)


def sums(beams: Sequence[Hypothesis], laws: Sequence[Law]) -> Tensor:
    """The score of each hypothesis plus the log-probability of each next token, `(B, V)`."""
    table = torch.stack([law.logp for law in laws])
    return table + torch.tensor([b.score for b in beams]).to(table)[:, None]


def best_extensions(laws: Sequence[Law], scores: Tensor, k: int) -> list[Extension]:
    """The k best of all one-token extensions, best first; impossible tokens are never among them.

    `scores` `(B, V)` are those of each law's hypothesis with each next token.
    """
    values, places = scores.flatten().topk(min(k, scores.numel()))
    width = scores.shape[1]
    return [
        Extension(laws[place // width], place % width, value)
        for value, place in zip(values.tolist(), places.tolist(), strict=True)
        if value > -torch.inf
    ]


def ends(run: Run, x: Extension) -> bool:
    """Whether the extension is complete: ended by its token, or cut at the limit."""
    return run.is_eos(x.token) or run.tree.depth(x.node) + 1 == run.limit


def parted(
    run: Run, ranked: Sequence[Extension], width: int
) -> tuple[list[Extension], list[Extension]]:
    """The best `width` extensions that go on, and those that end among the first `width` of all."""
    going = [x for x in ranked if not ends(run, x)]
    return going[:width], [x for x in ranked[:width] if ends(run, x)]


def advance(
    run: Run,
    laws: Sequence[Law],
    scores: Tensor | None,
    chosen: Sequence[Extension],
    ended: Sequence[Extension],
    spared: Collection[int] = (),
    **numbers: Sequence[float] | float,
) -> list[Hypothesis]:
    """Let the chosen extensions go on, and prune the hypotheses that none of them extends.

    Nodes that are `spared` go on elsewhere. `scores` tell by what margin the others lost; None
    where the chosen come from more than one ranking. `numbers` are recorded of the chosen, in
    their order; by default their scores, as log-probabilities.
    """
    tokens: dict[int, list[int]] = {law.node: [] for law in laws}
    for x in (*chosen, *ended):
        tokens[x.node].append(x.token)
    run.choose_these(laws, list(tokens.values()))
    if chosen:
        _prune_outranked(run, laws, scores, chosen, spared)
    beams = [Hypothesis(run.add(x.node, x.token), x.score) for x in chosen]
    run.keep([b.node for b in beams], **(numbers or {"logp": [b.score for b in beams]}))
    return beams


def _prune_outranked(
    run: Run,
    laws: Sequence[Law],
    scores: Tensor | None,
    chosen: Sequence[Extension],
    spared: Collection[int],
) -> None:
    extended = {*spared, *(x.node for x in chosen)}
    if scores is None:
        run.prune([law.node for law in laws if law.node not in extended], why="outranked")
        return
    rows = {law.node: row for law, row in zip(laws, scores, strict=True)}
    worst = rows[chosen[-1].node][chosen[-1].token]
    for node, row in rows.items():
        if node not in extended:
            going = row.index_fill(0, torch.tensor(sorted(run.eos_ids)).to(row.device), -torch.inf)
            run.prune([node], why="outranked", margin=float(worst - going.max()))


class FinishedPool:
    """The best finished hypotheses by score: sum of log-probabilities / length ** α.

    Of equal scores the earlier one ranks first, and stays. Without a size it takes in all.
    """

    def __init__(self, size: int | None, length_penalty: float) -> None:
        self._size = size
        self._alpha = length_penalty
        self._ranked: list[tuple[int, float]] = []

    def __len__(self) -> int:
        return len(self._ranked)

    @property
    def full(self) -> bool:
        return len(self._ranked) == self._size

    @property
    def worst(self) -> float:
        """The score to beat; minus infinity while there is room."""
        return self._ranked[-1][1] if self.full else -torch.inf

    def score(self, total: float, length: int) -> float:
        """The score of a sum in nats over `length` tokens, an end token counted."""
        return total / length**self._alpha

    def take(self, run: Run, ended: Sequence[Extension]) -> None:
        """These extensions are complete; whom the pool has no room for is pruned."""
        for x in ended:
            node = run.add(x.node, x.token)
            score = self.score(x.score, run.tree.depth(node))
            run.finish(node, score)
            if (gone := self.push(node, score)) is not None:
                run.prune([gone], why="left the pool of the best finished")

    def push(self, node: int, score: float) -> int | None:
        """Take in a finished hypothesis; returns the node that had to leave, if one had to."""
        self._ranked.append((node, score))
        self._ranked.sort(key=lambda entry: -entry[1])
        crowded = self._size is not None and len(self._ranked) > self._size
        return self._ranked.pop()[0] if crowded else None

    def ranked(self, run: Run, running: Sequence[Hypothesis] = ()) -> list[tuple[int, float]]:
        """(node, score), best first; behind the finished ones those still running."""
        lengths = [max(run.tree.depth(b.node), 1) for b in running]
        return self._ranked + [
            (b.node, self.score(b.score, n)) for b, n in zip(running, lengths, strict=True)
        ]
