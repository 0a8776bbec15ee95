"""A trace: the header that says what was run, and the events that say what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from explorer.trace.events import AnyEvent, DoneEvent, EvalEvent, Event, Value
from explorer.trace.fold import Fold

FORMAT = 1
EVENTS: TypeAdapter[list[AnyEvent]] = TypeAdapter(list[Event])


class Header(BaseModel):
    """What was asked for, and by which versions it was answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    created: str = Field(description="UTC, ISO 8601")
    method: str
    method_version: int
    params: dict[str, Any]
    notes: list[dict[str, str]] = Field(default_factory=list, description="declared quantities")
    models: dict[str, str] = Field(description="role -> model id")
    prompt: str
    prompt_ids: list[int]
    chat: bool = False
    seed: int
    limits: dict[str, float | None]
    parent: str = Field("", pattern=r"^([0-9a-f]{16})?$", description="the run it branched from")
    begun: list[int] = Field(
        default_factory=list, description="tokens of the continuation that it began with"
    )
    forced: int = Field(0, ge=0, description="how many of the last of these a person chose")
    versions: dict[str, str]
    threads: int


class Trace:
    """Everything one run looked at and decided, in order.

    Events are appended while the run goes on; `listeners` hear of each as it comes.
    """

    def __init__(self, header: Header, events: list[AnyEvent] | None = None) -> None:
        self.header = header
        self.events: list[AnyEvent] = events if events is not None else []
        self.listeners: list[Callable[[AnyEvent], None]] = []

    def append(self, event: AnyEvent) -> None:
        self.events.append(event)
        for listener in self.listeners:
            listener(event)

    def fold(self) -> Fold:
        """The state after the last event."""
        return Fold().feed_all(self.events)

    @property
    def run_id(self) -> str:
        return self.header.run_id

    @property
    def done(self) -> DoneEvent | None:
        """How the run ended; None while it goes on or where it broke off."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, DoneEvent) else None

    @property
    def text(self) -> str:
        """The continuation, without the prompt; empty until the run is done."""
        return self.done.outputs[0].text if self.done and self.done.outputs else ""

    @property
    def token_ids(self) -> list[int]:
        """The continuation's tokens, an end token included."""
        return self.done.outputs[0].token_ids if self.done and self.done.outputs else []

    def summary(self) -> dict[str, Value]:
        """The figures that a command line or an interface shows first."""
        done = self.done
        totals = done.totals if done else {}
        return {
            "run_id": self.run_id,
            "method": self.header.method,
            "text": self.text,
            "token_ids": list[Value](self.token_ids),
            "finish_reason": done.reason if done else "failed",
            "steps": int(totals.get("steps", 0)),
            "target_passes": int(totals.get("target_passes", 0)),
            "nodes": int(totals.get("nodes", 0)),
            "seconds": round(totals.get("seconds", 0.0), 4),
        }

    def without_times(self) -> list[AnyEvent]:
        """The events with every clock reading set to zero: equal for equal runs."""
        return [_timeless(event) for event in self.events]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, ready for JSON."""
        return {
            "header": self.header.model_dump(mode="json"),
            "events": EVENTS.dump_python(self.events, mode="json"),
        }


def _timeless(event: AnyEvent) -> AnyEvent:
    if isinstance(event, EvalEvent):
        # What was at hand from runs before is a matter of time, too.
        return replace(event, ms=0.0, took_ms=0.0, prompt_rows=0)
    if isinstance(event, DoneEvent):
        totals = {name: v for name, v in event.totals.items() if name != "seconds"}
        return replace(event, ms=0.0, totals=totals)
    return replace(event, ms=0.0)
