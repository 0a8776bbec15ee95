"""Draft until the small model is unsure, and draft longer while it is right.

## What it does
Speculative sampling whose draft length adapts in two ways. A round's draft ends behind the first
token to which the draft itself gave less than a threshold. And with the heuristic schedule the most
tokens of a round grow by two when all guesses stood, and shrink by one when one fell.

## When to use it
As speculative sampling, where the right draft length is not known or changes with the text.

## What to look at
The draft length over time, and that doubtful guesses come last: the token that was below the
threshold is kept and checked, because dropping a drawn token for its probability would change the
law.

## Guarantee
Lossless: when drafting stops depends on laws and on tokens that are kept. At temperature 0 it is
the target's greedy text, in as many target passes as `transformers` 5.23 needs (without the
threshold's own adaptation, which needs another library there).

## Reference
Gante 2023, https://huggingface.co/blog/assisted-generation
"""

from __future__ import annotations

from typing import Literal

from explorer.registry import Generate, Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, generate_options
from explorer.verification import Guess, chain, check


class AssistedParams(Params):
    """When a draft ends, and the filters of both models."""

    num_assistant_tokens: int = param(
        20, "Most guesses", "Tokens of a draft, at most; where the heuristic begins.", symbol="γ",
        unit="tokens", ge=1, le=64,
    )  # fmt: skip
    schedule: Literal["constant", "heuristic"] = param(
        "constant", "Schedule", "heuristic: two more if all guesses stood, else one fewer."
    )
    confidence_threshold: float = param(
        0.4, "Confidence", "Behind a guess whose probability, before the filters, is below this "
        "the draft ends; 0 never ends it.", ge=0.0, le=1.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@method(
    title="Assisted generation",
    family="speculation",
    paper="https://huggingface.co/blog/assisted-generation",
    params=AssistedParams,
    models=("target", "draft"),
    claims={"lossless"},
    notes=(Note("most guesses", "tokens that this round's draft may have", unit="tokens"),),
    presets={
        "the paper's defaults": preset(
            "As in transformers: where the draft stops because it is unsure.",
            num_assistant_tokens=20, confidence_threshold=0.4,
        ),
        "the older heuristic": preset(
            "The draft length over time: up by two, down by one.",
            num_assistant_tokens=5, schedule="heuristic", confidence_threshold=0.0,
        ),
        "greedy": preset("The target's greedy text, in fewer passes.", filters="temperature=0"),
        "break it": preset(
            "The draft never stops by itself: nearly all of its sixty-four guesses are thrown "
            "away.",
            num_assistant_tokens=64, confidence_threshold=0.0,
        ),
    },
    generate=lambda p: Generate.of(
        generate_options(p.filters),
        assistant={
            "num_assistant_tokens": p.num_assistant_tokens,
            "num_assistant_tokens_schedule": p.schedule,
            "assistant_confidence_threshold": p.confidence_threshold,
        },
    ),
)  # fmt: skip
def assisted(run: Run, p: AssistedParams) -> None:
    root, most = run.root, p.num_assistant_tokens
    for _ in run.steps():
        run.note("most guesses", most)
        tip, guesses = root, {}
        for _ in range(min(most, run.remaining - 1)):
            (q,) = run.laws(p.filters, run.draft([tip]), [tip], stream="draft")
            x = run.choose(q)
            child = run.add(tip, x, by="draft")
            guesses[tip] = [Guess(child, x, q.probs)]
            tip = child
            if run.is_eos(x) or float(q.raw[x].exp()) < p.confidence_threshold:
                break

        before = run.tree.depth(root)
        root, _ = check(run, root, guesses, p.filters, chain)
        if p.schedule == "heuristic":
            stood = run.tree.depth(root) - before - 1
            most = most + 2 if stood >= len(guesses) else max(1, most - 1)
