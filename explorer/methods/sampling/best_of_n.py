"""Draw n texts and keep the one with the highest reward.

## What it does
n texts are drawn independently, side by side, and each gets a reward: its log-probability, how many
of given keywords it has, how little it repeats itself. The best is the answer, the earliest of
equals; with λ above 0 one is drawn instead, with chances ∝ exp(reward / λ).

## When to use it
Whenever texts are easier to judge than to write. It needs nothing but samples, and is the yardstick
for methods that steer by a reward on the way.

## What to look at
The reward of each text and the running maximum: it rises fast at first, then hardly. What the best
costs in probability: KL from the plain law is at most ln n − (n − 1)/n nats.

## Guarantee
Exact: with λ = 0 and rewards without ties the text has the law F(y)ⁿ − F(y⁻)ⁿ, F(y) being the
chance of a reward up to that of y, F(y⁻) of one below it; with λ above 0 it is drawn as said.

## Reference
Stiennon et al. 2020, https://arxiv.org/abs/2009.01325; Nakano et al. 2021,
https://arxiv.org/abs/2112.09332
"""

from __future__ import annotations

import torch

from explorer.registry import Note, method, param, preset
from explorer.rewards import RewardParams, make_reward
from explorer.run import Run
from explorer.samples import write
from explorer.sampling import FilterChain


class BestOfNParams(RewardParams):
    """How many texts, and what makes one the best."""

    n: int = param(8, "Samples", "Texts that are drawn and judged.", symbol="n", unit="texts",
                   ge=1, le=64)  # fmt: skip
    softness: float = param(
        0.0,
        "Softness",
        "0 takes the best; above, one is drawn with chances ∝ exp(reward / λ).",
        symbol="λ",
        ge=0.0,
        le=1000.0,
    )
    filters: FilterChain = param((), "Filters", "Chain applied before each draw.", unit="chain")


@method(
    title="Best of n",
    family="sampling",
    paper="https://arxiv.org/abs/2009.01325",
    params=BestOfNParams,
    claims={"exact"},
    notes=(
        Note("reward", "The reward of each text, in the order they were drawn",
             shape="vector", drawn_as="scores"),
    ),
    presets={
        "most probable of eight": preset(
            "The running maximum rises fast at first, then hardly.", n=8
        ),
        "has the words": preset(
            "Which of the drawn texts have the words by chance.",
            reward="keyword_coverage", keywords="king, daughter", n=16,
        ),
        "least repetitive": preset(
            "What loops in the other texts and not in the best.",
            reward="no_repetition", filters="temperature=0.7",
        ),
        "soft": preset(
            "The best does not always win: one is drawn, weighed by its reward.", softness=0.1
        ),
        "break it": preset(
            "The reward is met and the text is nonsense: what is not asked for gets lost.",
            reward="no_repetition", n=16, filters="temperature=3",
        ),
    },
)  # fmt: skip
def best_of_n(run: Run, p: BestOfNParams) -> None:
    # 1. Sample.
    samples = write(run, [run.root] * p.n, p.filters, run.choose_each)

    # 2. Judge.
    reward = make_reward(p)
    r = [reward(run, sample) for sample in samples]
    run.note("reward", r)
    for sample, value in zip(samples, r, strict=True):
        run.finish(sample.node, value)

    # 3. Take the best, or draw one.
    ranked = sorted(range(p.n), key=lambda i: -r[i])
    if p.softness > 0:
        chosen = run.draw((torch.tensor(r, dtype=torch.float64) / p.softness).softmax(0))
        ranked.sort(key=lambda i: i != chosen)
    run.answer(list({samples[i].node: r[i] for i in ranked}.items()))
