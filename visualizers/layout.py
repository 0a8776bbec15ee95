"""A tidy tree from left to right whose boxes are as wide as their text.

A box stands in line with its first child, so that the first way through the tree reads as one
straight line; the other children stand above or below, each as near as what is drawn lets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Self

import numpy as np
from numpy.typing import NDArray

EMPTY = 10**9


@dataclass(slots=True, eq=False)
class Box:
    """A piece of the tree: its size in cells, and where it came to stand (upper left corner).

    The first `lead` cells of its width are for the line that leads to it.
    """

    width: float
    height: int = 1
    lead: float = 0.0
    below: Sequence[Self] = field(default_factory=list)
    x: float = 0.0
    y: int = 0

    @property
    def right(self) -> float:
        return self.x + self.width


@dataclass(slots=True)
class _Outline:
    """First and last occupied line of each column from `x` on, the top of the box being line 0."""

    x: int
    top: NDArray[np.int64]
    end: NDArray[np.int64]


def tidy(root: Box, both_sides: bool = True) -> tuple[float, int]:
    """Place all boxes, each directly behind its parent; returns columns and lines used.

    With `both_sides` off, children only stand below the line of the first.
    """
    order = [root]
    for box in order:
        for child in box.below:
            child.x = box.right
            order.append(child)
    outlines: dict[int, _Outline] = {}
    for box in reversed(order):
        outlines[id(box)] = _place_below(box, [outlines.pop(id(b)) for b in box.below], both_sides)
    for box in order:  # until now a child's line was counted from its parent's
        for child in box.below:
            child.y += box.y
    first = min(box.y for box in order)
    for box in order:
        box.y -= first
    return max(b.right for b in order), max(b.y + b.height for b in order)


def _place_below(box: Box, outlines: Sequence[_Outline], both_sides: bool) -> _Outline:
    left = int(box.x)
    right = max([ceil(box.right), *(o.x + len(o.top) for o in outlines)])
    top = np.full(right - left + 1, EMPTY)
    end = np.full(right - left + 1, -EMPTY)
    own = ceil(box.right) - left
    top[:own], end[:own] = 0, box.height
    for child, outline in zip(box.below, outlines, strict=True):
        here = slice(outline.x - left, outline.x - left + len(outline.top))
        down = max(int((end[here] - outline.top).max()), 0)
        up = min(int((top[here] - outline.end).min()), 0)
        above = both_sides and child is not box.below[0] and -up < down
        child.y = up if above else down
        top[here] = np.minimum(top[here], outline.top + child.y)
        end[here] = np.maximum(end[here], outline.end + child.y)
    if box.below:  # the lines to the other children run up and down right behind the box
        edge, lines = slice(own - 1, own + 1), [child.y for child in box.below]
        top[edge] = np.minimum(top[edge], min(lines))
        end[edge] = np.maximum(end[edge], max(lines) + 1)
    return _Outline(left, top, end)
