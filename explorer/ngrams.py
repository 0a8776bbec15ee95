"""An n-gram model of a text, grown token by token."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Literal

Smoothing = Literal["interpolated", "authors"]


class NGramModel:
    """How often each token followed each context of up to n - 1 tokens."""

    def __init__(self, n: int, text: Iterable[int] = ()) -> None:
        self._n = n
        self._text: list[int] = []
        self._after: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for token in text:
            self.append(token)

    def append(self, token: int) -> None:
        for context in self._contexts():
            self._after[context][token] += 1
        self._text.append(token)

    def probability(self, token: int, beta: float, smoothing: Smoothing) -> float:
        """How probable the token is next; each order takes the share β of what is left.

        interpolated: an order takes its share where its context was seen. authors: only where the
        context was followed by this token, and counts are divided by one more than there are.
        """
        left, total = 1.0, 0.0
        for context in self._contexts():
            counts = self._after.get(context)
            if not counts or (smoothing == "authors" and not counts[token]):
                continue
            seen = counts.total() + (smoothing == "authors")
            share = beta if context else 1.0
            total += left * share * counts[token] / seen
            left *= 1 - share
        return total

    def _contexts(self) -> list[tuple[int, ...]]:
        """The ends of the text that the next token follows, longest first, the empty one last."""
        longest = min(self._n - 1, len(self._text))
        return [tuple(self._text[len(self._text) - m :]) for m in range(longest, -1, -1)]
