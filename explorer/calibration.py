"""How often each sibling is the accepted one: what a tree of a fixed shape is made for.

Source: the calibration of Sequoia, Chen Z. et al. 2024, https://arxiv.org/abs/2402.12374
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from explorer.verification import residual, without

Draw = Callable[[Tensor], int]


def acceptance_by_rank(p: Tensor, q: Tensor, k: int, draw: Draw) -> list[float]:
    """Chances that the first, second, … of k siblings is accepted by the rule V5.

    The siblings are drawn from q (V,) without replacement; where it is used up there are fewer, and
    the others' chances are zero. No coin is tossed: given the draws the chances are known.
    """
    chances = [0.0] * k
    r, reached = p, 1.0
    tried: list[int] = []
    for rank in range(k):
        left = without(q, tried)
        if left.sum() <= 0 or reached <= 0:
            break
        x = draw(left)
        stands = min(1.0, float(r[x] / left[x]))
        chances[rank] = reached * stands
        reached *= 1 - stands
        r = residual(r, left)
        tried.append(x)
    return chances


def calibrated(laws: Iterable[tuple[Tensor, Tensor]], k: int, draw: Draw) -> list[float]:
    """The means of `acceptance_by_rank` over places, each with the laws p and q there."""
    found = [acceptance_by_rank(p, q, k, draw) for p, q in laws]
    return torch.tensor(found).mean(0).tolist()
