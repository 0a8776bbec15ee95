"""Events as compressed bytes and back, bit for bit.

A chunk is a list of events. Its JSON holds everything but the candidates of `choice` events;
those stand in columns of their own, where equal kinds of numbers lie side by side and compress
about three times as well. Both parts are zstd frames with a checksum, so damage is found out.

Log-probabilities stay what they were: a column is stored in float32 if every number of it survives
that, and in float64 if one does not. Models in float32 or fewer bits give the former, double
precision and laws that a method mixed the latter. A choice with anything else among its candidates
(whole numbers, infinities, token ids beyond 31 bits: foreign traces may) stays in the JSON.
"""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import zstandard

from explorer.errors import TraceError
from explorer.trace import (
    AnyEvent,
    ChoiceEvent,
    DoneEvent,
    EvalEvent,
    Header,
    MarkEvent,
    NodeEvent,
    NoteEvent,
    Output,
    ViewEvent,
)

CODEC = 1  # how chunks are written; stored with each, for the day there is a second way
LEVEL = 3
NO_REASON = 0  # the byte for a candidate that nothing removed

_COLUMNS = ("tokens", "raw", "final", "removed_by")
_CLASSES: dict[str, type[Any]] = {
    "view": ViewEvent,
    "node": NodeEvent,
    "eval": EvalEvent,
    "choice": ChoiceEvent,
    "mark": MarkEvent,
    "note": NoteEvent,
    "done": DoneEvent,
}
_NAMES = {kind: tuple(f.name for f in fields(c)) for kind, c in _CLASSES.items()}
_VALUES = {kind: attrgetter(*names) for kind, names in _NAMES.items()}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Packed events: how many, their JSON, and the columns of their candidates."""

    count: int
    body: bytes
    columns: bytes


def pack(events: Sequence[AnyEvent]) -> Chunk:
    """Events as one chunk."""
    columns = _Columns()
    plain = [_plain(event, columns) for event in events]
    head = {"events": plain, "reasons": columns.reasons, "widths": columns.widths}
    return Chunk(len(events), _compressed(_json(head)), _compressed(columns.data()))


def unpack(chunk: Chunk) -> list[AnyEvent]:
    """The events that were packed.

    Raises:
        TraceError: the bytes are damaged.
    """
    try:
        head = json.loads(_decompressed(chunk.body))
        columns = _read_columns(_decompressed(chunk.columns), head["widths"], head["reasons"])
        events = [_event(values, columns) for values in head["events"]]
        if len(events) != chunk.count:
            raise ValueError("events are missing")
    except (zstandard.ZstdError, ValueError, LookupError, TypeError, RecursionError):
        raise TraceError("A part of this run is damaged in the database.") from None
    return events


def pack_header(header: Header) -> bytes:
    return _compressed(_json(header.model_dump(mode="json")))


def unpack_header(packed: bytes) -> Header:
    try:
        return Header.model_validate(json.loads(_decompressed(packed)))
    except (zstandard.ZstdError, ValueError):
        raise TraceError("The beginning of this run is damaged in the database.") from None


# Events as plain values --------------------------------------------------------------------------


def _plain(event: AnyEvent, columns: _Columns) -> dict[str, Any]:
    values = dict(zip(_NAMES[event.kind], _VALUES[event.kind](event), strict=True))
    if isinstance(event, ChoiceEvent) and columns.take(event):
        for name in _COLUMNS:
            del values[name]
    return values


def _event(values: dict[str, Any], columns: Iterator[dict[str, Any]]) -> AnyEvent:
    kind = values["kind"]
    if kind == "choice" and "tokens" not in values:
        values.update(next(columns))
    if kind == "done":
        values["outputs"] = [Output(**output) for output in values["outputs"]]
    event: AnyEvent = _CLASSES[kind](**values)
    return event


def _json(value: object) -> bytes:
    # Floats are written so that they read back the same; lone surrogates stay escaped.
    return json.dumps(value, separators=(",", ":"), default=_output).encode()


def _output(value: object) -> dict[str, Any]:
    if isinstance(value, Output):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    raise TypeError(f"{type(value).__name__} cannot stand in a trace")


# Columns of candidates ---------------------------------------------------------------------------


class _Columns:
    """The candidates of many choices, column by column."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.widths: list[int] = []  # candidates of each choice
        self._tokens = array("i")
        self._raw: list[float] = []
        self._final: list[float] = []
        self._removed = bytearray()

    def take(self, event: ChoiceEvent) -> bool:
        """Whether the candidates could be taken without loss; if not, nothing was taken."""
        width = len(event.tokens)
        raw, final = _floats(event.raw), _floats(event.final)
        removed = self._reasons_of(event.removed_by)
        if raw is None or final is None or removed is None:
            return False
        if not len(raw) == len(final) == len(removed) == width:
            return False
        try:
            tokens = array("i", event.tokens)
        except (OverflowError, TypeError):
            return False
        self.widths.append(width)
        self._tokens += tokens
        self._raw += raw
        self._final += final
        self._removed += removed
        return True

    def data(self) -> bytes:
        parts = [_shuffled(self._tokens), bytes(self._removed)]
        for column in (self._raw, self._final):
            numbers = _narrowest(column)
            parts += [numbers.typecode.encode(), _shuffled(numbers)]
        return b"".join(parts)

    def _reasons_of(self, names: Sequence[str | None]) -> bytes | None:
        found = bytearray()
        for name in names:
            if name is None:
                found.append(NO_REASON)
                continue
            if name not in self.reasons:
                if len(self.reasons) == 255:
                    return None
                self.reasons.append(name)
            found.append(self.reasons.index(name) + 1)
        return bytes(found)


def _read_columns(
    data: bytes, widths: Sequence[int], reasons: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The columns of one choice after another."""
    size = sum(widths)
    place = 0

    def part(length: int) -> bytes:
        nonlocal place
        place += length
        if place > len(data):
            raise ValueError("columns are cut")
        return data[place - length : place]

    def numbers(typecode: str) -> array[Any]:
        width = array(typecode).itemsize
        return _unshuffled(part(size * width), typecode)

    tokens = numbers("i").tolist()
    removed = [None if i == NO_REASON else reasons[i - 1] for i in part(size)]
    raw, final = ([_number(x) for x in numbers(part(1).decode())] for _ in range(2))
    start = 0
    for width in widths:
        where = slice(start, start + width)
        start += width
        yield dict(
            zip(_COLUMNS, (tokens[where], raw[where], final[where], removed[where]), strict=True)
        )


def _floats(column: Sequence[float | int | None]) -> list[float] | None:
    """A column with minus infinity in place of None, if it holds finite floats and None only."""
    found = []
    for x in column:
        if x is None:
            found.append(-math.inf)
        elif type(x) is float and math.isfinite(x):
            found.append(x)
        else:
            return None
    return found


def _number(x: float) -> float | None:
    return None if x == -math.inf else x


def _narrowest(column: Sequence[float]) -> array[float]:
    narrow = array("f", column)
    return narrow if narrow.tolist() == column else array("d", column)


def _shuffled(numbers: array[Any]) -> bytes:
    """All first bytes, all second bytes, …: exponents lie side by side and compress well."""
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    data, width = numbers.tobytes(), numbers.itemsize
    return b"".join(data[i::width] for i in range(width))


def _unshuffled(data: bytes, typecode: str) -> array[Any]:
    numbers = array(typecode)
    width = numbers.itemsize
    count = len(data) // width
    mixed = bytearray(len(data))
    for i in range(width):
        mixed[i::width] = data[i * count : (i + 1) * count]
    numbers.frombytes(mixed)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


# Compression -------------------------------------------------------------------------------------


def _compressed(data: bytes) -> bytes:
    # A compressor is not safe to share between threads, and cheap to make.
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(data)


def _decompressed(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data)
