"""How unevenly a text's surprisal is spread: the regularisers of uniform information density.

Meister, Vieira and Cotterell 2020, https://arxiv.org/abs/2010.02650, with u_t = -log p(y_t | y_<t)
the surprisal of the t-th token in nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

Evenness = Literal["greedy", "variance", "local", "max", "square"]


@dataclass(frozen=True, slots=True)
class Surprisals:
    """The surprisals of a text's tokens, and at each place the least that was possible."""

    values: tuple[float, ...] = ()
    least: tuple[float, ...] = ()

    @property
    def logp(self) -> float:
        """The text's sum of log-probabilities."""
        return -sum(self.values)

    def then(self, logp: Tensor, token: int) -> Surprisals:
        """Those of the text one token longer; `logp` (V,) is the law it was taken from."""
        here, best = -float(logp[token]), -float(logp.max())
        return Surprisals((*self.values, here), (*self.least, best))

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
        past, u, n = self.values, -logp, len(self.values) + 1
        match kind:
            case "greedy":  # Σ (u_t - min u)²
                gaps = zip(past, self.least, strict=True)
                return sum((a - b) ** 2 for a, b in gaps) + (u - u.min()) ** 2
            case "variance":  # (1/n) Σ (u_t - ū)²
                mean = (sum(past) + u) / n
                return (sum((a - mean) ** 2 for a in past) + (u - mean) ** 2) / n
            case "local":  # (1/n) Σ (u_t - u_{t-1})² from the second token on
                jumps = pairwise(past)
                last = (u - past[-1]) ** 2 if past else torch.zeros_like(u)
                return (sum((b - a) ** 2 for a, b in jumps) + last) / n
            case "max":  # the largest u_t
                return u.clamp(min=max(past, default=0.0))
            case "square":  # Σ u_t²
                return sum(a**2 for a in past) + u**2
