"""The best path: the text, and while a search has not decided yet, the hypothesis that leads."""

from __future__ import annotations

from explorer.trace import MarkEvent
from visualizers.reading import Reading


def best_path(reading: Reading) -> list[int]:
    """The nodes of the text, and behind it those of the leading hypothesis, if there is one."""
    text = reading.fold.text_at()
    if reading.fold.done is not None:
        return text
    latest = next((s for s in reversed(reading.steps) if reading.marked(s, "kept")), 0)
    return text + lead(reading, latest, text[-1] if text else 0, [])


def lead(reading: Reading, step: int, head: int, before: list[int]) -> list[int]:
    """The nodes from behind the text, which ends at `head`, to the end of the best hypothesis that
    goes on in a step; `before` are those of the step before it."""
    kept = reading.marked(step, "kept")
    tip = before[-1] if before else head
    if kept:
        tip = max(enumerate(kept), key=_goodness)[1].node
    path = []
    while tip > head:
        path.append(tip)
        tip = reading.fold.nodes[tip].parent
    return path[::-1] if tip == head else []


def _goodness(entry: tuple[int, MarkEvent]) -> tuple[float, int]:
    place, mark = entry
    logp = mark.numbers.get("logp")
    return (logp if logp is not None else 0.0, -place)
