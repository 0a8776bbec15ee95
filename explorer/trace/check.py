"""Whether events can be folded: numbers of nodes, parents and steps that make sense."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.errors import TraceError
from explorer.trace.events import AnyEvent, ChoiceEvent, DoneEvent, EvalEvent, MarkEvent, NodeEvent
from explorer.trace.laws import read_law

MOST_OFFSET = 1e9


def check_events(events: Sequence[AnyEvent]) -> None:
    """Check a trace of unknown origin.

    Raises:
        TraceError: an event speaks of a node that is not there, or steps run backwards.
    """
    known = 1  # the root
    merges = Merges()
    step = 0
    for place, event in enumerate(events):
        if event.step < step:
            raise _wrong(place, f"step {event.step} comes after step {step}")
        step = event.step
        match event:
            case NodeEvent():
                if event.id != known or not 0 <= event.parent < known:
                    raise _wrong(place, f"node {event.id} below {event.parent} cannot be there")
                if (event.token is not None and event.mixed) or not _is_mixture(event):
                    raise _wrong(place, f"node {event.id} is no mixture of tokens")
                known += 1
                merges.add(event.parent)
            case MarkEvent():
                named = [event.node, *([] if event.into is None else [event.into])]
            case ChoiceEvent():
                named = [event.node]
            case EvalEvent():
                named = event.nodes
            case DoneEvent():
                named = [output.node for output in event.outputs]
                if place != len(events) - 1:
                    raise _wrong(place, "the run ends before its last event")
            case _:
                named = []
        if isinstance(event, NodeEvent):
            continue
        for node in named:
            if not 0 <= node < known:
                raise _wrong(place, f"node {node} is not there")
        if isinstance(event, MarkEvent) and not merges.take(event):
            raise _wrong(place, f"node {event.node} cannot be {event.mark} into {event.into}")
        if isinstance(event, ChoiceEvent):
            columns = {len(c) for c in (event.tokens, event.raw, event.final, event.removed_by)}
            if len(columns) > 1:
                raise _wrong(place, "its columns have different lengths")
            _check_law(place, event)
    if not merges.have_an_order():
        raise TraceError("The trace is damaged: its merges lead in a circle.")


class Merges:
    """Which node goes on as which other, and whether that can be."""

    def __init__(self) -> None:
        self._parents = [-1]
        self._into: dict[int, int] = {}

    def add(self, parent: int) -> None:
        self._parents.append(parent)

    def take(self, mark: MarkEvent) -> bool:
        """Whether a mark says what it must: where a merged node went, once, and of no other."""
        if mark.mark != "merged" or mark.into is None:
            return mark.mark != "merged" and mark.into is None
        if mark.node == 0 or mark.node in self._into or self._last(mark.into) == mark.node:
            return False
        self._into[mark.node] = mark.into
        return True

    def have_an_order(self) -> bool:
        """Whether every node can stand behind all that lead to it, or to what was merged in it."""
        if not self._into:
            return True
        place = [self._last(node) for node in range(len(self._parents))]
        onward: list[list[int]] = [[] for _ in place]
        waiting = [0] * len(place)
        for node, parent in enumerate(self._parents[1:], 1):
            onward[place[parent]].append(place[node])
            waiting[place[node]] += 1
        ready = [node for node, n in enumerate(waiting) if n == 0]
        for node in ready:
            for to in onward[node]:
                waiting[to] -= 1
                if not waiting[to]:
                    ready.append(to)
        return len(ready) == len(place)

    def _last(self, node: int) -> int:
        while node in self._into:
            node = self._into[node]
        return node


def _is_mixture(event: NodeEvent) -> bool:
    """Whether there are as many shares as tokens, and none where nothing was mixed."""
    mixed, shares = event.mixed or [], event.shares or []
    return len(mixed) == len(shares) and all(0 <= share <= 1 for share in shares)


def _check_law(place: int, choice: ChoiceEvent) -> None:
    if abs(choice.offset) > MOST_OFFSET:
        raise _wrong(place, "its law's offset is no score")
    if not choice.entered:
        return
    try:
        law = read_law(choice.entered)
    except ValueError as error:
        raise _wrong(place, str(error)) from None
    named = [*choice.tokens, *choice.chosen]
    if named and not 0 <= min(named) <= max(named) < len(law):
        raise _wrong(place, f"its law has {len(law)} tokens, and not all that it names")


def _wrong(place: int, what: str) -> TraceError:
    return TraceError(f"The trace is damaged: in event {place}, {what}.")
