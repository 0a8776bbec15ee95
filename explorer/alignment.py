"""Two texts side by side: where they first differ, and which stretches they share behind that.

Works on any sequences that can be compared item by item: token ids, or characters where the
tokens of two texts mean different things.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 3  # tokens of a stretch that is no accident
MOST = 4096  # of a text that is looked at behind the first difference


@dataclass(frozen=True, slots=True)
class Stretch:
    """Items a[a:a + length] and b[b:b + length], which are equal."""

    a: int
    b: int
    length: int


def divergence(a: Sequence[Hashable], b: Sequence[Hashable]) -> int | None:
    """The first place at which two texts differ; None if they are equal.

    Where one is the beginning of the other, the place at which it ends.
    """
    for place, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return place
    return None if len(a) == len(b) else min(len(a), len(b))


def shared(a: Sequence[Hashable], b: Sequence[Hashable], least: int = LEAST) -> list[Stretch]:
    """The equal stretches of two texts, in the order of both.

    The common beginning is one, however short. Behind the first difference they are stretches of
    at least `least` items, chosen so that together they are as long as possible. Time and memory
    are |a| · |b|, so only the first `MOST` items behind the difference are looked at.
    """
    start = divergence(a, b)
    if start is None:
        return [Stretch(0, 0, len(a))] if a else []
    common = [Stretch(0, 0, start)] if start else []
    rest = _longest(a[start : start + MOST], b[start : start + MOST], least)
    return common + [Stretch(s.a + start, s.b + start, s.length) for s in rest]


def _longest(a: Sequence[Hashable], b: Sequence[Hashable], least: int) -> list[Stretch]:
    """The best choice of stretches, by dynamic programming over all pairs of places.

        ends[i, j]  items before a[i], b[j] that are equal without a gap
        best[i, j]  items in stretches within a[:i], b[:j]
        on[i, j]    the same, if a stretch reaches up to here

    on = max(on[i-1, j-1] + 1, best[i-least, j-least] + least), where ends allows it.
    """
    n, m = len(a), len(b)
    ids: dict[Hashable, int] = {}
    left, right = (
        np.array([ids.setdefault(x, len(ids)) for x in text], dtype=np.int64) for text in (a, b)
    )
    none = -1
    best = np.zeros((n + 1, m + 1), dtype=np.int16)
    on = np.full((n + 1, m + 1), none, dtype=np.int16)
    ends = np.zeros(m + 1, dtype=np.int16)
    for i in range(1, n + 1):
        same = right == left[i - 1]
        now = np.zeros_like(ends)
        now[1:] = np.where(same, ends[:-1] + 1, 0)
        ends = now
        before = on[i - 1, :-1]
        on[i, 1:] = np.where(same & (before > none), before + 1, none)
        if least <= min(i, m):
            begun = np.where(ends[least:] >= least, best[i - least, : m + 1 - least] + least, none)
            on[i, least:] = np.maximum(on[i, least:], begun)
        best[i] = np.maximum.accumulate(np.maximum(best[i - 1], on[i]))
    return _walk_back(best, on, least)


def _walk_back(best: NDArray[np.int16], on: NDArray[np.int16], least: int) -> list[Stretch]:
    found: list[Stretch] = []
    i, j = best.shape[0] - 1, best.shape[1] - 1
    while best[i, j] > 0:
        if best[i - 1, j] == best[i, j]:
            i -= 1
        elif best[i, j - 1] == best[i, j]:
            j -= 1
        else:
            length = least
            while best[i - length, j - length] + length != best[i, j]:
                length += 1
            i, j = i - length, j - length
            found.append(Stretch(i, j, length))
    return found[::-1]
