"""Which runs of a large tree are drawn, so that it stays one that can be read."""

from __future__ import annotations

import heapq

from explorer.trace.segments import Segment
from visualizers.reading import Reading
from visualizers.style import DEAD

MOST_MARKS = 400
SHOWN_DEAD = 3  # dead leaves at one place; the others go into its stub


def choose(reading: Reading, root: Segment) -> set[int]:
    """The runs that are drawn, by their first node: the most telling ones, within the limit."""
    sizes = _sizes(root)
    drawn = {0}
    cost = 2
    order = 0  # runs of one rank in the order of the tree
    queue: list[tuple[bool, bool, int, int, Segment]] = []

    def offer(run: Segment) -> None:
        nonlocal order
        for below in _telling(reading, run):
            order += 1
            dead = is_dead(reading, below)
            entry = (not below.in_text, dead, -sizes[below.nodes[0]], order, below)
            heapq.heappush(queue, entry)

    offer(root)
    while queue and cost < MOST_MARKS:
        run = heapq.heappop(queue)[-1]
        drawn.add(run.nodes[0])
        # Text, edge, perhaps an end; and a stub with its edge if not all below can be drawn.
        cost += 2 + (run.fate == "finished") + (2 if run.below else 0)
        offer(run)
    return drawn


def _telling(reading: Reading, run: Segment) -> list[Segment]:
    """The runs below, without the guesses nobody judged and all but a few dead ends."""
    below = [s for s in run.below if not is_dead(reading, s) or _was_judged(reading, s)]
    leaves = [s for s in below if not s.below and is_dead(reading, s)]
    if len(leaves) <= SHOWN_DEAD + 1:
        return below
    leaves.sort(key=lambda s: (_margin(s), s.born))
    hidden = {id(s) for s in leaves[SHOWN_DEAD:]}
    return [s for s in below if id(s) not in hidden]


def _was_judged(reading: Reading, run: Segment) -> bool:
    """Whether any number was ever held against it; else there is nothing to tell of its death."""
    return any(mark.numbers for n in run.nodes for mark in reading.fold.nodes[n].marks)


def _margin(run: Segment) -> float:
    margin = run.last_mark.numbers.get("margin") if run.last_mark else None
    return float("inf") if margin is None else margin


def is_dead(reading: Reading, run: Segment) -> bool:
    return reading.class_of(run.nodes[-1]) in DEAD


def _sizes(root: Segment) -> dict[int, int]:
    """Nodes in and below each run, by its first node."""
    order = [root]
    for run in order:
        order.extend(run.below)
    sizes: dict[int, int] = {}
    for run in reversed(order):
        sizes[run.nodes[0]] = len(run.nodes) + sum(sizes[b.nodes[0]] for b in run.below)
    return sizes


def everything(runs: list[Segment]) -> list[Segment]:
    """Runs and all below them, each followed by what hangs on it."""
    found, stack = [], list(reversed(runs))
    while stack:
        run = stack.pop()
        found.append(run)
        stack += reversed(run.below)
    return found
