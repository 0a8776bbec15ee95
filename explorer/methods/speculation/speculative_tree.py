"""The draft guesses a tree, siblings drawn without replacement; the target checks it in one pass.

## What it does
Below every guess the draft draws several different next tokens, one after another, each from what
is left of its law. The target reads the whole tree in one pass. At each node the siblings are
tried in the order they were drawn: after a rejection the target's law loses the draft's mass and
the draft's law loses the token that was tried. The first that stands is followed; if none does, a
token of the last residual ends the round.

## When to use it
Where a pass of the target over many tokens costs little more than over one: a second sibling saves
rounds that a chain would lose at its first rejection.

## What to look at
Which sibling was accepted at each depth, and how much residual mass each rejection left.

## Guarantee
Lossless: the law of the text is the target's under the same filters, whatever the draft and the
shape of the tree.

## Reference
Jeon et al. 2024, "Recursive Speculative Decoding", https://arxiv.org/abs/2402.14160
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from explorer.drafting import drawn_tree
from explorer.registry import Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import check, without_replacement

Branches = Annotated[int, Field(ge=1, le=8)]


class TreeParams(Params):
    """The shape of the tree, and the filters of both models."""

    branching: tuple[Branches, ...] = param(
        (3, 2, 1, 1),
        "Branching",
        "Children drawn below each guess, one number a depth.",
        symbol="b",
        unit="children",
        min_length=1,
        max_length=16,
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@method(
    title="Speculative tree",
    family="speculation",
    paper="https://arxiv.org/abs/2402.14160",
    params=TreeParams,
    models=("target", "draft"),
    claims={"lossless"},
    presets={
        "wide": preset(
            "A second sibling that is accepted where the first one was not.", branching=(4, 2, 1)
        ),
        "a chain": preset("Plain speculative sampling.", branching=(1, 1, 1, 1)),
        "greedy": preset("The target's greedy text, in fewer passes.", filters="temperature=0"),
        "break it": preset(
            "All width and no depth: at most two tokens a pass, however good the draft is.",
            branching=(8,),
        ),
    },
)
def speculative_tree(run: Run, p: TreeParams) -> None:
    root = run.root
    for _ in run.steps():
        # 1. The draft guesses level by level, one pass a level.
        guesses = drawn_tree(run, root, p.branching, p.filters)

        # 2. The target reads the whole tree in one pass. Walk down: siblings in the order of their
        # draw, by recursive rejection.
        root, _ = check(run, root, guesses, p.filters, without_replacement)
