"""Draw every token from the model's own law, after a chain of filters.

## What it does
Each step reads the law of the next token, sends it through the filters in the order given
(temperature, truncation, penalties), renormalises what is left and draws from it: one uniform
number, turned into a token by the cumulative law.

## When to use it
Open-ended text. With no filter it is ancestral sampling, an exact sample of the model; top-p 0.95
or min-p 0.05 cut off the unreliable tail.

## What to look at
The distribution before and after each filter, how many tokens the nucleus holds as the entropy
changes, and the random number that fell into the chosen token's share.

## Guarantee
Exact: the text follows the product of the filtered and renormalised laws. A temperature other than
1 tempers each step, not the law of whole texts.

## Reference
Fan et al. 2018 (top-k), https://arxiv.org/abs/1805.04833; Holtzman et al. 2020 (top-p),
https://arxiv.org/abs/1904.09751
"""

from __future__ import annotations

from explorer.registry import Generate, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, TopP, generate_options


class SampleParams(Params):
    """What stands between the model's law and the draw."""

    filters: FilterChain = param(
        (TopP(p=0.95),),
        "Filters",
        "Chain of filters applied in this order before the draw.",
        unit="chain",
    )


@method(
    title="Sampling",
    family="sampling",
    paper="https://arxiv.org/abs/1904.09751",
    params=SampleParams,
    claims={"exact"},
    presets={
        "the paper's defaults": preset(
            "Nucleus sampling: how many tokens the nucleus holds where the model is sure, and "
            "where not.",
            filters="top_p=0.95",
        ),
        "ancestral": preset(
            "Now and then a token out of the long tail, and what it does to the text behind it.",
            filters="none",
        ),
        "top-k": preset(
            "Always fifty tokens, where one would do and where a thousand would fit.",
            filters="top_k=50",
        ),
        "hot, with min-p": preset(
            "A flat law, cut off in relation to its best token.",
            filters="temperature=1.5,min_p=0.1",
        ),
        "break it": preset(
            "The law is almost flat: any token may come, and the text is noise.",
            filters="temperature=3",
        ),
    },
    generate=lambda p: Generate.of(generate_options(p.filters)),
)
def sample(run: Run, p: SampleParams) -> None:
    node = run.root
    for _ in run.steps():
        (law,) = run.laws(p.filters, run.target([node]), [node])
        node = run.add(node, run.choose(law))
        run.emit(node)
