"""Write with evenly spread blocks of the target alone, the same for every token.

## What it does
For a wanted speed-up r of a network of L blocks, K = L / r of them stay: the first, the last, and
between them as evenly spread as can be. Everything is read with these alone, the prompt too. At the
end the whole target reads the text once, to say how probable it finds it.

## When to use it
Where the work of each token must be known beforehand and the same for all, and some loss is
accepted. Networks that were not trained for it bear little of it.

## What to look at
How soon the text falls apart as r grows, and how probable the target finds it (the note
“target logp”), beside greedy decoding of the whole.

## Guarantee
Approximate: the text follows the law of the shortened network. At r = 1 that is the target's.

## Reference
Liu Y. et al. 2024, "Accelerating Inference in Large Language Models with a Unified Layer Skipping
Strategy", https://arxiv.org/abs/2404.06954
"""

from __future__ import annotations

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.skipping import distance_from_target, drawn, inner_sublayers


class UnifiedParams(Params):
    """How much faster, and the filters."""

    speed_up: float = param(
        1.25, "Wanted speed-up", "Blocks of the network by blocks that stay.", symbol="r",
        unit="times", ge=1.0, le=100.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to the shortened network's law.", unit="chain"
    )


@method(
    title="Unified layer skipping",
    family="speculation",
    paper="https://arxiv.org/abs/2404.06954",
    params=UnifiedParams,
    claims={"exact"},
    notes=(
        Note("left out", "attention (above) and feed-forward (below) of each block: 1 left out",
             shape="matrix", drawn_as="heatmap"),
        Note("target logp", "log-probability of the text under the whole target", unit="nats"),
    ),
    presets={
        "a tenth": preset("The first words that differ from the target's own.", speed_up=1.1,
                          filters="temperature=0"),
        "a quarter": preset("How probable the target finds what comes out.", speed_up=1.25,
                            filters="temperature=0"),
        "the whole target": preset("The target's own text: nothing is left out.", speed_up=1.0),
        "break it": preset("Two blocks are left: no language.", speed_up=100.0),
    },
)  # fmt: skip
def unified_layer_skipping(run: Run, p: UnifiedParams) -> None:
    L = run.models["target"].depth
    left_out = [str(i) for i in range(L) if i not in kept_blocks(L, p.speed_up)]
    view = run.variant("shortened", skip=left_out, shared=False)
    run.note("left out", drawn(tuple(left_out), inner_sublayers(L)))
    node = run.root
    for _ in run.steps():
        (law,) = run.laws(p.filters, view([node]), [node])
        node = run.emit(run.add(node, run.choose(law)))
    if (logp := distance_from_target(run)) is not None:
        run.note("target logp", logp)


def kept_blocks(L: int, r: float) -> list[int]:
    """K = L / r blocks, rounded, at least two: the first, the last, and evenly between."""
    K = min(L, max(2, round(L / r)))
    return sorted({round(i * (L - 1) / (K - 1)) for i in range(K)}) if K > 1 else [0]
