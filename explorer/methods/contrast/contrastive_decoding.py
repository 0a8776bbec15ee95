"""Prefer tokens that the target likes much more than a weaker model, the amateur, does.

## What it does
Both models read the same text. Among the tokens that the target finds plausible, at least α times
its most probable one, those win that the amateur likes least in comparison: what a small model
does too, such as repeating itself, is held against a token.

## When to use it
Open-ended text from a strong model with a weaker relative at hand; reasoning in the (1+β) form.

## What to look at
The two laws and the score side by side: which tokens the plausibility mask removes, and where the
score's favourite differs from the target's.

## Guarantee
Exact for its own law: the softmax of the score on the plausible tokens, after the filters. α = 1 is
the target's greedy text; β = 0 samples the target on the min-p(α) set.

## Reference
Li et al. 2022, https://arxiv.org/abs/2210.15097 (difference); O'Brien and Lewis 2023,
https://arxiv.org/abs/2309.09117 ((1+β) form)
"""

from __future__ import annotations

from math import log
from typing import Literal

import torch

from explorer.registry import Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, Temperature


class ContrastiveParams(Params):
    """How plausible a token must be, and how the amateur is held against it."""

    alpha: float = param(
        0.1,
        "Plausibility",
        "A token stays if the target gives it at least this share of its top probability.",
        symbol="α",
        gt=0.0,
        le=1.0,
    )
    form: Literal["difference", "one_plus_beta"] = param(
        "difference",
        "Form",
        "difference: log p_target - log p_amateur; one_plus_beta: (1+β)·target - β·amateur.",
    )
    beta: float = param(
        0.5, "Strength", "Weight of the amateur in the (1+β) form.", symbol="β", ge=0.0, le=10.0
    )
    amateur_temperature: float = param(
        1.0,
        "Amateur temperature",
        "Divides the amateur's logits; below 1 its favourites are punished more.",
        symbol="τ",
        gt=0.0,
        le=10.0,
    )
    filters: FilterChain = param(
        (Temperature(t=0),),
        "Filters",
        "Chain applied to the score before the draw; temperature 0 takes the best.",
        unit="chain",
    )


@method(
    title="Contrastive decoding",
    family="contrast",
    paper="https://arxiv.org/abs/2210.15097",
    params=ContrastiveParams,
    models=("target", "amateur"),
    claims={"exact"},
    presets={
        "the paper's defaults": preset(
            "Which plausible token the amateur likes least; the paper searches with beams, here "
            "the best token is taken.",
            alpha=0.1,
            form="difference",
            amateur_temperature=0.5,
        ),
        "(1+β), sampled": preset(
            "The later form: how far the law moves away from the amateur's.",
            form="one_plus_beta",
            filters="none",
        ),
        "break it": preset(
            "Hardly anything is implausible: tokens win because the amateur would never say them.",
            alpha=0.0001,
        ),
    },
)
def contrastive_decoding(run: Run, p: ContrastiveParams) -> None:
    amateur = run.open("amateur")
    node = run.root
    for _ in run.steps():
        # 1. Both readings of the same text.
        target = run.target([node]).log_softmax(-1)  # (1, V)
        weak = (amateur([node]) / p.amateur_temperature).log_softmax(-1)

        # 2. What the target finds plausible.
        implausible = target < target.max() + log(p.alpha)

        # 3. The score: what the target likes more than the amateur does.
        weight = 1.0 if p.form == "difference" else p.beta
        score = (target if p.form == "difference" else (1 + p.beta) * target) - weight * weak
        score = score.masked_fill(implausible, -torch.inf)

        # 4. Choose.
        law = run.combined(p.filters, score, node, "target - amateur", target, "plausibility")
        node = run.add(node, run.choose(law))
        run.emit(node)
