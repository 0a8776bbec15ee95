"""Keep a table of the target's trigrams, and search it for the likeliest continuations.

## What it does
For every pair of tokens the table holds the most probable third ones, first from the prompt's own
trigrams, then from every law that the target computes, also on paths that fell. A search in the
manner of game trees makes the guesses: again and again it walks down from the end of the text,
preferring what the table holds likely and what was visited seldom, and opens one more place. The
places visited most are the guesses. The target reads them in one pass and keeps what it would have
written.

## When to use it
As token recycling, where two tokens of context tell more than one: long texts of one kind, in which
the table has time to learn.

## What to look at
The table filling up (the note “table”), how well its rows agree with the target's laws when they
are needed (the note “agreement”), and what exploration does to the shape of the tree.

## Guarantee
Lossless: the tree is a function of what was computed before for this text. At temperature 0, the
default here, it is the target's greedy text.

## Reference
Liu X. et al. 2024, "Adaptive Draft-Verification for Efficient Large Language Model Decoding",
https://arxiv.org/abs/2407.12021
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from math import log, sqrt

from explorer.drafting import GREEDY, draft_paths, text_so_far
from explorer.law import Law
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import check, sample_and_match

DEPTH = 6
C2 = 19652.0  # the visits from which on exploration grows; AlphaZero's
MOST_SHOWN = 48  # rows of the table that are noted

Row = dict[int, float]  # probabilities of third tokens, the most probable first; they sum to one


class AdedParams(Params):
    """The size of the tree, the search, how fast the table learns, and the target's filters."""

    nodes: int = param(
        32, "Tree size", "Guesses in a round, at most.", symbol="n", unit="nodes", ge=1, le=128
    )
    simulations: int = param(
        64, "Simulations", "Walks of the search in a round; each opens one place.", symbol="s",
        unit="walks", ge=1, le=1000,
    )  # fmt: skip
    exploration: float = param(
        1.25, "Exploration", "How much places that were visited seldom are preferred; 0: the "
        "likeliest by the table, one after another.", symbol="c₁", ge=0.0, le=100.0,
    )  # fmt: skip
    rate: float = param(
        0.5, "Update rate", "How much of a row a newly computed law replaces.", symbol="η",
        gt=0.0, le=1.0,
    )  # fmt: skip
    k: int = param(
        8, "Successors", "Most probable tokens that a law leaves in its row.", symbol="k",
        unit="tokens", ge=1, le=32,
    )  # fmt: skip
    filters: FilterChain = param(
        GREEDY, "Filters", "Chain applied to the target's law.", unit="chain"
    )


@method(
    title="ADED",
    family="speculation",
    paper="https://arxiv.org/abs/2407.12021",
    params=AdedParams,
    claims={"lossless"},
    notes=(
        Note("table", "the pairs seen last: a row a pair, a column a rank, the probability of "
             "its third token", shape="matrix", drawn_as="heatmap"),
        Note("pairs", "pairs of tokens whose third ones are known", unit="pairs"),
        Note("agreement", "probability that the table's rows and the target's laws have in common"),
    ),
    presets={
        "the paper's defaults": preset(
            "How the tree turns to where guesses stood.", nodes=64, simulations=150
        ),
        "no exploration": preset("Only the best-known branches are tried.", exploration=0.0),
        "sampling": preset(
            "Guesses that agree with a draw, not with the best token.", filters="none"
        ),
        "break it": preset(
            "Everything is tried and hardly anything learned: a tree of rare successors.",
            exploration=100.0, rate=0.01,
        ),
    },
)  # fmt: skip
def aded(run: Run, p: AdedParams) -> None:
    root = run.root
    table = TrigramTable(p.k, p.rate)
    table.count(run.prompt.ids)
    for _ in run.steps():
        text = text_so_far(run, root)
        paths = search(table, text[-2:], p, run.eos_ids)
        guesses = draft_paths(run, root, paths, by="trigrams")
        root, laws = check(run, root, guesses, p.filters, sample_and_match)
        shared = [
            share
            for node, law in laws.items()
            if (share := table.learn(text_so_far(run, node)[-2:], law)) is not None
        ]
        run.note("table", table.shown())
        run.note("pairs", len(table.rows))
        if shared:
            run.note("agreement", sum(shared) / len(shared))


class TrigramTable:
    """For each pair of tokens the probabilities of the third."""

    def __init__(self, k: int, rate: float) -> None:
        self.rows: dict[tuple[int, ...], Row] = {}
        self._k = k
        self._rate = rate

    def count(self, text: Sequence[int]) -> None:
        """Begin with the frequencies of a text's own trigrams."""
        counts: dict[tuple[int, ...], Row] = {}
        for u, v, w in zip(text, text[1:], text[2:], strict=False):
            row = counts.setdefault((u, v), {})
            row[w] = row.get(w, 0.0) + 1
        self.rows |= {pair: self._row(row) for pair, row in counts.items()}

    def learn(self, pair: Sequence[int], law: Law) -> float | None:
        """Move the pair's row towards a law; returns how much of it the row knew before.

        None where the pair was new.
        """
        p, tokens = law.raw.exp().topk(min(self._k, len(law.raw)))
        new = self._row(dict(zip(tokens.tolist(), p.tolist(), strict=True)))
        old = self.rows.pop(tuple(pair), None)
        if old is None:
            self.rows[tuple(pair)] = new
            return None
        mixed = {w: (1 - self._rate) * x for w, x in old.items()}
        for w, x in new.items():
            mixed[w] = mixed.get(w, 0.0) + self._rate * x
        self.rows[tuple(pair)] = self._row(mixed)  # the youngest row stands last
        return sum(min(x, float(law.raw[w].exp())) for w, x in old.items())

    def shown(self) -> list[list[float]]:
        """The youngest rows as a matrix, the youngest first."""
        youngest = list(self.rows.values())[: -MOST_SHOWN - 1 : -1]
        rows = [[round(x, 3) for x in row.values()] for row in youngest]
        return [row + [0.0] * (self._k - len(row)) for row in rows]

    def _row(self, weights: Row) -> Row:
        """The k largest weights, made to sum to one."""
        largest = sorted(weights.items(), key=lambda item: -item[1])[: self._k]
        total = sum(x for _, x in largest)
        return {w: x / total for w, x in largest}


@dataclass(slots=True)
class Branch:
    """A continuation in the search: the table's product down to it, and what the walks found.

    `best` is the largest product of a place at or below it that was not opened yet, 0 if none is
    left; `below` its continuations, None until it is opened.
    """

    token: int
    prior: float
    product: float
    best: float
    visits: int = 0
    below: list[Branch] | None = field(default=None)


def search(
    table: TrigramTable, last: Sequence[int], p: AdedParams, eos_ids: Set[int]
) -> list[tuple[int, ...]]:
    """The places visited most, as paths of tokens; a path's beginnings stand before it."""
    top = Branch(-1, 1.0, 1.0, 1.0)
    for _ in range(p.simulations + 1):  # the first opens the end of the text
        if top.best == 0:
            break
        way = [top]
        while below := way[-1].below:
            way.append(_choose(way[-1], below, p.exploration))
        leaf = way[-1]
        leaf.below = []
        if len(way) <= DEPTH and leaf.token not in eos_ids:
            pair = (*last, *(branch.token for branch in way[1:]))[-2:]
            leaf.below = [
                Branch(w, x, leaf.product * x, leaf.product * x)
                for w, x in table.rows.get(pair, {}).items()
            ]
        for branch in reversed(way):
            branch.visits += 1
            branch.best = max((b.best for b in branch.below or ()), default=0.0)

    visited: list[tuple[Branch, tuple[int, ...]]] = [(top, ())]
    for branch, path in visited:
        visited += [(b, (*path, b.token)) for b in branch.below or () if b.visits]
    ranked = sorted(visited[1:], key=lambda v: (-v[0].visits, -v[0].product, len(v[1])))
    return [path for _, path in ranked[: p.nodes]]


def _choose(parent: Branch, below: Sequence[Branch], c1: float) -> Branch:
    """The continuation with the largest PUCT score, among those with unopened places."""
    # Without exploration the growing term is left out too: what remains is best-first search.
    reach = (c1 + log((parent.visits + C2 + 1) / C2)) * sqrt(parent.visits) if c1 else 0.0
    return max(
        (b for b in below if b.best > 0),
        key=lambda b: b.prior * reach / (1 + b.visits) + b.best,
    )
