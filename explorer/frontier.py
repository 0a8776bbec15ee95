"""The frontier of a best-first search: hypotheses that wait, each length in a queue of its own."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from itertools import count


@dataclass(order=True, frozen=True, slots=True)
class Waiting:
    """A hypothesis that waits; of equal priorities the one that came first is the better."""

    priority: float
    age: int  # less for each later one
    node: int = field(compare=False)
    logp: float = field(compare=False)


class Frontier:
    """Waiting hypotheses by length; every queue is kept sorted, its best at the end."""

    def __init__(self) -> None:
        self._queues: dict[int, list[Waiting]] = {}
        self._ages = count(0, -1)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def push(self, length: int, priority: float, node: int, logp: float) -> None:
        insort(self._queues.setdefault(length, []), Waiting(priority, next(self._ages), node, logp))

    def pop(self) -> tuple[int, Waiting]:
        """The best of all lengths, with its length."""
        best = max((length for length, queue in self._queues.items() if queue), key=self._best)
        return best, self._queues[best].pop()

    def cut(self, length: int, size: int) -> list[int]:
        """Leave the best `size` of a length; returns the nodes that had to go."""
        queue = self._queues.get(length, [])
        gone = max(len(queue) - size, 0)
        dropped, queue[:gone] = queue[:gone], []
        return [waiting.node for waiting in dropped]

    def cut_total(self, size: int) -> list[int]:
        """Leave `size` in all, the worst of the shortest going first; returns the nodes gone."""
        gone: list[int] = []
        for length in sorted(self._queues):
            excess = len(self) - size
            if excess <= 0:
                break
            gone += self.cut(length, max(len(self._queues[length]) - excess, 0))
        return gone

    def longest(self) -> tuple[int, float]:
        """The best of the greatest length, as (node, priority)."""
        best = self._queues[max(length for length, queue in self._queues.items() if queue)][-1]
        return best.node, best.priority

    def _best(self, length: int) -> Waiting:
        return self._queues[length][-1]
