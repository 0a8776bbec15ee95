"""Keep the B most probable prefixes at every step and return the best finished one.

## What it does
Every step extends each of the B beams by every token, ranks all extensions by the sum of their
log-probabilities, and keeps the B best that do not end. Extensions that end, if they rank among
the first B, enter a pool of finished hypotheses, where they are compared by score: the sum divided
by the length to the power of a penalty. The search ends when no running beam can beat the pool.

## When to use it
Translation, summaries, answers with one right content, where the most probable text is wanted.
In open-ended text it brings out repetition: the more beams, the blander.

## What to look at
Which beams die and by what margin; how soon all beams share their beginning; when hypotheses
finish, and that more beams may give a worse text though a more probable one.

## Guarantee
Deterministic; exact only if B is as large as the number of prefixes. Equal to `transformers` 5.23
in tokens and scores.

## Reference
Classic (Lowerre 1976); semantics as in `transformers`. On the length penalty: Wu et al. 2016,
https://arxiv.org/abs/1609.08144
"""

from __future__ import annotations

from typing import Literal

from explorer.hypotheses import (
    FinishedPool,
    Hypothesis,
    advance,
    best_extensions,
    laws_after,
    parted,
    sums,
)
from explorer.registry import Generate, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain


class BeamParams(Params):
    """How wide to search, how to compare lengths, when to stop."""

    num_beams: int = param(
        4, "Beams", "Prefixes kept at every step.", symbol="B", unit="hypotheses", ge=1, le=64
    )
    length_penalty: float = param(
        1.0,
        "Length penalty",
        "Exponent of the length that divides a finished sum of log-probabilities; "
        "above 0 favours long texts.",
        symbol="α",
        ge=-3.0,
        le=5.0,
    )
    early_stopping: bool | Literal["never"] = param(
        False,
        "Early stopping",
        "true: stop at B finished; false: stop when the best running beam, as long as it is now, "
        'cannot enter the pool; "never": allow for all the length that is left.',
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each beam's log-probabilities.", unit="chain"
    )


def generate_call(p: BeamParams) -> Generate | None:
    """One beam is greedy decoding there, and filtered laws are not renormalised."""
    if p.filters or p.num_beams == 1:
        return None
    options = p.model_dump(include={"num_beams", "length_penalty", "early_stopping"})
    return Generate({"do_sample": False, **options})


@method(
    title="Beam search",
    family="search",
    paper="https://arxiv.org/abs/1609.08144",
    params=BeamParams,
    claims={"deterministic"},
    presets={
        "the usual": preset("Which beams die and by what margin.", num_beams=4),
        "narrow": preset("How soon both beams share their beginning.", num_beams=2),
        "break it": preset(
            "The curse of beam search: a more probable text, and a blander or shorter one.",
            num_beams=32,
            length_penalty=0.0,
        ),
    },
    generate=generate_call,
)
def beam_search(run: Run, p: BeamParams) -> None:
    run.answer(search_beams(run, p))


def search_beams(run: Run, p: BeamParams) -> list[tuple[int, float]]:
    """The B best hypotheses as (node, score), best first."""
    B = p.num_beams
    pool = FinishedPool(B, p.length_penalty)
    beams = [Hypothesis(run.root, 0.0)]
    K = max(2, 1 + len(run.eos_ids)) * B

    for step in run.steps():
        # 1. Extend every beam by every token; the K best of all extensions.
        laws = laws_after(run, beams, p.filters)
        scores = sums(beams, laws)  # (B, V)
        ranked = best_extensions(laws, scores, K)

        # 2. Those that end leave the search; they count only if they rank among the first B.
        going, ended = parted(run, ranked, B)
        pool.take(run, ended)

        # 3. The B best that go on; a beam that none of them extends is pruned.
        beams = advance(run, laws, scores, going, ended)

        # 4. Can the best running beam still enter the pool?
        if not beams or (p.early_stopping is True and pool.full):
            break
        reach = run.limit if p.early_stopping == "never" and p.length_penalty > 0 else step + 1
        if pool.score(beams[0].score, reach) <= pool.worst:
            break
    return pool.ranked(run, beams)[:B]
