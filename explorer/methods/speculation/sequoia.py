"""The best tree of a fixed shape, from how often each sibling is accepted.

## What it does
If the first sibling is accepted with probability a₁, the second with a₂, and so on, wherever it
stands, then the expected number of accepted guesses of a tree is the sum over its nodes of the
products down to them. Dynamic programming finds the tree of n nodes for which that is largest, and
where a draft step or a further token costs something, the n and the depth that gain most for it.
Every round fills this tree with guesses of the draft, siblings drawn one after another without
replacement, and the target reads it in one pass; siblings are tried in the order of their draw.

## When to use it
Where acceptance was measured and the tree shall be the same in every round. For the bundled pair
`python -m benchmarks.ranks` measures it, and agrees with the default here.

## What to look at
The shape: the better the first sibling, the deeper, and the dearer a token, the smaller; what trees
of each size are worth (the note “worth”); the expected length against what was accepted.

## Guarantee
Lossless: guesses are drawn without replacement and judged by recursive rejection, whatever the
shape. The tree is optimal if acceptance depends on the sibling's rank alone.

## Reference
Chen Z. et al. 2024, "Sequoia: Scalable, Robust, and Hardware-aware Speculative Decoding",
https://arxiv.org/abs/2402.12374
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from math import inf
from typing import Annotated

from pydantic import Field

from explorer.drafting import draw_siblings
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.speedup import Cost, rising
from explorer.verification import Guess, check, without_replacement

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Ranks = tuple[int, ...]  # a node of the tree: which child at each depth, from 0


class SequoiaParams(Params):
    """What was measured, the size of the tree, and the filters of both models."""

    acceptance: tuple[Share, ...] = param(
        (0.74, 0.07, 0.04, 0.02),
        "Acceptance",
        "How often each sibling is the accepted one, in the order of their draw.",
        symbol="a",
        min_length=1,
        max_length=16,
    )
    nodes: int = param(
        12, "Tree size", "Guesses in a round.", symbol="n", unit="nodes", ge=1, le=64
    )
    depth: int = param(
        6, "Depth", "Levels of the tree, at most.", symbol="D", unit="tokens", ge=1, le=10
    )
    draft_cost: float = param(
        0.0, "Draft cost", "Time of a draft step in target passes over one token. Where levels "
        "cost more than they promise the tree has fewer.", symbol="c", unit="target passes", ge=0.0,
        le=10.0,
    )  # fmt: skip
    token_cost: float = param(
        0.0, "Token cost", "What each further token of a target pass costs. Where guesses cost "
        "more than they promise the tree has fewer.", unit="target passes", ge=0.0, le=1.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@method(
    title="Sequoia",
    family="speculation",
    paper="https://arxiv.org/abs/2402.12374",
    params=SequoiaParams,
    models=("target", "draft"),
    claims={"lossless"},
    notes=(
        Note(
            "worth",
            "tokens a round that the best tree promises: a row a depth from 1, a column a size "
            "from 0 guesses; 0 where so many do not fit",
            shape="matrix",
            unit="tokens",
            drawn_as="heatmap",
        ),
        Note("expected", "accepted guesses that the acceptance promises", unit="tokens"),
        Note("accepted", "guesses that were accepted", unit="tokens"),
    ),
    presets={
        "a good draft": preset(
            "First siblings are trusted: the tree is deep.", acceptance=(0.8, 0.08, 0.03), nodes=12
        ),
        "a poor draft": preset(
            "Later siblings are needed: the tree is wide.",
            acceptance=(0.3, 0.15, 0.1, 0.07, 0.05),
            nodes=12,
        ),
        "made for this machine": preset(
            "A draft step that costs a fifth of a pass, tokens a twentieth: a small tree.",
            draft_cost=0.2,
            token_cost=0.05,
            nodes=32,
        ),
        "greedy": preset("The target's greedy text, in fewer passes.", filters="temperature=0"),
        "break it": preset(
            "A tree for a draft whose siblings are all alike: all width, and at most one guess a "
            "round is accepted.",
            acceptance=(0.06, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06),
            nodes=12,
        ),
    },
)
def sequoia(run: Run, p: SequoiaParams) -> None:
    root = run.root
    sizes = fastest(p.acceptance, p.nodes, p.depth, p.draft_cost, rising(p.token_cost))
    shape = best_tree(p.acceptance, *sizes)
    run.note("worth", worths(p.acceptance, p.nodes, p.depth))
    for _ in run.steps():
        guesses = fill(run, root, shape, p.filters)
        run.note("expected", worth(shape, p.acceptance))
        before = run.tree.depth(root)
        root, _ = check(run, root, guesses, p.filters, without_replacement)
        run.note("accepted", run.tree.depth(root) - before - 1)


def fill(
    run: Run, root: int, shape: tuple[Ranks, ...], filters: FilterChain
) -> dict[int, list[Guess]]:
    """Guesses of the draft in the places of `shape`, level by level, one pass a level."""
    children = {}
    for place in shape:
        children[place[:-1]] = max(children.get(place[:-1], 0), place[-1] + 1)
    guesses: dict[int, list[Guess]] = {}
    level: dict[int, Ranks] = {root: ()}
    for _ in range(run.remaining - 1):
        nodes = [node for node, place in level.items() if place in children]
        if not nodes:
            break
        places, level = level, {}
        for law in run.laws(filters, run.draft(nodes), nodes, stream="draft"):
            place = places[law.node]
            guesses[law.node] = draw_siblings(run, law, children[place])
            for rank, guess in enumerate(guesses[law.node]):
                if not run.is_eos(guess.token):
                    level[guess.node] = (*place, rank)
    return guesses


def worth(shape: tuple[Ranks, ...], acceptance: tuple[float, ...]) -> float:
    """Expected accepted guesses: the sum over all places of the products down to them."""
    total = 0.0
    for place in shape:
        product = 1.0
        for rank in place:
            product *= acceptance[rank]
        total += product
    return total


Best = Callable[[int, int], tuple[float, int]]


@lru_cache(maxsize=16)
def program(acceptance: tuple[float, ...]) -> tuple[Best, Callable[[int, int, int], int]]:
    """The dynamic program, whose tables grow as they are asked.

    The first tells what the best n places on so many levels are worth, the root counted, and minus
    the children of their root; the second the size of the last of b children.
    """

    @cache
    def with_children(n: int, levels: int, b: int) -> tuple[float, int]:
        """The worth of n places whose root has exactly b children, and the size of the last."""
        if b == 0:
            return (1.0 if n == 1 else -inf), 0
        if levels == 0 or n <= b:
            return -inf, 0
        sizes = range(1, n - b + 1)
        return max(
            (with_children(n - m, levels, b - 1)[0] + acceptance[b - 1] * best(m, levels - 1)[0], m)
            for m in sizes
        )

    @cache
    def best(n: int, levels: int) -> tuple[float, int]:
        """The worth of the best n places, and how many children their root has."""
        counts = range(min(n, len(acceptance) + 1))
        return max((with_children(n, levels, b)[0], -b) for b in counts)

    return best, lambda n, levels, b: with_children(n, levels, b)[1]


def worths(acceptance: tuple[float, ...], nodes: int, depth: int) -> list[list[float]]:
    """What the best tree of each size promises: a row a depth, a column a number of guesses."""
    best, _ = program(acceptance)
    rows = range(1, depth + 1)
    return [[max(0.0, round(best(n + 1, d)[0], 4)) for n in range(nodes + 1)] for d in rows]


def fastest(
    acceptance: tuple[float, ...], nodes: int, depth: int, c: float, t: Cost
) -> tuple[int, int]:
    """The guesses and levels, up to these, whose round costs least for each expected token.

    A round costs `c` a level and `t(n + 1)` for the target's pass over n guesses and their root.
    """
    best, _ = program(acceptance)
    # Of equals the largest.
    sizes = [(n, d) for n in range(nodes, 0, -1) for d in range(depth, 0, -1)]
    able = [(n, d) for n, d in sizes if best(n + 1, d)[0] > 0]
    return min(
        able, key=lambda size: (size[1] * c + t(size[0] + 1)) / best(size[0] + 1, size[1])[0]
    )


@cache
def best_tree(acceptance: tuple[float, ...], nodes: int, depth: int) -> tuple[Ranks, ...]:
    """The places of the tree of at most `nodes` guesses that is worth most, parents first."""
    best, last_child = program(acceptance)

    def places(n: int, levels: int, here: Ranks) -> list[Ranks]:
        found: list[Ranks] = []
        for b in range(-best(n, levels)[1], 0, -1):
            m = last_child(n, levels, b)
            found[:0] = [(*here, b - 1), *places(m, levels - 1, (*here, b - 1))]
            n -= m
        return found

    # A chain of one child a place holds no more than its depth.
    sizes = [n for n in range(1, nodes + 2) if best(n, depth)[0] > -inf]
    return tuple(sorted(places(max(sizes), depth, ()), key=lambda place: (len(place), place)))
