"""Grow a drawn draft tree where its next guess is the likeliest to be accepted.

## What it does
Every place where a guess could be added has a value: the chance that verification gets there, by
the draft's own law. The most valuable place gets the next guess, drawn from what is left of the law
there. That opens two places: one for a sibling, worth what remains if this guess fails, and one for
a child, worth what it is worth if it stands. After n guesses the target reads them all in one pass,
and siblings are tried in the order of their draw.

## When to use it
As a tree of fixed shape, where the draft is sometimes sure and sometimes not.

## What to look at
The order in which the tree grew: deep first where the draft is sure, wide where it is not; and how
the values fall (the note “value”).

## Guarantee
Lossless: guesses are drawn without replacement and judged by recursive rejection; no guess that was
drawn is dropped.

## Reference
Xiong et al. 2024, "DySpec: Faster Speculative Decoding with Dynamic Token Tree Structure",
https://arxiv.org/abs/2410.11744
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import Guess, check, without, without_replacement


class DySpecParams(Params):
    """The size of the tree, and the filters of both models."""

    nodes: int = param(
        8, "Tree size", "Guesses in a round.", symbol="N", unit="nodes", ge=1, le=128
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@method(
    title="DySpec",
    family="speculation",
    paper="https://arxiv.org/abs/2410.11744",
    params=DySpecParams,
    models=("target", "draft"),
    claims={"lossless"},
    notes=(
        Note(
            "value",
            "the chance of being accepted that the draft gave each guess, in the order of growth",
            shape="vector",
            drawn_as="bars",
        ),
    ),
    presets={
        "small": preset("Four guesses: deep where the draft is sure, wide where not.", nodes=4),
        "large": preset("How much more of a larger tree is accepted.", nodes=32),
        "greedy": preset(
            "The best token alone can be drawn: the tree is a chain.",
            nodes=8,
            filters="temperature=0",
        ),
        "break it": preset(
            "A hundred and twenty-eight guesses a pass, of which one path can stand.", nodes=128
        ),
    },
)
def dyspec(run: Run, p: DySpecParams) -> None:
    root = run.root
    for _ in run.steps():
        guesses, values = grow(run, root, p)
        run.note("value", values)
        root, _ = check(run, root, guesses, p.filters, without_replacement)


def grow(run: Run, root: int, p: DySpecParams) -> tuple[dict[int, list[Guess]], list[float]]:
    """The guesses below `root` and what each was worth when it was drawn."""
    deepest = run.tree.depth(root) + run.remaining - 1
    guesses: dict[int, list[Guess]] = {}
    values: list[float] = []
    laws = {}
    order = count()
    slots = [(-1.0, next(order), root)]  # of equal values the older one first
    while slots and len(values) < p.nodes:
        value, _, node = heappop(slots)
        if run.tree.depth(node) >= deepest:
            continue
        if node not in laws:
            (laws[node],) = run.laws(p.filters, run.draft([node]), [node], stream="draft")
        law = laws[node]
        tried = [guess.token for guess in guesses.get(node, ())]
        left = without(law.probs, tried)
        if left.sum() <= 0:
            continue
        x = run.choose(law.changed(left, "drawn before") if tried else law)
        child = run.add(node, x, by="draft")
        guesses.setdefault(node, []).append(Guess(child, x, law.probs))
        values.append(-value)
        share = float(left[x])
        heappush(slots, (value * (1 - share), next(order), node))
        if not run.is_eos(x):
            heappush(slots, (value * share, next(order), child))
    return guesses, values
