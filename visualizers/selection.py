"""Which runs of a large tree are drawn, so that it stays one that can be read."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from math import log

from explorer.trace.segments import Segment
from visualizers.leading import best_path
from visualizers.odds import worths
from visualizers.reading import Reading
from visualizers.sight import WHOLE, Sight
from visualizers.style import DEAD

MOST_MARKS = 400
PARTING = 3  # marks: another piece, and a stub with its edge
SHOWN_DEAD = 3  # dead leaves at one place; the others go into its stub


@dataclass(frozen=True, slots=True)
class Choice:
    """The runs that are drawn, by their first node, and whether others had to be left out."""

    runs: set[int]
    crowded: bool


def choose(reading: Reading, root: Segment, sight: Sight = WHOLE) -> Choice:
    """The most telling runs, within the limit of marks.

    The best path is drawn in any case, and so is the way to the node that somebody looks for.
    Where others had to be left out, these two are drawn as long pieces that are parted only where
    something is drawn beside them, so that they cost nothing themselves.
    """
    must = {*best_path(reading), *reading.fold.path(sight.node)}
    found = _choose(reading, root, sight, must, pieced=False)
    return _choose(reading, root, sight, must, pieced=True) if found.crowded else found


def _choose(reading: Reading, root: Segment, sight: Sight, must: set[int], pieced: bool) -> Choice:
    worth = worths(reading, root) if sight.below else {}
    least = log(sight.below) if sight.below else -float("inf")
    sizes = _sizes(root)
    drawn = {root.nodes[0]}
    spent = 2
    goes_on: set[int] = set()  # runs behind which something is drawn
    order = 0  # runs of one rank in the order of the tree
    queue: list[tuple[bool, bool, bool, int, int, Segment, Segment]] = []

    def offer(run: Segment) -> None:
        nonlocal order
        telling = {id(below) for below in _telling(reading, run)}
        for below in run.below:
            needed = not must.isdisjoint(below.nodes)
            likely = not worth or worth[below.nodes[0]] >= least
            if not needed and not (likely and id(below) in telling):
                continue
            order += 1
            dead, size = is_dead(reading, below), sizes[below.nodes[0]]
            entry = (not needed, not below.in_text, dead, -size, order, run, below)
            heapq.heappush(queue, entry)

    def cost(above: Segment, run: Segment) -> int:
        # Text, edge, perhaps an end; and a stub with its edge if not all below can be drawn.
        alone = 2 + (run.fate == "finished") + (2 if run.below else 0)
        if not pieced:
            return alone
        if above.nodes[0] in goes_on:
            return alone + PARTING
        goes_on.add(above.nodes[0])
        return 1

    offer(root)
    while queue and (spent < MOST_MARKS or not queue[0][0]):
        unneeded, *_, above, run = heapq.heappop(queue)
        drawn.add(run.nodes[0])
        price = cost(above, run)
        spent += price if unneeded or not pieced else 0  # the needed is one line, in pieces
        offer(run)
    return Choice(drawn, bool(queue))


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


def way_to(reading: Reading, root: Segment, node: int) -> list[Segment]:
    """The runs from the root to the one that holds a node, both included."""
    way = [root]
    for n in reading.fold.path(node):
        if n not in way[-1].nodes:
            way.append(next(run for run in way[-1].below if run.nodes[0] == n))
    return way


def beginning_at(reading: Reading, run: Segment, node: int) -> Segment:
    """What begins with a node inside a run, behind a root that stands for all before it."""
    at = run.nodes.index(node)
    nodes = run.nodes[at:]
    story = reading.fold.nodes[node]
    rest = replace(run, nodes=nodes, born=story.born)
    return Segment([story.parent], run.in_text, run.fate, None, 0, [rest])
