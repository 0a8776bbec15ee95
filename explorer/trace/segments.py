"""Unbranched runs of tokens as one segment: what makes a tree of thousand nodes readable."""

from __future__ import annotations

from dataclasses import dataclass, field

from explorer.trace.events import MarkEvent
from explorer.trace.fold import Fold


@dataclass(slots=True)
class Segment:
    """Nodes in a row, each the only child of the one above, that share one fate.

    `in_text` tells whether they are part of the emitted text; `fate` is the last node's, and
    `last_mark` the mark that gave it (with the numbers and the reason), None for an open node.
    """

    nodes: list[int]
    in_text: bool
    fate: str
    last_mark: MarkEvent | None
    born: int
    below: list[Segment] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Nodes here and below."""
        total, stack = 0, [self]
        while stack:
            segment = stack.pop()
            total += len(segment.nodes)
            stack.extend(segment.below)
        return total


def segments(fold: Fold, step: int | None = None) -> Segment:
    """The tree as it stood at the end of `step` (default: of the run), as segments.

    The root segment holds node 0 alone.
    """
    text = set(fold.text_at(step))
    born = [n for n in fold.nodes if step is None or n.born <= step]
    known = len(born)  # nodes are numbered in the order of their birth
    fates = [node.fate(step) for node in born]
    root = Segment([0], True, fates[0], None, 0)
    stack = [root]
    while stack:
        segment = stack.pop()
        for child in _children(fold, segment.nodes[-1], known):
            below = _run(fold, child, known, text, fates, step)
            segment.below.append(below)
            stack.append(below)
    return root


def _run(
    fold: Fold, node: int, known: int, text: set[int], fates: list[str], step: int | None
) -> Segment:
    nodes = [node]
    while len(children := _children(fold, nodes[-1], known)) == 1:
        (child,) = children
        if (child in text) != (node in text) or not _joins(fates[nodes[-1]], fates[child]):
            break
        nodes.append(child)
    marks = [m for m in fold.nodes[nodes[-1]].marks if step is None or m.step <= step]
    last = marks[-1] if marks else None
    return Segment(nodes, node in text, fates[nodes[-1]], last, fold.nodes[node].born)


def _joins(above: str, below: str) -> bool:
    # A hypothesis that was kept for some steps and then lost reads as one run.
    return above == below or above == "kept"


def _children(fold: Fold, node: int, known: int) -> list[int]:
    return [child for child in fold.nodes[node].children if child < known]
