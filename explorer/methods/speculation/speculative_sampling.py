"""A small model drafts γ tokens, the target checks them all in one pass, and its law is kept.

## What it does
The draft writes γ tokens one by one and remembers the law q each was drawn from. The target reads
them all in one forward pass, which gives its law p at every place. From the left, a guess x stands
with probability min(1, p(x)/q(x)); at the first that falls, one token is drawn from the residual
norm([p - q]+) instead. If all stand, the target adds one more for free.

## When to use it
Whenever a small model with the same tokenizer guesses well: the text follows the target's law, in
fewer passes of the target.

## What to look at
Each guess with p, q, their ratio and the random number; the residual after a rejection; how many
tokens a round commits, against (1-β^(γ+1))/(1-β) for acceptance rate β.

## Guarantee
Lossless: the law of the text is the target's under the same filters, whatever the draft is. At
temperature 0 it is the target's greedy text. (In 16 bits near-ties may fall either way.)

## Reference
Leviathan et al. 2022, https://arxiv.org/abs/2211.17192; Chen et al. 2023,
https://arxiv.org/abs/2302.01318
"""

from __future__ import annotations

from explorer.registry import Generate, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, generate_options
from explorer.verification import Guess, chain, check


class SpeculativeParams(Params):
    """How far to guess ahead, and the filters of both models."""

    gamma: int = param(
        4, "Draft length", "Tokens guessed in a round.", symbol="γ", unit="tokens", ge=1, le=32
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@method(
    title="Speculative sampling",
    family="speculation",
    paper="https://arxiv.org/abs/2211.17192",
    params=SpeculativeParams,
    models=("target", "draft"),
    claims={"lossless"},
    presets={
        "the paper's defaults": preset(
            "How many of four guesses stand, and where the first one falls.", gamma=4
        ),
        "greedy": preset(
            "A guess stands if it is the target's best token.", gamma=4, filters="temperature=0"
        ),
        "far ahead": preset("The later a guess stands, the rarer it is reached.", gamma=16),
        "break it": preset(
            "Thirty-two guesses a round: nearly all lie behind the first rejected one and were "
            "made for nothing.",
            gamma=32,
        ),
    },
    generate=lambda p: Generate.of(
        generate_options(p.filters),
        assistant={
            "num_assistant_tokens": p.gamma,
            "num_assistant_tokens_schedule": "constant",
            "assistant_confidence_threshold": 0.0,
        },
    ),
)
def speculative_sampling(run: Run, p: SpeculativeParams) -> None:
    root = run.root
    for _ in run.steps():
        # 1. The draft guesses a chain; the last token of a text is left to the target.
        tip, guesses = root, {}
        for _ in range(min(p.gamma, run.remaining - 1)):
            (q,) = run.laws(p.filters, run.draft([tip]), [tip], stream="draft")
            x = run.choose(q)
            child = run.add(tip, x, by="draft")
            guesses[tip] = [Guess(child, x, q.probs)]
            tip = child
            if run.is_eos(x):
                break

        # 2. The target reads them all in one pass: accept from the left, replace the first that
        # falls, or add one.
        root, _ = check(run, root, guesses, p.filters, chain)
