"""Whether events can be folded: numbers of nodes, parents and steps that make sense."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.errors import TraceError
from explorer.trace.events import AnyEvent, ChoiceEvent, DoneEvent, EvalEvent, MarkEvent, NodeEvent


def check_events(events: Sequence[AnyEvent]) -> None:
    """Check a trace of unknown origin.

    Raises:
        TraceError: an event speaks of a node that is not there, or steps run backwards.
    """
    known = 1  # the root
    step = 0
    for place, event in enumerate(events):
        if event.step < step:
            raise _wrong(place, f"step {event.step} comes after step {step}")
        step = event.step
        match event:
            case NodeEvent():
                if event.id != known or not 0 <= event.parent < known:
                    raise _wrong(place, f"node {event.id} below {event.parent} cannot be there")
                known += 1
            case MarkEvent() | ChoiceEvent():
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
        if isinstance(event, ChoiceEvent):
            columns = {len(c) for c in (event.tokens, event.raw, event.final, event.removed_by)}
            if len(columns) > 1:
                raise _wrong(place, "its columns have different lengths")


def _wrong(place: int, what: str) -> TraceError:
    return TraceError(f"The trace is damaged: in event {place}, {what}.")
