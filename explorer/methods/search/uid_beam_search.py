"""Beam search whose objective also wants surprisal to be spread evenly over the text.

## What it does
Hypotheses are ranked by the sum of their log-probabilities minus λ times R, which grows where
surprisal u = -log p is spread unevenly: by its distance from the best token's (greedy), its
variance, its jumps from token to token (local), its peak (max) or its squares.

## When to use it
To see what beam search does without being told: narrow beams find evenly surprising texts, and an
explicit regulariser lets wide beams find them too.

## What to look at
The probability of each token of the answer with λ at 0 and large, and how uneven the hypotheses
are that were kept: their objective lies λR below their log-probability.

## Guarantee
Deterministic; a heuristic, exact where the beam holds every prefix. λ = 0 is beam search that
stops when nothing better can follow; R greedy with a large λ is the greedy text.

## Reference
Meister, Vieira and Cotterell 2020, "If beam search is the answer, what was the question?",
https://arxiv.org/abs/2010.02650
"""

from __future__ import annotations

import torch

from explorer.hypotheses import (
    FinishedPool,
    Hypothesis,
    advance,
    best_extensions,
    laws_after,
    parted,
)
from explorer.registry import Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.surprisal import Evenness, Surprisals


class UniformParams(Params):
    """How wide to search, what evenness means, and how much it counts."""

    num_beams: int = param(
        4, "Beams", "Prefixes kept at every step.", symbol="B", unit="hypotheses", ge=1, le=64
    )
    regulariser: Evenness = param(
        "square", "Regulariser",
        "greedy: squared distance from the least surprisal; variance; local: squared jumps; "
        "max: the peak; square: squares.", symbol="R",
    )  # fmt: skip
    weight: float = param(
        0.5, "Weight", "What unevenness costs against log-probability.", symbol="λ",
        ge=0.0, le=1000.0,
    )  # fmt: skip
    length_penalty: float = param(
        0.0, "Length penalty", "Exponent of the length that divides a finished objective.",
        symbol="α", ge=0.0, le=5.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each beam's log-probabilities.", unit="chain"
    )


@method(
    title="Uniform-information-density beam search",
    family="search",
    paper="https://arxiv.org/abs/2010.02650",
    params=UniformParams,
    claims={"deterministic"},
    presets={
        "squares": preset("Peaks of surprisal are what costs most."),
        "no peaks": preset("Only the greatest surprisal counts.", regulariser="max", weight=5.0),
        "towards greedy": preset(
            "Every step away from the best token costs.", regulariser="greedy", weight=10.0
        ),
        "wide and even": preset(
            "A wide beam that does not turn bland.",
            num_beams=16,
            regulariser="variance",
            weight=5.0,
        ),
        "break it": preset(
            "Only evenness counts: a text of steady surprisal, probable or not.",
            regulariser="variance",
            weight=1000.0,
        ),
    },
)
def uid_beam_search(run: Run, p: UniformParams) -> None:
    run.answer(search_evenly(run, p))


def search_evenly(run: Run, p: UniformParams) -> list[tuple[int, float]]:
    """The B best hypotheses as (node, score), best first."""
    B = p.num_beams
    pool = FinishedPool(B, p.length_penalty)
    beams = [Hypothesis(run.root, 0.0)]
    K = max(2, 1 + len(run.eos_ids)) * B
    past = {run.root: Surprisals()}

    for step in run.steps():
        # 1. Every extension is worth its log-probability less λR.
        laws = laws_after(run, beams, p.filters)
        scores = torch.stack(
            [past[law.node].objective(law.logp, p.regulariser, p.weight) for law in laws]
        )  # (B, V)
        ranked = best_extensions(laws, scores, K)

        # 2. A beam step.
        going, ended = parted(run, ranked, B)
        pool.take(run, ended)
        grown = [past[x.node].then(x.law.logp, x.token) for x in going]
        beams = advance(
            run, laws, scores, going, ended,
            logp=[u.logp for u in grown],
            objective=[x.score for x in going],
        )  # fmt: skip
        past = {beam.node: u for beam, u in zip(beams, grown, strict=True)}

        # 3. R is never below 0, so no text is worth more than its log-probability.
        if not beams:
            break
        reach = run.limit if p.length_penalty > 0 else step + 1
        if max(pool.score(u.logp, reach) for u in grown) <= pool.worst:
            break
    return pool.ranked(run, beams)[:B]
