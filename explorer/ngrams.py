"""n-grams of a text: how many differ, how probable a token is by them, which they guess next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

Smoothing = Literal["interpolated", "authors"]


def distinct_share(tokens: Sequence[int], n: int) -> float | None:
    """Different n-grams / n-grams of a text, "distinct-n"; None if it has none.

    Source: Li et al. 2016, https://arxiv.org/abs/1510.03055
    """
    grams = list(zip(*(tokens[i:] for i in range(n)), strict=False))
    return len(set(grams)) / len(grams) if grams else None


def repeated_share(tokens: Sequence[int], n: int = 4) -> float | None:
    """Share of the n-grams of a text that occurred before in it; None if it has none.

    Source: "seq-rep-n" of Welleck et al. 2019, https://arxiv.org/abs/1908.04319
    """
    distinct = distinct_share(tokens, n)
    return None if distinct is None else 1 - distinct


def walked_before(text: Sequence[int], token: int, most: int) -> tuple[int, int]:
    """The length of the longest end of the text with the token, up to `most`, that it holds
    already, and the place of that token there, the latest of equals; 0 and -1 if it is new.
    """
    longest, found = 0, -1
    for place, there in enumerate(text):
        n = 0
        while (
            there == token and n < most and n <= place and (n == 0 or text[place - n] == text[-n])
        ):
            n += 1
        if n and n >= longest:
            longest, found = n, place
    return longest, found


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


class NgramCounts:
    """How often each token followed each context of 1 to N - 1 tokens."""

    def __init__(self, order: int) -> None:
        self._order = order
        self._read = 0
        self._counts: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)

    def __len__(self) -> int:
        """Different contexts that were counted."""
        return len(self._counts)

    def read(self, text: Sequence[int]) -> None:
        """Count what `text` has behind what was read of it before."""
        for at in range(max(1, self._read), len(text)):
            for n in range(1, min(self._order, at + 1)):
                successors = self._counts[tuple(text[at - n : at])]
                successors[text[at]] = successors.get(text[at], 0) + 1
        self._read = len(text)

    def guess(self, text: Sequence[int], length: int) -> tuple[list[int], list[int]]:
        """Up to `length` tokens behind `text`, and the order of the n-gram that told each."""
        context, orders = list(text), []
        while len(orders) < length and (found := self._most_frequent(context)):
            context.append(found[0])
            orders.append(found[1])
        return context[len(text) :], orders

    def _most_frequent(self, context: Sequence[int]) -> tuple[int, int] | None:
        for n in range(min(self._order - 1, len(context)), 0, -1):
            if successors := self._counts.get(tuple(context[-n:])):
                # Among equals the one that was first seen last.
                best = max(reversed(successors), key=successors.__getitem__)
                return best, n + 1
        return None
