"""Guess a tree from what the target last held probable behind each token.

## What it does
For every token id the k most probable successors are remembered that the target told when it last
read that token, in whatever place. A round fills a tree of fixed shape from this table: below each
node the remembered successors of its token. The target reads the tree in one pass, the walk keeps
the path that it would have written, and everything it computed, also on paths that fell, renews the
table.

## When to use it
Whenever a pass over some dozens of tokens costs little more than over one: no second model, no
training, two megabytes of memory.

## What to look at
The table filling up (the note “known tokens”), at which rank the accepted guesses stood, and how
the rounds get longer as the text goes on.

## Guarantee
Lossless: the tree is a function of what was computed before for this text. At temperature 0, the
default here, it is the target's greedy text.

## Reference
Luo et al. 2024, "Turning Trash into Treasure: Accelerating Inference of Large Language Models with
Token Recycling", https://arxiv.org/abs/2408.08696
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from heapq import heappop, heappush

from explorer.drafting import GREEDY, draft_paths
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import check, sample_and_match

DEPTH = 6
MOST_SHOWN = 64  # rows of the table that are noted
RANK_SHARE = 0.5  # how much less likely each rank is taken to be than the one before


class RecyclingParams(Params):
    """How much is remembered, how large the tree is, and the target's filters."""

    k: int = param(
        8, "Successors", "Tokens remembered behind each token.", symbol="k", unit="tokens", ge=1,
        le=32,
    )  # fmt: skip
    nodes: int = param(
        40, "Tree size", "Guesses in a round, at most.", symbol="n", unit="nodes", ge=1, le=128
    )
    filters: FilterChain = param(
        GREEDY, "Filters", "Chain applied to the target's law.", unit="chain"
    )


@method(
    title="Token recycling",
    family="speculation",
    paper="https://arxiv.org/abs/2408.08696",
    params=RecyclingParams,
    claims={"lossless"},
    notes=(
        Note("known tokens", "tokens whose successors are remembered", unit="tokens"),
        Note(
            "table",
            "a row for each known token in the order in which they became known, a column "
            "a rank: the probability of the remembered successor",
            shape="matrix",
            drawn_as="heatmap",
        ),
    ),
    presets={
        "the paper's defaults": preset(
            "How the matrix of successors fills, and guesses get better as the text goes on.",
            k=8,
            nodes=80,
        ),
        "a chain": preset("Only the last successor of each token is remembered.", k=1, nodes=4),
        "sampling": preset(
            "Guesses that agree with a draw, not with the best token.", filters="none"
        ),
        "break it": preset(
            "One long chain of last successors: behind its first mistake all is lost.",
            k=1,
            nodes=128,
        ),
    },
)
def token_recycling(run: Run, p: RecyclingParams) -> None:
    root = run.root
    successors: dict[int, list[int]] = {}
    chances: dict[int, list[float]] = {}  # that the target gave them, to look at
    for _ in run.steps():
        last = run.tree.token(root) if root != run.root else run.prompt.ids[-1]
        paths = remembered(last, successors, template(p.nodes, p.k))
        guesses = draft_paths(run, root, paths, by="recycled")
        root, laws = check(run, root, guesses, p.filters, sample_and_match)
        for node, law in laws.items():
            token = run.tree.token(node) if node != run.root else run.prompt.ids[-1]
            logp, best = law.raw.topk(min(p.k, len(law.raw)))
            successors[token] = best.tolist()
            chances[token] = [round(x, 3) for x in logp.exp().tolist()]
        run.note("known tokens", len(successors))
        run.note("table", list(chances.values())[:MOST_SHOWN])


@cache
def template(nodes: int, k: int) -> list[tuple[int, ...]]:
    """The shape of the tree: the paths of ranks that are the most likely to be right.

    The ranks of a path are taken to be right independently, each half as often as the rank before;
    a child never comes before its parent.
    """
    found: list[tuple[int, ...]] = []
    slots = [(-_share(0), (0,))]
    while slots and len(found) < nodes:
        value, path = heappop(slots)
        found.append(path)
        if path[-1] + 1 < k:
            heappush(slots, (value * RANK_SHARE, (*path[:-1], path[-1] + 1)))
        if len(path) < DEPTH:
            heappush(slots, (value * _share(0), (*path, 0)))
    return found


def _share(rank: int) -> float:
    return (1 - RANK_SHARE) * RANK_SHARE**rank


def remembered(
    token: int, successors: dict[int, list[int]], ranks: list[tuple[int, ...]]
) -> Iterator[list[int]]:
    """The template's paths in tokens, as far as successors are known."""
    for path in ranks:
        at, tokens = token, []
        for rank in path:
            known = successors.get(at, [])
            if rank >= len(known):
                break
            at = known[rank]
            tokens.append(at)
        else:
            yield tokens
