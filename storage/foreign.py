"""Reading what somebody else wrote: traces and sessions as JSON, checked before they are used.

Nothing in them is trusted: not the size, the nesting, the numbers, the references between events,
or the words. Text stays text; nothing is made of it but rows.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from explorer.errors import InputError, TraceError, shown, validation_sentence
from explorer.settings import settings
from explorer.trace import FINISH_REASONS, FORMAT, Header, Trace, check_events
from explorer.trace.trace import EVENTS
from storage import words
from storage.rows import ENDED, Status, status_of

SESSION_FORMAT = 1
SESSION_KEY = "decoding_explorer_session"
MOST_DEPTH = 30  # of nesting; our own files have about ten levels
MOST_STEPS = 1_000_000
MOST_RUNS = 2000
_RUN_KEYS = {"header", "events", "title", "note", "tags", "status", "sentence"}


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """A run out of a file, all of it checked."""

    trace: Trace
    title: str
    note: str
    tags: list[str]
    status: Status
    sentence: str


@dataclass(frozen=True, slots=True)
class ForeignSession:
    """A session out of a file, all of it checked."""

    title: str
    runs: list[ForeignRun]


def read_session(source: Path | bytes, most_bytes: int) -> ForeignSession:
    """A session out of an exported file. A file with one trace is a session of one run.

    Raises:
        TraceError: what is wrong with it, in a sentence.
    """
    document = read_document(source, most_bytes)
    if not isinstance(document, dict):
        raise TraceError("The file is no session: it holds no object.")
    if set(document) == {"header", "events"}:
        run = _run_from(document, "The file")
        return ForeignSession(run.title, [run])
    if SESSION_KEY not in document:
        raise TraceError(f"The file is no session: it needs {SESSION_KEY!r}.")
    if document[SESSION_KEY] != SESSION_FORMAT or isinstance(document[SESSION_KEY], bool):
        raise TraceError(
            f"The file has session format {shown(document[SESSION_KEY])}; "
            f"this version reads {SESSION_FORMAT}."
        )
    runs = document.get("runs")
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise TraceError("The file is damaged: its runs are no list of objects.")
    if len(runs) > MOST_RUNS:
        raise TraceError(f"The file has {len(runs):,} runs; at most {MOST_RUNS:,} are allowed.")
    try:
        title = words.title(document.get("title", ""))
    except InputError as error:
        raise TraceError(f"The file is damaged: {error}") from None
    return ForeignSession(title, [_run_from(run, f"Run {i + 1}") for i, run in enumerate(runs)])


def read_document(source: Path | bytes, most_bytes: int) -> object:
    """JSON of limited size and depth, with numbers that a computer can hold.

    Raises:
        TraceError: it is too large, too deep, or no JSON.
    """
    try:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size > most_bytes:  # before anything of it is read
            raise TraceError(
                f"The file has {size / 2**20:.0f} MiB; at most {most_bytes / 2**20:g} are allowed."
            )
        raw = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise TraceError(f"The file cannot be read: {error.strerror}.") from None
    try:
        document: object = json.loads(
            raw, parse_float=_finite, parse_int=_small, parse_constant=_finite
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # of bytes that are no text as well
        raise TraceError("The file is damaged: it is not JSON.") from None
    _check_depth(document)
    return document


def trace_from(document: object, name: str) -> Trace:
    """A trace from plain Python data of unknown origin; `name` is its subject in a sentence.

    Raises:
        TraceError: the data are not a trace, or of another format.
    """
    if not isinstance(document, dict) or set(document) != {"header", "events"}:
        raise TraceError(f"{name} is no trace: it needs a header and events, and nothing else.")
    header = document["header"]
    if isinstance(header, dict) and header.get("format") != FORMAT:
        raise TraceError(
            f"{name} has format {shown(header.get('format'))}; this version reads {FORMAT}."
        )
    _check_depth(document)
    try:
        trace = Trace(Header.model_validate(header), EVENTS.validate_python(document["events"]))
    except ValidationError as error:
        sentence = validation_sentence(error, "trace").split(". ")[0]
        raise TraceError(f"{name} is damaged: {sentence.rstrip('.')}.") from None
    try:  # what cannot be written as JSON again cannot be sent to a page either
        trace.header.model_dump_json()
        EVENTS.dump_json(trace.events)
    except PydanticSerializationError:
        raise TraceError(f"{name} is damaged: it holds characters that are no text.") from None
    check_events(trace.events)
    _check_bounds(trace, name)
    return trace


def _run_from(document: dict[str, Any], name: str) -> ForeignRun:
    if unknown := set(document) - _RUN_KEYS:
        raise TraceError(f"{name} is damaged: there is no {shown(min(unknown, key=str))} in a run.")
    trace = trace_from({key: document.get(key) for key in ("header", "events")}, name)
    status = document.get("status")
    tags = document.get("tags", [])
    try:
        return ForeignRun(
            trace,
            words.title(document.get("title") or words.title_of(trace.header.prompt) or "Run"),
            words.note(document.get("note", "")),
            words.distinct_tags(tags if isinstance(tags, list) else [tags]),
            # A run that went on when it was exported broke off there, as far as we know.
            status if status in ENDED else status_of(trace.done),
            words.sentence(document.get("sentence", "")),
        )
    except InputError as error:
        raise TraceError(f"{name} is damaged: {error}") from None


def _check_bounds(trace: Trace, name: str) -> None:
    """What is well formed and would still be a burden: to the search, or to who draws it."""
    most = settings().max_prompt_characters
    if len(trace.header.prompt) > most:
        raise TraceError(f"{name} is damaged: its prompt is longer than {most:,} characters.")
    if trace.events and trace.events[-1].step > MOST_STEPS:
        raise TraceError(f"{name} is damaged: it has more than {MOST_STEPS:,} steps.")
    if trace.header.forced > len(trace.header.begun):
        raise TraceError(f"{name} is damaged: more tokens were chosen than it began with.")
    if trace.done and trace.done.reason not in FINISH_REASONS:
        reason = shown(trace.done.reason)
        raise TraceError(f"{name} is damaged: {reason} is no reason for a run to end.")


def _check_depth(document: object) -> None:
    level = [document]
    for _ in range(MOST_DEPTH + 1):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
        level = [value for value in below if isinstance(value, (dict, list))]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> TraceError:
    return TraceError(f"The file is damaged: it is nested deeper than {MOST_DEPTH} levels.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # NaN, Infinity, 1e999
        raise ValueError(text)
    return number


def _small(text: str) -> int:
    if len(text) > 20 or abs(number := int(text)) >= 2**63:
        raise ValueError(text)
    return number
