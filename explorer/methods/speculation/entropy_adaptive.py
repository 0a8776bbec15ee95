"""The small model writes where it is sure, the large one where it is not.

## What it does
One model writes at a time, the draft first. The entropy of its law, averaged over the last few
tokens, decides who goes on: above a threshold the target takes over, below it the draft takes over
again, but not sooner than some tokens after the last change. Nothing is verified. Whoever takes
over first reads, in one pass, what the other wrote.

## When to use it
Where most of a text is easy and an approximation will do: it saves the target's work, not only its
time.

## What to look at
The averaged entropy against the threshold (the note “entropy”), who wrote which token, and that the
draft may be sure and wrong.

## Guarantee
Exact for its own law, which is not the target's: each token follows the law of whoever writes, and
who that is follows from the text. At threshold 0 the target takes over as soon as it may; at a high
one the draft writes all.

## Reference
Simonds 2025, "Entropy Adaptive Decoding: Dynamic Model Switching for Efficient Inference",
https://arxiv.org/abs/2502.06833
"""

from __future__ import annotations

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.view import entropies


class EntropyAdaptiveParams(Params):
    """When to change the writer, and the filters of both."""

    window: int = param(
        8, "Window", "Tokens over which the entropy is averaged.", symbol="w", unit="tokens", ge=1,
        le=100,
    )  # fmt: skip
    threshold: float = param(
        2.0, "Threshold", "Averaged entropy above which the target writes.", symbol="θ",
        unit="nats", ge=0.0, le=20.0,
    )  # fmt: skip
    patience: int = param(
        4, "Patience", "Tokens between two changes, at least.", symbol="m", unit="tokens", ge=1,
        le=100,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to the law of whoever writes.", unit="chain"
    )


@method(
    title="Entropy-adaptive decoding",
    family="speculation",
    paper="https://arxiv.org/abs/2502.06833",
    params=EntropyAdaptiveParams,
    models=("target", "draft"),
    claims={"exact"},
    notes=(
        Note("entropy", "entropy of the writer's law, averaged over the window", unit="nats"),
        Note("target writes", "1 where the target wrote the token, 0 where the draft did"),
    ),
    presets={
        "half and half": preset(
            "Who writes which token, and how often they change.", threshold=2.0
        ),
        "mostly the target": preset("The draft writes only what it is sure of.", threshold=1.0),
        "break it": preset(
            "The target is never asked: the text is the draft's, sure or not.", threshold=20.0
        ),
    },
)
def entropy_adaptive(run: Run, p: EntropyAdaptiveParams) -> None:
    node, writer, since = run.root, "draft", 0
    recent: list[float] = []
    for _ in run.steps():
        view = run.target if writer == "target" else run.draft
        logits = view([node])
        (law,) = run.laws(p.filters, logits, [node], stream=writer)
        node = run.emit(run.add(node, run.choose(law), by=writer))
        run.note("target writes", int(writer == "target"))

        recent = [*recent, *entropies(logits)][-p.window :]
        mean = sum(recent) / len(recent)
        run.note("entropy", mean)
        since += 1
        wanted = "target" if mean > p.threshold else "draft"
        if wanted != writer and since >= p.patience:
            writer, since = wanted, 0
