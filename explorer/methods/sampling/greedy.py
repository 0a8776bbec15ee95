"""Take the most probable token at every step.

## What it does
Each step reads the law of the next token, applies the filters (penalties may be wanted, truncation
changes nothing) and takes the token of highest probability; the lowest id wins a tie.

## When to use it
As the baseline of every other method, for short answers with one right form, and as the oracle
that lossless speculation at temperature 0 must equal.

## What to look at
The probability of each chosen token, the entropy, and the loops a small model falls into: once a
sentence has repeated, its probability rises with every further repetition.

## Guarantee
Deterministic. Locally optimal only: the most probable text may begin with a less probable token.

## Reference
Folklore; see Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration",
https://arxiv.org/abs/1904.09751
"""

from __future__ import annotations

from explorer.registry import Generate, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, generate_options


class GreedyParams(Params):
    """Nothing but penalties can change what greedy takes."""

    filters: FilterChain = param(
        (),
        "Filters",
        "Chain of filters and penalties applied before the choice; penalties change it.",
        unit="chain",
    )


@method(
    title="Greedy",
    family="sampling",
    paper="https://arxiv.org/abs/1904.09751",
    params=GreedyParams,
    claims={"deterministic"},
    presets={
        "plain": preset("How soon the text repeats itself."),
        "against loops": preset(
            "What takes the place of the words that came before.", filters="repetition_penalty=1.2"
        ),
        "break it": preset(
            "Words are rewarded for having come before: soon only one is left.",
            filters="frequency_penalty=-2",
        ),
    },
    generate=lambda p: Generate.of(generate_options(p.filters, greedy=True)),
)
def greedy(run: Run, p: GreedyParams) -> None:
    node = run.root
    for _ in run.steps():
        (law,) = run.laws(p.filters, run.target([node]), [node])
        node = run.add(node, run.choose_best(law))
        run.emit(node)
