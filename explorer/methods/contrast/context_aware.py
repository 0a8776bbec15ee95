"""Amplify what a given context changed in the model's opinion.

## What it does
One model reads the same continuation twice: behind the context and the prompt, and behind the
prompt alone. The difference of the two readings is what the context did; it is added α times
more, so that the text follows the context even against what the model learnt in training.

## When to use it
Questions on a passage, summaries, anything where the context is right and memory may be wrong.

## What to look at
Tokens whose probability the context raised: they are pushed further. Where both readings agree,
nothing changes.

## Guarantee
Exact for its own law, softmax((1+α)·with - α·without) after the filters; α = 0 is the plain model
behind the context.

## Reference
Shi et al. 2023, "Trusting Your Evidence", https://arxiv.org/abs/2305.14739
"""

from __future__ import annotations

from explorer.registry import Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, Temperature


class ContextAwareParams(Params):
    """The context, and how strongly to trust it."""

    context: str = param(
        "",
        "Context",
        "Text that stands before the prompt in one of the two readings.",
        unit="text",
        max_length=20_000,
    )
    alpha: float = param(
        0.5, "Strength", "How far to go beyond the reading with context.", symbol="α", ge=0.0, le=5
    )
    filters: FilterChain = param(
        (Temperature(t=0),),
        "Filters",
        "Chain applied to the combined law before the draw; temperature 0 takes the best.",
        unit="chain",
    )


@method(
    title="Context-aware decoding",
    family="contrast",
    paper="https://arxiv.org/abs/2305.14739",
    params=ContextAwareParams,
    claims={"exact"},
    presets={
        "the paper's defaults": preset("Which tokens the context made more probable.", alpha=0.5),
        "sampled": preset("A draw from the combined law.", filters="top_p=0.95"),
        "break it": preset(
            "With a context: what it raised is raised beyond measure, and sentences fall apart.",
            alpha=5.0,
        ),
    },
)
def context_aware(run: Run, p: ContextAwareParams) -> None:
    informed = run.open("target", prompt=p.context + run.prompt.text, name="with context")
    node = run.root
    for _ in run.steps():
        c = informed([node]).log_softmax(-1)  # (1, V)
        u = run.target([node]).log_softmax(-1)
        score = (1 + p.alpha) * c - p.alpha * u
        law = run.combined(p.filters, score, node, "with - without context", c)
        node = run.add(node, run.choose(law))
        run.emit(node)
