"""Several drafts guess chains of their own; merged to one tree, the target checks them in one pass.

## What it does
The small model writes several chains, each at a temperature of its own, as if they were several
drafts. Chains that begin alike are one branch of a tree. The target reads the tree in one pass. At
each node the guesses are tried in turn, each against the law that its own chain drew it from: after
a rejection the target's law loses what that draft held probable, and the next guess is tried
against what remains.

## When to use it
Where one draft is often wrong at the first token: a second and a third independent guess save
rounds that a single chain would lose.

## What to look at
How often the second and third chain saved a round (“Who proposed what”), and how the residual
shrinks from sibling to sibling. Two chains that guess the same token do not help each other.

## Guarantee
Lossless: every guess at a node is an independent draw from its own law, and each rejection leaves
exactly the residual.

## Reference
Miao et al. 2023, "SpecInfer: Accelerating Generative Large Language Model Serving with Tree-based
Speculative Inference and Verification", https://arxiv.org/abs/2305.09781
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from explorer.registry import Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, Temperature
from explorer.verification import Guess, check, independent_drafts

Degree = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


class SpecInferParams(Params):
    """The drafts, how far they guess, and the filters of both models."""

    temperatures: tuple[Degree, ...] = param(
        (1.0, 1.0, 0.5),
        "Drafts",
        "Temperature of each draft, before the filters; one number a draft.",
        symbol="T",
        min_length=1,
        max_length=8,
    )
    gamma: int = param(
        4, "Draft length", "Tokens that each draft guesses.", symbol="γ", unit="tokens", ge=1, le=32
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and drafts alike.", unit="chain"
    )


@method(
    title="SpecInfer",
    family="speculation",
    paper="https://arxiv.org/abs/2305.09781",
    params=SpecInferParams,
    models=("target", "draft"),
    claims={"lossless"},
    presets={
        "three drafts": preset(
            "Where one draft is rejected and the next one stands.", temperatures=(1.0, 1.0, 0.5)
        ),
        "one draft": preset("Plain speculative sampling.", temperatures=(1.0,)),
        "six alike": preset(
            "What a sixth draw of the same law still adds.",
            temperatures=(1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
            gamma=3,
        ),
        "break it": preset(
            "Drafts that guess at random: the target reads them all and writes every token itself.",
            temperatures=(10.0, 10.0, 10.0),
        ),
    },
)
def specinfer(run: Run, p: SpecInferParams) -> None:
    root = run.root
    drafts = [(Temperature(t=t), *p.filters) for t in p.temperatures]
    for _ in run.steps():
        # 1. Each draft adds one token to its chain; equal places are read once.
        tips: list[int | None] = [root] * len(drafts)
        guesses: dict[int, list[Guess]] = {}
        for _ in range(min(p.gamma, run.remaining - 1)):
            asked = list(dict.fromkeys(tip for tip in tips if tip is not None))
            if not asked:
                break
            logits = dict(zip(asked, run.draft(asked), strict=True))
            for i, tip in enumerate(tips):
                if tip is None:
                    continue
                (q,) = run.laws(drafts[i], logits[tip][None], [tip], stream=f"draft {i + 1}")
                x = run.choose(q)
                child = run.add(tip, x, by=f"draft {i + 1}")
                guesses.setdefault(tip, []).append(Guess(child, x, q.probs))
                tips[i] = None if run.is_eos(x) else child

        # 2. The target reads the tree in one pass; siblings are tried in the order of the drafts.
        root, _ = check(run, root, guesses, p.filters, independent_drafts)
