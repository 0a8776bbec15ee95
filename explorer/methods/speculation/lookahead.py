"""Collect n-grams from guesses that run ahead, and check those that begin with the last token.

## What it does
A window runs ahead of the text: W places, the first of them the text's last token, and behind each
place the target's own continuation as it was guessed over the last N - 2 passes. Every pass reads
the window too and adds one more guess behind each place, so that W n-grams of length N come out of
it. They go into a pool, by their first token. The same pass checks up to G n-grams of the pool that
begin with the text's last token; those that the target would have written stand.

## When to use it
Where a pass over a hundred tokens costs little more than over one. It needs no second model.

## What to look at
How the window's junk turns into text within N passes, which n-grams were in the pool when they were
needed (the notes “window”, “pool” and “offered”), and what the window costs in positions against
what it saves in passes.

## Guarantee
Lossless: what is checked is a function of what was computed before for this text. At temperature 0,
the default here, it is the target's greedy text. The window begins with tokens of the prompt in
turn, where the authors draw them at random.

## Reference
Fu et al. 2024, "Break the Sequential Dependency of LLM Inference Using Lookahead Decoding",
https://arxiv.org/abs/2402.02057
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from itertools import cycle, islice

from explorer.drafting import GREEDY, draft_paths
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import check, sample_and_match


class LookaheadParams(Params):
    """The size of the window and of what is checked, and the target's filters."""

    ngram: int = param(
        4, "n-gram", "Tokens of the n-grams, the first one included.", symbol="N", unit="tokens",
        ge=2, le=8,
    )  # fmt: skip
    window: int = param(
        8, "Window", "Places that run ahead.", symbol="W", unit="tokens", ge=1, le=64
    )
    checked: int = param(
        8, "Checked", "n-grams of the pool that a pass checks, at most.", symbol="G",
        unit="n-grams", ge=0, le=64,
    )  # fmt: skip
    filters: FilterChain = param(
        GREEDY, "Filters", "Chain applied to the target's law.", unit="chain"
    )


@method(
    title="Lookahead decoding",
    family="speculation",
    paper="https://arxiv.org/abs/2402.02057",
    params=LookaheadParams,
    claims={"lossless"},
    notes=(
        Note("pool", "n-grams in the pool", unit="n-grams"),
        Note("hits", "n-grams of the pool that begin with the last token", unit="n-grams"),
        Note(
            "window",
            "what the window's rows say before the pass, the oldest first",
            shape="text",
            drawn_as="label",
        ),
        Note(
            "offered",
            "the n-grams of the pool that are tried, the newest first",
            shape="text",
            drawn_as="label",
        ),
    ),
    presets={
        "the paper's defaults": preset(
            "As for a model of seven billion weights: which n-grams were collected, and which "
            "stood.",
            ngram=5,
            window=15,
            checked=15,
        ),
        "small": preset("Shorter n-grams, sooner found.", ngram=3, window=5, checked=5),
        "break it": preset(
            "Collected n-grams are never tried: greedy decoding that reads more in each pass.",
            checked=0,
        ),
    },
)
def lookahead(run: Run, p: LookaheadParams) -> None:
    root = run.root
    pool = Pool(p.checked)
    filling = cycle(run.prompt.ids)
    rows = [list(islice(filling, p.window)) for _ in range(p.ngram - 1)]
    for _ in run.steps():
        # 1. n-grams of the pool as guesses, and the window as a tree: row 0 is a chain that begins
        # with the last token, behind its place c hang the tokens of column c in the other rows.
        last = run.tree.token(root) if root != run.root else run.prompt.ids[-1]
        rows[0][:1] = [last]
        suffixes = pool.beginning_with(last)
        guesses = draft_paths(run, root, suffixes, by="n-gram pool")
        columns: list[list[int]] = []
        for c in range(min(p.window, run.remaining - p.ngram)):
            columns.append([run.add(columns[-1][0], rows[0][c], by="window") if c else root])
            for row in rows[1:]:
                columns[-1].append(run.add(columns[-1][-1], row[c], by="window"))
        window = [node for column in columns for node in column][1:]
        if columns:
            run.note("window", " | ".join(said(run, row[: len(columns)]) for row in rows))
        if suffixes:
            run.note("offered", " | ".join(said(run, [last, *suffix]) for suffix in suffixes))

        # 2. One pass for both.
        root, laws = check(run, root, guesses, p.filters, sample_and_match, window)

        # 3. What the target writes behind each column ends an n-gram, and is the newest row.
        newest = [laws[column[-1]].best for column in columns]
        rows.append(newest)
        for c in range(len(columns)):
            pool.put([row[c] for row in rows])
        rows = rows[1:]
        text = set(run.tree.path(run.head))
        for node in window:
            if node not in text and run.tree.alive(node):
                run.discard(node, why="of the window, not of the text")
        run.note("pool", len(pool))
        run.note("hits", len(suffixes))


def said(run: Run, tokens: Sequence[int]) -> str:
    """Tokens side by side, each as it is written."""
    return "".join(map(run.token_text, tokens))


class Pool:
    """n-grams by their first token, of each the last few that were seen."""

    def __init__(self, per_token: int) -> None:
        self._per_token = per_token
        self._suffixes: dict[int, OrderedDict[tuple[int, ...], None]] = defaultdict(OrderedDict)

    def __len__(self) -> int:
        return sum(map(len, self._suffixes.values()))

    def put(self, ngram: list[int]) -> None:
        """The oldest n-gram of that first token goes where there are too many."""
        first, *suffix = ngram
        suffixes = self._suffixes[first]
        suffixes[tuple(suffix)] = None
        suffixes.move_to_end(tuple(suffix))
        while len(suffixes) > self._per_token:
            suffixes.popitem(last=False)

    def beginning_with(self, token: int) -> list[tuple[int, ...]]:
        """What followed that token, the newest first."""
        return list(reversed(self._suffixes.get(token, {})))
