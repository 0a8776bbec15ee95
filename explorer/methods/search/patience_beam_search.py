"""Beam search that stops as soon as p times B hypotheses are finished.

## What it does
The beams go on as in beam search, but the pool keeps every finished hypothesis, and the search
stops when there are p · B of them. A factor of 1 is the usual rule, first come, first served;
more patience searches deeper, less stops sooner.

## When to use it
To tune how deep a search goes without touching its width: the paper takes p = 2 for translation
and p = 0.5 for summaries.

## What to look at
When hypotheses finish, and where the search would have stopped with another p: what came later
seldom wins.

## Guarantee
Deterministic; a heuristic. With p = 1 the best answer is that of beam search with early stopping;
with more patience the best score never falls.

## Reference
Kasai et al. 2022, "Beam Decoding with Controlled Patience", https://arxiv.org/abs/2204.05424
"""

from __future__ import annotations

from math import ceil

from explorer.hypotheses import (
    FinishedPool,
    Hypothesis,
    advance,
    best_extensions,
    laws_after,
    parted,
    sums,
)
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain


class PatienceParams(Params):
    """How wide to search, and how many finished hypotheses to wait for."""

    num_beams: int = param(
        4, "Beams", "Prefixes kept at every step.", symbol="B", unit="hypotheses", ge=1, le=64
    )
    patience: float = param(
        1.0, "Patience", "The search stops at this many finished hypotheses for each beam.",
        symbol="p", unit="× B", ge=0.05, le=16.0,
    )  # fmt: skip
    length_penalty: float = param(
        1.0, "Length penalty", "Exponent of the length that divides a finished sum.",
        symbol="α", ge=-3.0, le=5.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each beam's log-probabilities.", unit="chain"
    )


@method(
    title="Beam search with patience",
    family="search",
    paper="https://arxiv.org/abs/2204.05424",
    params=PatienceParams,
    claims={"deterministic"},
    notes=(
        Note("finished", "Hypotheses finished so far", unit="hypotheses"),
        Note("best score", "The best finished score so far", unit="nats / length^α"),
    ),
    presets={
        "the paper's defaults": preset(
            "As for translation: the search goes on until twice as many texts have ended as there "
            "are beams.",
            patience=2.0,
        ),
        "the paper's, for summaries": preset(
            "It stops early: half as many finished texts as beams.", patience=0.5
        ),
        "first come, first served": preset(
            "The search as it was before the paper: as many finished texts as beams.", patience=1.0
        ),
        "break it": preset(
            "No patience: the first text to end is the answer, however poor.",
            num_beams=16,
            patience=0.05,
        ),
    },
)
def patience_beam_search(run: Run, p: PatienceParams) -> None:
    B = p.num_beams
    enough = ceil(p.patience * B)
    pool = FinishedPool(None, p.length_penalty)
    beams = [Hypothesis(run.root, 0.0)]
    K = max(2, 1 + len(run.eos_ids)) * B

    for _ in run.steps():
        # 1. Extend every beam by every token; the K best of all extensions.
        laws = laws_after(run, beams, p.filters)
        scores = sums(beams, laws)  # (B, V)
        ranked = best_extensions(laws, scores, K)

        # 2. The first B of them that end are finished, the B best others go on.
        going, ended = parted(run, ranked, B)
        pool.take(run, ended)
        beams = advance(run, laws, scores, going, ended)

        # 3. First come, first served, p · B times.
        run.note("finished", len(pool))
        if pool.ranked(run):
            run.note("best score", pool.ranked(run)[0][1])
        if not beams or len(pool) >= enough:
            break

    run.answer(pool.ranked(run, beams)[:B])
