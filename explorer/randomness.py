"""The only source of randomness of a run.

A method asks `Run` for draws and coins, or for continuous numbers where it needs them; `Run` asks
one of these. Tests put another source of draws and coins in its place that walks every outcome
(`tests/oracle.py`).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Randomness(Protocol):
    """Draws and coins, each with the uniform number behind it (None where there is none)."""

    def draw(self, p: Tensor) -> tuple[int, float | None]:
        """An index of the law `p` (V,), which sums to one."""
        ...

    def coin(self, p: float) -> tuple[bool, float | None]:
        """True with probability `p`."""
        ...

    def uniform(self) -> float:
        """A number from [0, 1)."""
        ...

    def gumbel(self, n: int) -> Tensor:
        """Independent numbers (n,) of the standard Gumbel law, in float64."""
        ...


class Seeded:
    """Numbers from PCG-64: one uniform a draw, turned into an index by the inverse cdf."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(seed))

    def draw(self, p: Tensor) -> tuple[int, float | None]:
        cdf = p.double().cpu().cumsum(-1).numpy()  # on a CPU, where it is summed from the left
        u = self._generator.random()
        # Scaled by the last entry, so that rounding in the sum can never fall off the end; "right"
        # steps over entries of probability zero.
        index = int(cdf.searchsorted(u * cdf[-1], side="right"))
        return min(index, len(cdf) - 1), u

    def coin(self, p: float) -> tuple[bool, float | None]:
        u = self._generator.random()
        return bool(u < p), u

    def uniform(self) -> float:
        return self._generator.random()

    def gumbel(self, n: int) -> Tensor:
        return torch.from_numpy(self._generator.gumbel(size=n))
