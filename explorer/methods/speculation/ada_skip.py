"""Leave out the sublayers that hardly change the direction of what goes through them.

## What it does
What a sublayer adds can be measured: the cosine between what goes in and what comes out, averaged
over tokens. A cosine near 1 means that little would be lost without it. The prompt and the first
few tokens are read by the whole target, and each sublayer is measured there. Then the most similar
ones are left out for the rest of the text. At the end the whole target reads the text once, to say
how probable it finds it.

## When to use it
Long texts where each token's work shall be less and some loss is accepted; nothing is trained, and
what is left out fits the text at hand.

## What to look at
The similarities (the notes): attention against feed-forward, low blocks against high ones, the
prompt against the new text. Which sublayers are left out, and how probable the target finds what
came of it.

## Guarantee
Approximate: behind the first tokens the text follows the law of the shortened network. With nothing
left out it is the target's.

## Reference
He Z. et al. 2025, "AdaSkip: Adaptive Sublayer Skipping for Accelerating Long-Context LLM
Inference", https://arxiv.org/abs/2501.02336
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.skipping import PARTS, distance_from_target, drawn, inner_sublayers
from explorer.view import RecordingView


class AdaSkipParams(Params):
    """How much is left out, on how many tokens that is decided, and the filters."""

    left_out: int = param(
        4, "Left out", "Sublayers that are left out, as far as there are so many inner ones.",
        unit="sublayers", ge=0, le=512,
    )  # fmt: skip
    window: int = param(
        8, "Window", "First new tokens, which the whole target writes while it is measured.",
        symbol="P", unit="tokens", ge=1, le=512,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to the law of whoever writes.", unit="chain"
    )


@method(
    title="AdaSkip",
    family="speculation",
    paper="https://arxiv.org/abs/2501.02336",
    params=AdaSkipParams,
    claims={"exact"},
    notes=(
        Note("prompt similarity", "on the prompt: cosine of what goes into attention (above) and "
             "feed-forward (below) of each block with what comes out; the ends are not measured",
             shape="matrix", unit="cosine", drawn_as="heatmap"),
        Note("text similarity", "the same on the first new tokens", shape="matrix",
             unit="cosine", drawn_as="heatmap"),
        Note("left out", "attention (above) and feed-forward (below) of each block: 1 left out",
             shape="matrix", drawn_as="heatmap"),
        Note("target logp", "log-probability of the text under the whole target", unit="nats"),
    ),
    presets={
        "greedy": preset("Where the text leaves the target's greedy one.",
                         filters="temperature=0"),
        "two sublayers": preset("What is lost with the two that change least.", left_out=2,
                                filters="temperature=0"),
        "the whole target": preset("The similarities alone: nothing is left out.", left_out=0),
        "break it": preset("Only the first and the last block write on.", left_out=512),
    },
)  # fmt: skip
def ada_skip(run: Run, p: AdaSkipParams) -> None:
    L = run.models["target"].depth
    names = inner_sublayers(L)
    full = run.target = run.open("target", hidden=range(L + 1))
    view: RecordingView = full
    on_prompt = on_text = None
    node = run.root
    for _ in run.steps():
        # 1. Behind the first tokens: measure, and leave out what changes least.
        if run.tree.depth(node) == p.window and names:
            on_prompt, on_text = similarities(run, full, L, run.tree.path(node))
            z = most_similar(names, (on_prompt + on_text) / 2, p.left_out)
            run.note("prompt similarity", rows(on_prompt))
            run.note("text similarity", rows(on_text))
            run.note("left out", drawn(tuple(z), names))
            view = run.variant("shortened", skip=z)

        # 2. Write a token.
        (law,) = run.laws(p.filters, view([node]), [node])
        node = run.emit(run.add(node, run.choose(law)))
    if (logp := distance_from_target(run)) is not None:
        run.note("target logp", logp)


def similarities(run: Run, full: RecordingView, L: int, text: list[int]) -> tuple[Tensor, Tensor]:
    """Mean cosines (2, L) of every inner sublayer's input and output, on the prompt and on `text`.

    What stands between a block's attention and its feed-forward is the block's output where the
    latter is left out, so each block costs one more reading.
    """
    on_prompt, on_text = (torch.ones(len(PARTS), L) for _ in range(2))
    for i in range(1, L - 1):
        half = full.variant(skip=[f"{i}.mlp"], shared=False)
        for table, states, middle in (
            (on_prompt, [full.prompt_hidden(j) for j in (i, i + 1)], half.prompt_hidden(i + 1)),
            (on_text, [full.hidden(text, j) for j in (i, i + 1)], half.hidden(text, i + 1)),
        ):
            before, after = states
            table[0, i] = torch.cosine_similarity(before, middle, dim=-1).mean()
            table[1, i] = torch.cosine_similarity(middle, after, dim=-1).mean()
    return on_prompt, on_text


def most_similar(names: list[str], table: Tensor, count: int) -> list[str]:
    """So many of the sublayers with the largest similarity, of equals the lower ones first."""

    def similarity(name: str) -> float:
        block, part = name.split(".")
        return float(table[PARTS.index(part), int(block)])

    return sorted(names, key=similarity, reverse=True)[:count]


def rows(table: Tensor) -> list[list[float]]:
    """The similarities as they are noted."""
    return [[round(x, 4) for x in row] for row in table.tolist()]
