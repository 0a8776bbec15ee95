"""What a run cost, counted from its events as they come. All of it is measured."""

from __future__ import annotations

from typing import Any

from explorer.trace import AnyEvent, DoneEvent, EvalEvent, MarkEvent


class Totals:
    """Tokens, passes and time so far."""

    def __init__(self) -> None:
        self._tokens = 0
        self._ms = 0.0
        self._seconds: float | None = None
        self._views: dict[str, dict[str, float]] = {}

    def feed(self, event: AnyEvent) -> None:
        self._ms = max(self._ms, event.ms)
        match event:
            case MarkEvent(mark="emitted"):
                self._tokens += 1
            case EvalEvent():
                view = self._views.setdefault(event.view, {"passes": 0, "rows": 0, "ms": 0.0})
                view["passes"] += event.passes
                view["rows"] += event.rows
                view["ms"] += event.took_ms
            case DoneEvent():
                # What ran before the first event (a prompt that was cached) counts to the run.
                self._seconds = event.totals.get("seconds")

    def so_far(self) -> dict[str, Any]:
        """tokens of the text, passes of the target, seconds, and each view's passes, rows, ms."""
        seconds = self._seconds if self._seconds is not None else self._ms / 1000
        target = self._views.get("target") or next(iter(self._views.values()), {})
        return {
            "tokens": self._tokens,
            "passes": target.get("passes", 0),
            "seconds": round(seconds, 4),
            "views": {
                name: {**view, "ms": round(view["ms"], 2)} for name, view in self._views.items()
            },
        }
