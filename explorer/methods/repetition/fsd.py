"""Contrast the model with a small one of the text so far, which knows only how to repeat it.

## What it does
From the prompt and the text an n-gram model is counted as it grows: the anti-model. Among the k
most probable tokens the best is taken by (1 - α) · probability - α · anti-model's probability. In
the vector form the penalty is instead how much the states of the last tokens resemble an earlier
place at which the candidate followed.

## When to use it
Open-ended text without randomness, at the price of greedy decoding: counting costs nothing.

## What to look at
The candidates with the model's and the anti-model's probability: phrases that the text has used
are what the anti-model is sure of.

## Guarantee
Deterministic, by the formula; α = 0 is greedy. A token that the text does not hold pays nothing.

## Reference
Yang et al. 2023, "A Frustratingly Simple Decoding Method for Neural Text Generation",
https://arxiv.org/abs/2305.12675
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from explorer.candidates import REVISITS, best_tokens, note_revisits, settle
from explorer.ngrams import NGramModel, Smoothing, walked_before
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.similarity import cosines, states_so_far


class SimpleDecodingParams(Params):
    """Which anti-model, and how much it counts."""

    form: Literal["ngram", "vector"] = param(
        "ngram", "Form", "ngram: counted tokens; vector: hidden states that resemble each other."
    )
    k: int = param(
        3, "Candidates", "Most probable tokens that are weighed.", symbol="k", unit="tokens",
        ge=1, le=50,
    )  # fmt: skip
    n: int = param(
        3, "Order", "Tokens of the longest n-gram; of the vector form the last n - 1 are compared.",
        symbol="n", unit="tokens", ge=2, le=10,
    )  # fmt: skip
    alpha: float = param(
        0.65, "Penalty", "Weight of the anti-model; the probability has the rest.", symbol="α",
        ge=0.0, le=1.0,
    )  # fmt: skip
    beta: float = param(
        0.9, "Smoothing", "Share of the longest order in what is left to it; ngram form.",
        symbol="β", ge=0.0, le=1.0,
    )  # fmt: skip
    smoothing: Smoothing = param(
        "interpolated", "Counts",
        "interpolated: as in the paper; authors: as in their code, where an order that never saw "
        "the candidate leaves its share to the shorter ones.",
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to the law before candidates are taken.", unit="chain"
    )


@method(
    title="Frustratingly simple decoding",
    family="repetition",
    paper="https://arxiv.org/abs/2305.12675",
    params=SimpleDecodingParams,
    claims={"deterministic"},
    notes=(Note("penalty", "What the anti-model holds against the chosen token"), REVISITS),
    presets={
        "the paper's defaults": preset(
            "The candidate that the text's own n-grams expect, and how much it pays for it.",
            k=3,
            n=3,
            alpha=0.65,
            beta=0.9,
        ),
        "vectors": preset(
            "Similar states count as repetition, not only equal words.",
            form="vector",
            n=2,
            alpha=0.45,
        ),
        "n-grams, Chinese": preset("The authors' weight for Chinese: a little milder.", alpha=0.55),
        "break it": preset(
            "A single candidate, so nothing to choose from: greedy decoding, with its loops.",
            k=1,
        ),
    },
)
def fsd(run: Run, p: SimpleDecodingParams) -> None:
    L = run.models["target"].depth
    view = run.open("target", hidden=(L,) if p.form == "vector" else ())
    anti = NGramModel(p.n, run.prompt.ids)
    text = list(run.prompt.ids)
    node = run.root
    for _ in run.steps():
        # 1. The k most probable tokens.
        (law,) = run.laws(p.filters, view([node]), [node])
        C = best_tokens(law, p.k)

        # 2. What the text so far makes of each of them.
        if p.form == "ngram":
            held = [anti.probability(v, p.beta, p.smoothing) for v in C]
            penalty = torch.tensor(held, dtype=torch.float64)
            walks = [walked_before(text, v, p.n) for v in C]
        else:
            penalty, places = resemblance(states_so_far(run, view, L), text, C, p.n - 1)
            walks = [(int(x > 0), at) for x, at in zip(penalty, places, strict=True)]

        # 3. Probable for the model, and not for the anti-model.
        prob = law.probs[C].cpu()
        score = (1 - p.alpha) * prob - p.alpha * penalty
        run.note("penalty", float(penalty[score.argmax()]), node)
        back = [(at - len(run.prompt.ids), n) if n else None for n, at in walks]
        note_revisits(run, law, C, back, p.alpha * penalty)
        node = settle(run, law, C, score, p=prob, penalty=penalty)
        text.append(run.tree.token(node))
        anti.append(text[-1])


def resemblance(
    h: Tensor, text: Sequence[int], C: Sequence[int], m: int
) -> tuple[Tensor, list[int]]:
    """For each candidate the greatest cosine, from 0 to 1, of the last m states with m states that
    it followed before, and where; 0 where it followed none. `h` is (T, d), `text` ends with it.
    """
    if len(h) <= m:
        return torch.zeros(len(C), dtype=torch.float64), [0] * len(C)
    windows = torch.cat([h[i : len(h) - m + 1 + i] for i in range(m)], -1)  # (T - m + 1, m · d)
    alike = cosines(windows[-1:], windows[:-1])[0].clamp(0, 1).cpu()
    following = torch.tensor(text[-len(alike) :])
    most, places = torch.stack([alike.where(following == v, 0.0) for v in C]).max(1)
    return most, (places + len(text) - len(alike)).tolist()
