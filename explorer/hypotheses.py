"""Shared pieces of the searches: ranking extensions, and the pool of finished hypotheses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from explorer.law import Law


@dataclass(frozen=True, slots=True)
class Extension:
    """A hypothesis one token longer: which law it comes from, and its sum of log-probabilities."""

    law: Law
    token: int
    logp: float

    @property
    def node(self) -> int:
        """The node that is extended."""
        return self.law.node


def best_extensions(laws: Sequence[Law], logps: Sequence[float], k: int) -> list[Extension]:
    """The k best of all one-token extensions, best first; impossible tokens are never among them.

    `logps` are the sums of the hypotheses that the laws extend, in nats.
    """
    table = torch.stack([law.logp for law in laws])  # (B, V)
    total = table + torch.tensor(logps, dtype=table.dtype, device=table.device)[:, None]
    values, places = total.flatten().topk(min(k, total.numel()))
    width = table.shape[1]
    return [
        Extension(laws[place // width], place % width, value)
        for value, place in zip(values.tolist(), places.tolist(), strict=True)
        if value > -torch.inf
    ]


class FinishedPool:
    """The best finished hypotheses by score: sum of log-probabilities / length ** α.

    Of equal scores the earlier one ranks first, and stays.
    """

    def __init__(self, size: int, length_penalty: float) -> None:
        self._size = size
        self._alpha = length_penalty
        self._ranked: list[tuple[int, float]] = []

    @property
    def full(self) -> bool:
        return len(self._ranked) == self._size

    @property
    def worst(self) -> float:
        """The score to beat; minus infinity while there is room."""
        return self._ranked[-1][1] if self.full else -torch.inf

    def score(self, logp: float, length: int) -> float:
        """The score of a sum in nats over `length` tokens, an end token counted."""
        return logp / length**self._alpha

    def push(self, node: int, score: float) -> int | None:
        """Take in a finished hypothesis; returns the node that had to leave, if one had to."""
        self._ranked.append((node, score))
        self._ranked.sort(key=lambda entry: -entry[1])
        return self._ranked.pop()[0] if len(self._ranked) > self._size else None

    def ranked(self) -> list[tuple[int, float]]:
        """(node, score), best first."""
        return list(self._ranked)
