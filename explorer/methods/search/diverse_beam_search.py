"""Divide the beams into groups that pay for choosing what the groups before them chose.

## What it does
G beam searches of B / G beams each run side by side. At every step the groups choose one after the
other, and a group pays λ for each time that an earlier one has just chosen the same token
(Hamming diversity). It may pay instead for n-grams, wherever the earlier groups' texts have them,
or, cumulatively, for each of these texts the less, the more of its tokens differ at their places.
Each group has its own pool of finished hypotheses; the answers are ranked together.

## When to use it
Several answers that differ in more than their last word: captions, translations, questions.

## What to look at
The groups as lanes: what each law was worth before and after the payment, and how soon the groups
part. With λ = 0 all groups are the same beam search.

## Guarantee
Deterministic; a heuristic. One group is beam search with the same parameters; without payment each
group is beam search with B / G beams.

## Reference
Vijayakumar et al. 2016, https://arxiv.org/abs/1610.02424
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Literal

import torch
from pydantic import ValidationInfo, field_validator
from torch import Tensor

from explorer.hypotheses import (
    Extension,
    FinishedPool,
    Hypothesis,
    advance,
    best_extensions,
    parted,
    sums,
)
from explorer.registry import Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain


class DiverseParams(Params):
    """How many beams in how many groups, and what it costs to say the same."""

    num_beams: int = param(
        6, "Beams", "Prefixes kept at every step, all groups together.", symbol="B",
        unit="hypotheses", ge=1, le=64,
    )  # fmt: skip
    num_groups: int = param(
        3, "Groups", "Groups of equal size; they must divide the beams.", symbol="G",
        unit="groups", ge=1, le=64, validate_default=True,
    )  # fmt: skip
    diversity: float = param(
        0.5, "Diversity", "What it costs each time to repeat what an earlier group has.",
        symbol="λ", unit="nats", ge=0.0, le=100.0,
    )  # fmt: skip
    measure: Literal["hamming", "ngram", "cumulative"] = param(
        "hamming", "Paid for",
        "hamming: the same token in the same step; ngram: the same n-gram anywhere; cumulative: "
        "e^(−d/Γ) for each earlier text that differs at d places.",
    )  # fmt: skip
    n: int = param(2, "n-gram", "Length of the n-grams; ngram only.", symbol="n", unit="tokens",
                   ge=1, le=10)  # fmt: skip
    gamma: float = param(
        2.0, "Γ", "After how many different tokens little is paid any more; cumulative only.",
        symbol="Γ", unit="tokens", gt=0.0, le=100.0,
    )  # fmt: skip
    accumulate: bool = param(
        True, "Payments add up",
        "true: what was paid stays in a hypothesis' sum; false: it counts only in its own step.",
    )  # fmt: skip
    length_penalty: float = param(
        1.0, "Length penalty", "Exponent of the length that divides a finished sum.",
        symbol="α", ge=-3.0, le=5.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each beam's log-probabilities.", unit="chain"
    )

    @field_validator("num_groups")
    @classmethod
    def _divides(cls, groups: int, known: ValidationInfo) -> int:
        if (beams := known.data.get("num_beams", groups)) % groups:
            raise ValueError(f"num_beams = {beams} must be a multiple of it")
        return groups


@dataclass(slots=True)
class Group:
    """One of the searches: its number, its running hypotheses, its finished ones."""

    number: int
    beams: list[Hypothesis]
    pool: FinishedPool


@method(
    title="Diverse beam search",
    family="search",
    paper="https://arxiv.org/abs/1610.02424",
    params=DiverseParams,
    claims={"deterministic"},
    presets={
        "three groups": preset("Where a later group turns away from what an earlier one took."),
        "every beam for itself": preset(
            "Four beams that avoid each other's tokens.", num_beams=4, num_groups=4, diversity=1.0
        ),
        "no phrase twice": preset(
            "Groups that pay for two tokens in a row, wherever an earlier one has them.",
            measure="ngram", diversity=1.0,
        ),
        "far enough": preset(
            "Once groups have parted they pay less and less, and may use the same words again.",
            measure="cumulative", diversity=2.0,
        ),
        "no payment": preset(
            "Groups that do not know of each other find the same texts.", diversity=0.0
        ),
        "break it": preset(
            "No token is worth what a repeated one costs: later groups take whatever is left, "
            "sense or not.",
            num_beams=6,
            num_groups=6,
            diversity=100.0,
        ),
    },
)  # fmt: skip
def diverse_beam_search(run: Run, p: DiverseParams) -> None:
    size = p.num_beams // p.num_groups
    K = max(2, 1 + len(run.eos_ids)) * size
    groups = [
        Group(g, [Hypothesis(run.root, 0.0)], FinishedPool(size, p.length_penalty))
        for g in range(1, p.num_groups + 1)
    ]
    searching = groups

    for step in run.steps():
        # 1. One pass reads the beams of every group.
        tips = list(dict.fromkeys(beam.node for group in searching for beam in group.beams))
        laws = dict(zip(tips, run.laws(p.filters, run.target(tips), tips), strict=True))
        before: list[list[int]] = []  # texts of earlier groups, with the tokens of this step

        # 2. Group by group: pay, rank, and choose as in beam search.
        plans = []
        for group in searching:
            read = [laws[beam.node] for beam in group.beams]
            payment = {
                law.node: p.diversity * repeated(p, run.tree.tokens(law.node), before, law.logp)
                for law in read
            }
            paid = [
                replace(law, logp=law.logp - payment[law.node], stream=f"group {group.number}")
                for law in read
            ]
            scores = sums(group.beams, paid)  # (size, V)
            ranked = best_extensions(paid, scores, K)
            if not p.accumulate:
                ranked = [replace(x, score=x.score + cost(payment, x)) for x in ranked]
            going, ended = parted(run, ranked, size)
            before += [[*run.tree.tokens(x.node), x.token] for x in going]
            plans.append((group, paid, scores, payment, going, ended))

        # 3. What a group drops may live on in another one.
        spared = {x.node for *_, going, _ in plans for x in going}
        for group, paid, scores, payment, going, ended in plans:
            group.pool.take(run, ended)
            sums_paid = [x.score for x in going]
            group.beams = advance(
                run, paid, scores, going, ended, spared,
                group=group.number, score=sums_paid, paid=[cost(payment, x) for x in going],
            )  # fmt: skip

        # 4. A group is done when its best beam cannot enter its pool any more.
        searching = [g for g in searching if g.beams and not done(g, step + 1)]
        if not searching:
            break

    ranked = [x for g in groups for x in g.pool.ranked(run, g.beams)[:size]]
    run.answer(sorted(ranked, key=lambda entry: -entry[1]))


def repeated(
    p: DiverseParams, text: Sequence[int], before: Sequence[Sequence[int]], like: Tensor
) -> Tensor:
    """How much each token behind `text` repeats of the texts `before`, as a tensor `like` (V,).

    Those are one token longer than `text`: they have chosen already.
    """
    found = torch.zeros_like(like)
    for other in before:
        if p.measure == "hamming":
            found[other[-1]] += 1
        elif p.measure == "ngram":
            for end in range(p.n - 1, len(other)):
                start = end - p.n + 1
                if p.n - 1 <= len(text) and other[start:end] == text[len(text) - p.n + 1 :]:
                    found[other[end]] += 1
        else:
            apart = sum(a != b for a, b in zip(text, other, strict=False))
            here, another = exp(-apart / p.gamma), exp(-(apart + 1) / p.gamma)
            found += another
            found[other[-1]] += here - another
    return found


def cost(payment: Mapping[int, Tensor], x: Extension) -> float:
    return float(payment[x.node][x.token])


def done(group: Group, length: int) -> bool:
    """Whether the group's best running hypothesis, as long as it is now, cannot enter its pool."""
    return group.pool.score(group.beams[0].score, length) <= group.pool.worst
