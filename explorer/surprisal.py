"""How unevenly a text's surprisal is spread: the regularisers of uniform information density.

Meister, Vieira and Cotterell 2020, https://arxiv.org/abs/2010.02650, with u_t = -log p(y_t | y_<t)
the surprisal of the t-th token in nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Evenness = Literal["greedy", "variance", "local", "max", "square"]


@dataclass(frozen=True, slots=True)
class Surprisals:
    """What is left to know of the surprisals of a text's tokens: sums, so that none is read twice.

    `spread` is Σ (u_t - ū)² with `mean` for ū, `gaps` Σ (u_t - min u)², `jumps` Σ (u_t - u_{t-1})².
    """

    length: int = 0
    logp: float = 0.0  # the text's sum of log-probabilities
    last: float | None = None
    mean: float = 0.0
    spread: float = 0.0
    gaps: float = 0.0
    jumps: float = 0.0
    peak: float = 0.0
    squares: float = 0.0

    def then(self, logp: Tensor, token: int) -> Surprisals:
        """Those of the text one token longer; `logp` (V,) is the law it was taken from."""
        u, least = -float(logp[token]), -float(logp.max())
        n, before = self.length + 1, u if self.last is None else self.last
        mean = self.mean + (u - self.mean) / n
        return Surprisals(
            length=n,
            logp=self.logp - u,
            last=u,
            mean=mean,
            spread=self.spread + (u - self.mean) * (u - mean),
            gaps=self.gaps + (u - least) ** 2,
            jumps=self.jumps + (u - before) ** 2,
            peak=max(self.peak, u),
            squares=self.squares + u**2,
        )

    def objective(self, logp: Tensor, kind: Evenness, weight: float) -> Tensor:
        """The text's log-probability less `weight` times its unevenness, with each next token.

        `logp` and the result are (V,); impossible tokens stay at minus infinity.
        """
        total = self.logp + logp.double()
        if weight:
            total -= weight * self.unevenness(logp.double(), kind)
        return total.masked_fill(logp == -torch.inf, -torch.inf)

    def unevenness(self, logp: Tensor, kind: Evenness) -> Tensor:
        """R with each next token, `(V,)`; never below 0."""
        u, n = -logp, self.length + 1
        match kind:
            case "greedy":  # Σ (u_t - min u)²
                return self.gaps + (u - u.min()) ** 2
            case "variance":  # (1/n) Σ (u_t - ū)²
                off = u - self.mean
                return (self.spread + off * (off - off / n)) / n
            case "local":  # (1/n) Σ (u_t - u_{t-1})² from the second token on
                jump = 0 * u if self.last is None else u - self.last
                return (self.jumps + jump**2) / n
            case "max":  # the largest u_t
                return u.clamp(min=self.peak)
            case "square":  # Σ u_t²
                return self.squares + u**2
