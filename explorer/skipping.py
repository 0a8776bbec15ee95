"""Which sublayers of a network are left out: named, spread evenly, or searched for.

A mask is the set of sublayers that a reading leaves out, "3.attention" or "3.mlp". The first and
the last block always stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from explorer.errors import InputError, shown
from explorer.run import Run
from explorer.view import token_logps

Mask = tuple[str, ...]
PARTS = ("attention", "mlp")
NOISE = 1e-2  # variance of what is observed, in units of the score's own
LENGTH = 0.25  # share of the sublayers by which masks differ that are hardly alike any more
POOL = 64  # random masks among which the surrogate chooses
CURIOSITY = 1.0  # standard deviations that an unknown mask is trusted beyond its mean


def inner_sublayers(depth: int) -> list[str]:
    """The sublayers of all blocks but the first and the last, from below."""
    return [f"{block}.{part}" for block in range(1, depth - 1) for part in PARTS]


def evenly(names: Sequence[str], count: int) -> Mask:
    """So many of the inner sublayers, half of them attention, both as evenly spread as can be."""
    of_each = zip((names[::2], names[1::2]), (count - count // 2, count // 2), strict=True)
    return tuple(some[(2 * i + 1) * len(some) // (2 * n)] for some, n in of_each for i in range(n))


def written(text: str) -> Mask:
    """The mask that a person wrote, with commas between: blocks ("4") or sublayers ("4.mlp").

    Raises:
        InputError: there is a name of another form. Whether a block exists is asked of the model.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        block, _, part = name.partition(".")
        if not block.isdigit() or part not in ("", *PARTS):
            raise InputError(
                f"skip: {shown(name)} is not allowed: write blocks and sublayers with commas "
                "between, as in 3, 4.mlp, 5.attention."
            )
    return names


def drawn(mask: Mask, names: Sequence[str]) -> list[list[int]]:
    """The mask as a picture: a row each for attention and mlp, a column a block, 1 left out."""
    depth = 2 + len(names) // 2
    return [[int(f"{i}.{part}" in mask or str(i) in mask) for i in range(depth)] for part in PARTS]


class MaskSearch:
    """A search for the mask of a given size with the best score: random ones, and now and then
    the most promising by what was seen so far.

    The surrogate is a Gaussian process over masks: those that differ in few sublayers score alike.

    Args:
        names: the sublayers that may be left out.
        size: how many are.
        uniform: where random numbers come from.
    """

    def __init__(self, names: Sequence[str], size: int, uniform: Callable[[], float]) -> None:
        self._names = list(names)
        self._size = size
        self._uniform = uniform
        self._seen: list[Tensor] = []
        self._scores: list[float] = []
        self.best: Mask = evenly(self._names, size)
        self.score = -1.0

    def random(self) -> Mask:
        """A mask drawn uniformly."""
        keys = [self._uniform() for _ in self._names]
        chosen = sorted(range(len(keys)), key=keys.__getitem__)[: self._size]
        return tuple(self._names[i] for i in sorted(chosen))

    def promising(self) -> Mask:
        """Of many random masks the one with the highest upper confidence bound."""
        pool = [self.random() for _ in range(POOL)]
        if not self._seen:
            return pool[0]
        x, seen = torch.stack([self._vector(mask) for mask in pool]), torch.stack(self._seen)
        y = torch.tensor(self._scores, dtype=torch.float64)
        scale = float(y.std(correction=0)) or 1.0
        k = self._kernel(seen, seen) + NOISE * torch.eye(len(y), dtype=torch.float64)
        across = self._kernel(x, seen)  # (POOL, n)
        mean = across @ torch.linalg.solve(k, (y - y.mean()) / scale)
        left = 1 - (across * torch.linalg.solve(k, across.T).T).sum(1)
        return pool[int((mean + CURIOSITY * left.clamp(min=0).sqrt()).argmax())]

    def observe(self, mask: Mask, score: float) -> bool:
        """Remember how good a mask was; True if it is the best so far."""
        self._seen.append(self._vector(mask))
        self._scores.append(score)
        if score > self.score:
            self.best, self.score = mask, score
            return True
        return False

    def _vector(self, mask: Mask) -> Tensor:
        return torch.tensor([name in mask for name in self._names], dtype=torch.float64)

    def _kernel(self, a: Tensor, b: Tensor) -> Tensor:
        apart = torch.cdist(a, b).pow(2) / len(self._names)  # the share in which they differ
        return torch.exp(-0.5 * (apart / LENGTH).pow(2))


def distance_from_target(run: Run) -> float | None:
    """The log-probability of the run's text under the whole target, in nats; one pass.

    None where there is no text.
    """
    nodes = run.tree.path(run.head)
    if not nodes:
        return None
    logits = run.target([run.root, *nodes[:-1]])
    return sum(token_logps(logits, [run.tree.token(node) for node in nodes]))
