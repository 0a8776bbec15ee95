"""Find what beam search finds by always extending the most promising prefix, and stop sooner.

## What it does
A queue holds prefixes of all lengths. The best one is taken out and extended by its k best
tokens; at most k prefixes are taken out of each length, which are those that beam search would
have kept. As extending never raises a score, the first complete text that comes out is the best
one, and what still waits need never be read.

## When to use it
Where beam search is wanted and most of the model's work can be saved: when one answer is enough
and the best text leads clearly.

## What to look at
The order in which prefixes are extended: it leaps back when the leading text turns improbable.
How long the queue grows, and the passes against k for each token of beam search.

## Guarantee
Deterministic. The same ordered answers as beam search in which a finished text keeps its place
among the k, with never more prefixes read; with k as large as the vocabulary's powers, the most
probable text. A cap on the queue saves memory and gives this up.

## Reference
Meister, Vieira and Cotterell 2020, "Best-First Beam Search", https://arxiv.org/abs/2007.03909
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from explorer.frontier import Frontier
from explorer.hypotheses import best_extensions
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain


class BestFirstParams(Params):
    """How wide, how many answers, how lengths compare, how much may wait."""

    num_beams: int = param(
        4, "Beams", "Prefixes that may be extended at each length.", symbol="k",
        unit="hypotheses", ge=1, le=1024,
    )  # fmt: skip
    num_answers: int = param(
        1, "Answers", "Complete texts to wait for; at most k come.", unit="texts", ge=1, le=64
    )
    score: Literal["logp", "normalised", "reward"] = param(
        "logp", "Score",
        "logp: sum of log-probabilities; normalised: divided by length^α; reward: plus β a token.",
    )  # fmt: skip
    length_penalty: float = param(
        1.0, "Length penalty", "Exponent of the length in the normalised score.", symbol="α",
        ge=0.0, le=5.0,
    )  # fmt: skip
    reward: float = param(
        0.5, "Length reward", "What each token up to the limit earns in the reward score.",
        symbol="β", unit="nats", ge=0.0, le=20.0,
    )  # fmt: skip
    queue: int = param(
        0, "Queue cap", "At most so many times k prefixes wait, the shortest go first; 0: no cap.",
        unit="× k", ge=0, le=1024,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each prefix' log-probabilities.", unit="chain"
    )


@method(
    title="Best-first beam search",
    family="search",
    paper="https://arxiv.org/abs/2007.03909",
    params=BestFirstParams,
    claims={"deterministic"},
    notes=(
        Note("priority", "Priority of the prefix taken out of the queue", unit="nats"),
        Note("length", "Length of the prefix taken out of the queue", unit="tokens"),
        Note("waiting", "Prefixes that wait in the queue", unit="hypotheses"),
    ),
    presets={
        "one answer": preset("How many prefixes a beam search would have read besides."),
        "all k answers": preset(
            "The whole beam, in the order in which its texts were finished.", num_answers=4
        ),
        "lengths compared": preset(
            "A text that has ended waits in the queue until no other prefix can pass it, so the "
            "search takes longer.",
            score="normalised",
        ),
        "break it": preset(
            "Sixteen may wait, and sixteen extensions come at once: sixteen beams by name, and a "
            "greedy search in fact.",
            num_beams=16,
            queue=1,
        ),
    },
)
def best_first_beam_search(run: Run, p: BestFirstParams) -> None:
    k = p.num_beams
    slots = [1] + [k] * run.limit  # how many of each length may still be taken out
    frontier = Frontier()
    frontier.push(0, 0.0, run.root, 0.0)
    answers: list[tuple[int, float]] = []

    for _ in run.steps():
        # 1. Take out the best prefix of all lengths.
        length, best = frontier.pop()
        slots[length] -= 1
        run.note("priority", best.priority, best.node)
        run.note("length", length, best.node)

        if is_complete(run, best.node):
            # 2. A complete text keeps its slot at every later length.
            run.finish(best.node, best.priority)
            answers.append((best.node, best.priority))
            slots[length + 1 :] = [n - 1 for n in slots[length + 1 :]]
        else:
            # 3. Any other is extended by its k best tokens.
            run.keep([best.node], "extended", priority=best.priority)
            (law,) = run.laws(p.filters, run.target([best.node]), [best.node])
            totals = best.logp + law.logp  # (V,)
            fan = best_extensions([law], priorities(run, p, totals, length + 1)[None], k)
            run.choose_these([law], [[x.token for x in fan]])
            for x in fan:
                child = run.add(x.node, x.token)
                frontier.push(length + 1, x.score, child, float(totals[x.token]))

        # 4. Where a length is used up, nothing shorter can come among its best any more.
        closed = max((n for n, left in enumerate(slots) if left <= 0), default=-1)
        for n in range(run.limit + 1):
            run.prune(frontier.cut(n, 0 if n <= closed else slots[n]), "no slot left")
        if p.queue:
            run.prune(frontier.cut_total(p.queue * k), "the queue is full")
        run.note("waiting", len(frontier))
        if len(answers) == min(p.num_answers, k) or not frontier:
            break
    run.answer(answers or [frontier.longest()])


def is_complete(run: Run, node: int) -> bool:
    """Whether a prefix has ended or reached the limit."""
    return node != run.root and (
        run.is_eos(run.tree.token(node)) or run.tree.depth(node) == run.limit
    )


def priorities(run: Run, p: BestFirstParams, totals: Tensor, length: int) -> Tensor:
    """The score of complete prefixes, and the best that any other can still reach, `(V,)`.

    `totals` are sums of log-probabilities of prefixes of this length.
    """
    if p.score == "logp":
        return totals
    if p.score == "normalised":
        reachable, complete = (totals / n**p.length_penalty for n in (run.limit, length))
    else:
        reachable, complete = (totals + p.reward * n for n in (run.limit, length))
    ended = torch.tensor(sorted(run.eos_ids)).to(totals.device)
    return reachable.index_copy(0, ended, complete[ended])
