"""What can go wrong, as sentences for the person who made it.

ExplorerError
├── InputError        a value that a person gave is not allowed
│   ├── UnknownName       no such method, model, run or parameter
│   ├── TraceError        a trace that cannot be read
│   ├── QueueFull         (worker) too many runs are waiting
│   └── NotThere          (storage) nothing of that id for this reader
├── ModelError        a model cannot be loaded, does not fit, or does not match another
├── StoreError        (storage) the database cannot be used
└── MethodError       a method broke one of the engine's rules (a mistake in its code)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import ValidationError


class ExplorerError(Exception):
    """Base of all errors that carry a sentence for a person."""


class InputError(ExplorerError):
    """A value is not allowed; the message says which and what is."""


MOST_NAMES = 12  # that a sentence lists; of more the most similar


class UnknownName(InputError):
    """There is nothing of that name; the message says what there is."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        close = difflib.get_close_matches(name, choices, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        if len(choices) > MOST_NAMES:
            likely = sorted(difflib.get_close_matches(name, choices, n=MOST_NAMES, cutoff=0.0))
            choices = [*likely, f"and {len(choices) - MOST_NAMES} more"]
        listed = ", ".join(choices) if choices else "none"
        super().__init__(f"There is no {what} {shown(name)}: {hint}Known: {listed}.")


class TraceError(InputError):
    """A trace is damaged, too large or of another format."""


class ModelError(ExplorerError):
    """A model cannot be loaded or used; the message says why."""


class MethodError(ExplorerError):
    """A method used the engine wrongly."""


def shown(value: object, limit: int = 60) -> str:
    """A value as it may stand in a message: quoted, control characters escaped, cut to `limit`."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def validation_sentence(error: ValidationError, of: str) -> str:
    """One sentence a wrong field from pydantic's list; `of` names what was validated."""
    parts = []
    for detail in error.errors(include_url=False):
        field = ".".join(str(part) for part in detail["loc"]) or "value"
        if detail["type"] == "extra_forbidden":
            parts.append(f"{of} has no parameter {shown(field)}")
            continue
        message = detail["msg"].removeprefix("Value error, ").removesuffix(".")
        parts.append(f"{of}: {field} = {shown(detail['input'])} is not allowed: {message}")
    return ". ".join(parts) + "."
