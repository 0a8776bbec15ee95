"""NeuroLogic that looks a few tokens ahead to see how near a candidate is to what it lacks.

## What it does
Like NeuroLogic, but each candidate is continued by a few tokens before it is ranked. On the way the
target's law is asked how probable the missing phrases would be; the best of these chances is added
to the candidate's mean log-probability, times α. The tokens ahead are thrown away again. They may
be no tokens at all: a soft look-ahead reads at each place the mean of what the best ones stand for.

## When to use it
Where NeuroLogic puts the phrases in clumsily: those that will come by themselves can be waited for.

## What to look at
The tokens ahead of each candidate, pruned as “looked ahead”, and how the estimate differs between
hypotheses that have met as many clauses.

## Guarantee
Exact for its own rule. As NeuroLogic for what ends; the estimate is a heuristic and may overrate.
With α or the tokens ahead at 0 it is NeuroLogic. Greedy and beam look-aheads are not random.

## Reference
Lu et al. 2022, "NeuroLogic A*esque Decoding", https://arxiv.org/abs/2112.08726
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from explorer.clauses import Clauses, begun, clauses_of
from explorer.methods.search.neurologic import NOTES, Candidate, NeuroLogicParams, search_clauses
from explorer.registry import Note, method, param, preset
from explorer.run import Run

MIXED = 16  # tokens of a mixture: those behind have hardly a share, and each stands in the trace


class AStarParams(NeuroLogicParams):
    """How to look ahead, how far, and what it counts."""

    lookahead: Literal["greedy", "beam", "sample", "soft"] = param(
        "greedy", "Look-ahead",
        "The tokens ahead: the best, a beam of them, drawn ones, or at each place a mixture, which "
        "takes about twice as long.",
    )  # fmt: skip
    steps: int = param(5, "Tokens ahead", "How far to look.", symbol="k", unit="tokens",
                       ge=0, le=20)  # fmt: skip
    weight: float = param(0.25, "Weight", "What the best chance ahead counts.", symbol="α",
                          ge=0.0, le=10.0)  # fmt: skip
    width: int = param(4, "Width", "Texts ahead of each candidate, for beam and sample.",
                       symbol="ℓ", unit="texts", ge=1, le=16)  # fmt: skip
    top_k: int = param(2, "Drawn from", "For sample: the best tokens, from which one is drawn.",
                       unit="tokens", ge=1, le=100)  # fmt: skip
    temperature: float = param(
        1.0, "Temperature", "For soft: the shares of a mixture are ∝ p^(1/τ); near 0 it is greedy.",
        symbol="τ", ge=1e-4, le=10.0,
    )  # fmt: skip


@method(
    title="NeuroLogic A*esque",
    family="search",
    paper="https://arxiv.org/abs/2112.08726",
    params=AStarParams,
    claims={"exact"},
    notes=(
        *NOTES,
        Note("estimate", "The best chance ahead of each candidate, before α", "vector", "nats",
             "bars"),
    ),
    presets={
        "the paper's defaults": preset(
            "Five tokens ahead, the best ones; twenty hypotheses. With clauses that is six passes "
            "a token: about ten seconds for 60.",
            num_beams=20,
        ),
        "a beam ahead": preset("Four texts ahead of each candidate: dearer, and surer.",
                               lookahead="beam", weight=0.45),
        "drawn ahead": preset("Five drawn texts ahead, from the two best tokens each time.",
                              lookahead="sample", width=5, weight=0.3),
        "a mixture ahead": preset(
            "At each place ahead the mean of the best tokens is read. With clauses that is six "
            "passes a token: about ten seconds for 60.",
            lookahead="soft",
        ),
        "break it": preset("The estimate is all that counts: phrases at any price.",
                           weight=10.0, clauses="d;c", prune_factor=100_000),
    },
)  # fmt: skip
def neurologic_a_star(run: Run, p: AStarParams) -> None:
    clauses = clauses_of(run, p.clauses)
    ahead = LookAhead(run, p, clauses)
    run.answer(search_clauses(run, p, clauses, ahead.estimate if p.steps else None))


class LookAhead:
    """Reads what would follow candidates, and how probable the missing phrases are there."""

    def __init__(self, run: Run, p: AStarParams, clauses: Clauses) -> None:
        self.run, self.p, self.clauses = run, p, clauses

    def estimate(self, found: Sequence[Candidate]) -> list[float]:
        """α times the best chance of a missing phrase ahead; 0 where none is missing."""
        run, p = self.run, self.p
        lacking = [c for c in found if self.clauses.open(c.present) and not self._is_last(c)]
        tips = {run.add(c.x.node, c.x.token): c for c in lacking}
        best = dict.fromkeys(tips, -torch.inf)
        fronts = {tip: [(tip, 0.0)] for tip in tips}  # of each candidate, with their sums
        for step in range(p.steps):
            nodes = list(dict.fromkeys(n for front in fronts.values() for n, _ in front))
            if not nodes:
                break
            logps = dict(zip(nodes, run.target(nodes).log_softmax(-1), strict=True))
            for tip, front in fronts.items():
                chances = [self._chance(tips[tip], n, logps[n], step) for n, _ in front]
                best[tip] = max([best[tip], *chances])
                fronts[tip] = self._onward(front, logps, step)
        for tip in tips:  # those that go on come again
            run.discard(tip, "looked ahead")
        by_place = {(c.x.node, c.x.token): best[tip] for tip, c in tips.items()}
        h = [by_place.get((c.x.node, c.x.token), 0.0) for c in found]
        run.note("estimate", [*h])
        return [p.weight * x for x in h]

    def _chance(self, c: Candidate, node: int, logp: Tensor, step: int) -> float:
        """Of the missing phrases the best mean log-probability of its tokens behind a node.

        At the candidate itself what a phrase has begun with need not come again.
        """
        found = []
        for literal in self.clauses.open(c.present):
            rest = literal.tokens
            if step == 0:
                rest = rest[begun(self.run.tree.tokens(node), rest) :]
            found.append(float(logp[list(rest)].mean()))
        return max(found)

    def _onward(
        self, front: list[tuple[int, float]], logps: dict[int, Tensor], step: int
    ) -> list[tuple[int, float]]:
        """The next tokens ahead; what has ended or reached the limit stays behind."""
        run, p = self.run, self.p
        if p.lookahead == "soft":
            return [(mixed, 0.0) for node, _ in front for mixed in self._mixed(node, logps[node])]
        # (its sum, the node before, its token)
        found: list[tuple[float, int, int]] = []
        if p.lookahead == "sample":
            for node, total in front * (1 if step else p.width):
                values, tokens = logps[node].topk(min(p.top_k, len(logps[node])))
                i = run.draw(values.double().softmax(0))
                found.append((total + float(values[i]), node, int(tokens[i])))
        else:
            width = p.width if p.lookahead == "beam" else 1
            for node, total in front:
                values, tokens = logps[node].topk(min(width, len(logps[node])))
                rows = zip(values.tolist(), tokens.tolist(), strict=True)
                found += [(total + x, node, token) for x, token in rows]
            found = sorted(found, key=lambda x: -x[0])[:width]
        going = [x for x in found if not run.is_eos(x[2])]
        added = [(run.add(node, token), total) for total, node, token in going]
        return [(node, total) for node, total in added if run.tree.depth(node) < run.limit]

    def _mixed(self, node: int, logp: Tensor) -> list[int]:
        """The place ahead at which the best tokens stand at once, unless the text would end."""
        run = self.run
        if run.is_eos(int(logp.argmax())) or run.tree.depth(node) + 1 >= run.limit:
            return []
        values, tokens = logp.topk(min(MIXED, len(logp)))
        shares = (values.double() / self.p.temperature).softmax(0).tolist()
        going = zip(tokens.tolist(), shares, strict=True)
        return [run.mix(node, {token: x for token, x in going if x > 0 and not run.is_eos(token)})]

    def _is_last(self, c: Candidate) -> bool:
        return self.run.tree.depth(c.x.node) + 1 >= self.run.limit
