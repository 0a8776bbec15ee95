"""The trace: what a run recorded, and how it folds into a state."""

from explorer.trace.check import check_events
from explorer.trace.events import (
    FINISH_REASONS,
    AnyEvent,
    ChoiceEvent,
    DoneEvent,
    EvalEvent,
    MarkEvent,
    NodeEvent,
    NoteEvent,
    Output,
    ViewEvent,
)
from explorer.trace.fold import Fold, NodeStory
from explorer.trace.trace import FORMAT, Header, Trace

__all__ = [
    "FINISH_REASONS",
    "FORMAT",
    "AnyEvent",
    "ChoiceEvent",
    "DoneEvent",
    "EvalEvent",
    "Fold",
    "Header",
    "MarkEvent",
    "NodeEvent",
    "NodeStory",
    "NoteEvent",
    "Output",
    "Trace",
    "ViewEvent",
    "check_events",
]
