"""Beam search on a grid: a beam for each number of tokens of the wanted phrases.

## What it does
Row c of the grid holds the k best hypotheses that have c tokens of the phrases. A hypothesis stays
in its row by any token (generate), or moves to the next by the first token of a phrase (start) or,
inside a phrase, by its next one (continue), which is all it may do there. Only the last row, which
has all the phrases, may end.

## When to use it
A text that must hold given words: a translation with fixed terms, a sentence from keywords. Write a
phrase as it stands in the text, with the blank before it.

## What to look at
In which row the leading hypotheses are: models with a will of their own put the phrases off as long
as they can, or have them at once.

## Guarantee
Deterministic. Every finished text holds every phrase; the best such text if k is as large as the
number of prefixes. Without phrases it is beam search. The work grows with the phrases' tokens.

## Reference
Hokamp and Liu 2017, "Lexically Constrained Decoding for Sequence Generation Using Grid Beam
Search", https://arxiv.org/abs/1704.07138
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from explorer.hypotheses import (
    Extension,
    FinishedPool,
    Hypothesis,
    advance,
    best_extensions,
    ends,
    laws_after,
)
from explorer.law import Law
from explorer.phrases import (
    CONSTRAINTS,
    ConstrainedBeamParams,
    PhraseParams,
    Progress,
    note_progress,
    phrases_of,
)
from explorer.registry import Note, method, param, preset
from explorer.run import Run


class GridParams(ConstrainedBeamParams, PhraseParams):
    """What the text must hold, and how wide to search."""

    num_beams: int = param(
        4, "Beams", "Hypotheses kept in each row.", symbol="k", unit="hypotheses", ge=1, le=64
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """A hypothesis in the grid; its row is the number of tokens that its progress covers."""

    beam: Hypothesis
    progress: Progress


@method(
    title="Grid beam search",
    family="search",
    paper="https://arxiv.org/abs/1704.07138",
    params=GridParams,
    claims={"deterministic"},
    notes=(
        Note("rows", "Best sum in each row, from no token of the phrases to all", "vector",
             "nats", "bars"),
        CONSTRAINTS,
        Note("missing", "What of the phrases did not come", "text", drawn_as="label"),
    ),
    presets={
        "no phrase": preset("Without a phrase the grid has one row: plain beam search."),
        "narrow": preset("One hypothesis in each cell of the grid.", num_beams=1),
        "lengths not compared": preset(
            "Sums of different lengths are compared as they are.", length_penalty=0.0
        ),
        "break it": preset(
            "Letters that fit nowhere: they are written all the same, and the text around them "
            "suffers.",
            phrases="dcba", num_beams=1,
        ),
    },
)  # fmt: skip
def grid_beam_search(run: Run, p: GridParams) -> None:
    k = p.num_beams
    phrases = phrases_of(run, p.phrases)
    C = sum(map(len, phrases))
    pool = FinishedPool(k, p.length_penalty)
    grid = [Placed(Hypothesis(run.root, 0.0), Progress(phrases))]

    for step in run.steps():
        # 1. One pass reads the whole grid.
        tips = list({placed.beam.node: placed.beam for placed in grid}.values())
        laws = {law.node: law for law in laws_after(run, tips, p.filters)}

        # 2. Generate, start, continue.
        rows: dict[int, dict[object, tuple[Extension, Progress]]] = defaultdict(dict)
        for placed in grid:
            for x, progress in extensions(run, placed, laws[placed.beam.node], k):
                if C - progress.covered < run.limit - step:  # else the rest would not fit
                    rows[progress.covered][x.node, x.token, progress] = (x, progress)

        # 3. In each row the k best go on; in the last, those that end are finished.
        chosen: list[tuple[Extension, Progress]] = []
        ended: list[Extension] = []
        for c in sorted(rows):
            ranked = sorted(rows[c].values(), key=lambda entry: -entry[0].score)
            chosen += [entry for entry in ranked if not ends(run, entry[0])][:k]
            ended += [x for x, _ in ranked[:k] if ends(run, x)]
        pool.take(run, ended)
        beams = advance(
            run, list(laws.values()), None, [x for x, _ in chosen], ended,
            logp=[x.score for x, _ in chosen],
            covered=[progress.covered for _, progress in chosen],
        )  # fmt: skip
        if not chosen:
            break
        grid = [Placed(b, progress) for b, (_, progress) in zip(beams, chosen, strict=True)]
        best = best_of_rows(grid, C)
        run.note("rows", best)
        note_progress(run, p.phrases, [(placed.beam.node, placed.progress) for placed in grid])

        # 4. Can the best of all rows still enter the pool?
        if pool.score(max(x for x in best if x is not None), step + 1) <= pool.worst:
            break

    most = max(placed.progress.covered for placed in grid)
    if not len(pool):
        run.note("missing", f"{C - most} of {C} tokens of the phrases did not come")
    furthest = [placed.beam for placed in grid if placed.progress.covered == most]
    run.answer(pool.ranked(run, furthest)[:k])


def extensions(run: Run, placed: Placed, law: Law, k: int) -> Iterator[tuple[Extension, Progress]]:
    """What may follow a hypothesis, and its progress then; only a complete one may end."""
    score, progress = placed.beam.score, placed.progress
    if progress.begun is None:
        totals = score + law.logp  # (V,)
        eos = torch.tensor(sorted(run.eos_ids)).to(totals.device)
        if not progress.complete:
            totals = totals.index_fill(0, eos, -torch.inf)
        for x in best_extensions([law], totals[None], k + len(eos)):
            yield x, progress
    for i, token in progress.needed.items():
        if law.logp[token] > -torch.inf:
            yield Extension(law, token, score + float(law.logp[token])), progress.with_next_of(i)


def best_of_rows(grid: Sequence[Placed], C: int) -> list[float | None]:
    """The best score in each row, None where it is empty."""
    rows: list[list[float]] = [[] for _ in range(C + 1)]
    for placed in grid:
        rows[placed.progress.covered].append(placed.beam.score)
    return [max(scores, default=None) for scores in rows]
