"""Keep the surprise of the text at a target by feeding each token's surprise back.

## What it does
A token of probability p has the surprise −log₂ p. A threshold μ, 2τ at first, says how surprising
a token may be. Version 2 draws among the tokens up to μ; version 1 takes the law for Zipf's,
estimates its exponent s from the head and draws among the k most probable tokens, k such that their
surprise should be μ. Then the error is fed back: μ ← μ − η · (surprise − τ).

## When to use it
Long open-ended text: a fixed top-k or top-p drifts into repetition (surprise falls) or
incoherence (surprise rises); here the user sets the surprise itself.

## What to look at
Surprise against its running mean and the target, μ as it answers, and how many tokens the draw was
among. A target above the model's own mean is never reached.

## Guarantee
Exact for its own law, which depends on the text so far through μ. That the mean comes to τ is a
promise of the feedback, not of the draw.

## Reference
Basu et al. 2021, https://arxiv.org/abs/2007.14966
"""

from __future__ import annotations

from math import exp, log, log2
from typing import Literal

import torch
from torch import Tensor

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain


class MirostatParams(Params):
    """The target, how fast to steer towards it, and by which version."""

    version: Literal["v1", "v2"] = param(
        "v2", "Version", "v1: the k most probable by Zipf's law; v2: all tokens up to μ."
    )
    tau: float = param(
        3.0, "Target surprise", "What the mean surprise should be.", symbol="τ", unit="bits",
        ge=0.0, le=20.0,
    )  # fmt: skip
    eta: float = param(
        0.1, "Learning rate", "How much of an error goes into μ.", symbol="η", gt=0.0, le=2.0
    )
    m: int = param(
        100, "Head", "Version 1: the exponent is estimated from so many of the best tokens.",
        symbol="m", unit="tokens", ge=2, le=1000,
    )  # fmt: skip
    renormalised: bool = param(
        True,
        "Among the kept",
        "Version 2: a token's surprise is that among the kept tokens, as in the usual front ends; "
        "off: that under the whole law, as in version 1.",
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to the law before it is measured.", unit="chain"
    )


@method(
    title="Mirostat",
    family="sampling",
    paper="https://arxiv.org/abs/2007.14966",
    params=MirostatParams,
    claims={"exact"},
    notes=(
        Note("surprise", "How surprising the chosen token was", unit="bits"),
        Note("mean_surprise", "The running mean that is steered towards the target", unit="bits"),
        Note("target", "The mean surprise that is wanted, τ", unit="bits"),
        Note("mu", "The threshold μ before the step: no token should surprise more", unit="bits"),
        Note("kept_tokens", "How many tokens the draw was among", unit="tokens"),
    ),
    presets={
        "the paper's defaults": preset(
            "How many tokens the estimated slope leaves, and how hard μ jumps at this learning "
            "rate.",
            version="v1",
            tau=3.0,
            eta=1.0,
            m=100,
        ),
        "version 2": preset(
            "The threshold μ settles where the running mean of the surprise meets τ.",
            version="v2",
            tau=3.0,
        ),
        "close to greedy": preset(
            "So little surprise is allowed that the text begins to repeat itself.", tau=0.5
        ),
        "break it": preset(
            "More surprise is wanted than the model has: μ runs away, and nothing is cut off any "
            "more.",
            tau=15.0,
            eta=1.0,
        ),
    },
)
def mirostat(run: Run, p: MirostatParams) -> None:
    node, mu, total = run.root, 2 * p.tau, 0.0
    for step in run.steps():
        # 1. The tokens that are not too surprising.
        (law,) = run.laws(p.filters, run.target([node]), [node])
        whole = law.probs  # (V,)
        kept = zipf_head(whole, mu, p.m) if p.version == "v1" else unsurprising(whole, mu)

        # 2. Draw among them.
        among = torch.where(kept, whole, 0.0)
        among = among / among.sum()
        x = run.choose(law.changed(among, "mirostat"))

        # 3. Feed the error back.
        measured = among if p.version == "v2" and p.renormalised else whole
        S = -log2(float(measured[x]))
        total += S
        run.note("surprise", S, node)
        run.note("mean_surprise", total / (step + 1), node)
        run.note("target", p.tau, node)
        run.note("mu", mu, node)
        run.note("kept_tokens", int(kept.sum()), node)
        mu -= p.eta * (S - p.tau)

        node = run.add(node, x)
        run.emit(node)


def unsurprising(probs: Tensor, mu: float) -> Tensor:
    """The tokens `(V,)` whose surprise is at most μ bits; the most probable one at least."""
    return probs >= min(2.0**-mu, float(probs.max()))


def zipf_head(probs: Tensor, mu: float, m: int) -> Tensor:
    """The k most probable tokens `(V,)`, k such that by Zipf's law their surprise is μ bits."""
    falling, order = probs.sort(descending=True, stable=True)
    k = min(head_size(zipf_exponent(falling[:m]), mu, len(probs)), int((probs > 0).sum()))
    return torch.zeros_like(probs, dtype=torch.bool).scatter_(0, order[:k], True)


def zipf_exponent(falling: Tensor) -> float:
    """The exponent s of p_i ∝ i^−s that fits the falling probabilities best (least squares)."""
    falling = falling[falling > 0]
    t = torch.arange(1, len(falling) + 1, dtype=torch.float64).log().diff()  # ln (i+1)/i
    b = -falling.cpu().log().diff()  # ln p_i/p_i+1
    return float((t * b).sum() / t.square().sum()) if len(t) else 0.0


def head_size(s: float, mu: float, n: int) -> int:
    """How many of n tokens under Zipf's law with exponent s: one more than the formula's k."""
    s = max(s, 1e-3)  # a flat head has no Zipf exponent
    epsilon = s - 1
    # ε / (1 − n^−ε), whose limit at ε = 0 is 1 / ln n.
    factor = 1 / log(n) if abs(epsilon) < 1e-9 else epsilon / (1 - n**-epsilon)
    log_k = (log(factor) + mu * log(2)) / s
    return min(round(exp(log_k)) + 1, n) if log_k < log(n) else n
