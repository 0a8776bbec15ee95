"""Events as compressed bytes and back, bit for bit.

A chunk is a list of events. Its JSON holds everything but the candidates and the whole laws of
`choice` events; those stand in columns of their own, where equal kinds of numbers lie side by side
and compress about three times as well. Both parts are zstd frames with a checksum, so damage is
found out.

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
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate, pairwise
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
from explorer.trace.laws import BYTES_A_TOKEN

CODEC = 2  # how chunks are written, stored with each; 1 is the same without whole laws
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
    head = {
        "events": plain,
        "reasons": columns.reasons,
        "widths": columns.widths,
        "laws": columns.laws,
    }
    return Chunk(len(events), _compressed(_json(head)), _compressed(columns.data()))


def unpack(chunk: Chunk) -> list[AnyEvent]:
    """The events that were packed.

    Raises:
        TraceError: the bytes are damaged.
    """
    try:
        head = json.loads(_decompressed(chunk.body))
        columns, laws = _read_columns(_decompressed(chunk.columns), head)
        events = [_event(values, columns, laws) for values in head["events"]]
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
    if isinstance(event, ChoiceEvent) and columns.take_law(event.entered):
        del values["entered"]
    return values


def _event(
    values: dict[str, Any], columns: Iterator[dict[str, Any]], laws: Iterator[str]
) -> AnyEvent:
    kind = values["kind"]
    if kind == "choice" and "tokens" not in values:
        values.update(next(columns))
    if kind == "choice" and "entered" not in values:
        values["entered"] = next(laws, "")
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
    """The candidates of many choices, column by column, and their whole laws."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.widths: list[int] = []  # candidates of each choice
        self.laws: list[int] = []  # bytes of each whole law, 0 where none was kept
        self._tokens = array("i")
        self._raw: list[float] = []
        self._final: list[float] = []
        self._removed = bytearray()
        self._laws = bytearray()

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

    def take_law(self, text: str) -> bool:
        """Whether a whole law could be taken without loss; if not, nothing was taken."""
        try:
            law = b64decode(text, validate=True)
        except ValueError:
            return False
        if len(law) % BYTES_A_TOKEN or b64encode(law).decode() != text:
            return False
        self.laws.append(len(law))
        self._laws += law
        return True

    def data(self) -> bytes:
        parts = [_shuffled(self._tokens), bytes(self._removed)]
        for column in (self._raw, self._final):
            numbers = _narrowest(column)
            parts += [numbers.typecode.encode(), _shuffled(numbers)]
        return b"".join([*parts, _apart(self._laws, BYTES_A_TOKEN)])

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
    data: bytes, head: Mapping[str, Any]
) -> tuple[Iterator[dict[str, Any]], Iterator[str]]:
    """The columns of one choice after another, and their whole laws."""
    widths, reasons = head["widths"], head["reasons"]
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
    columns = (
        dict(zip(_COLUMNS, (tokens[i:j], raw[i:j], final[i:j], removed[i:j]), strict=True))
        for i, j in pairwise(accumulate(widths, initial=0))
    )
    lengths = head.get("laws", [])
    packed = _together(part(sum(lengths)), BYTES_A_TOKEN)
    laws = (b64encode(packed[i:j]).decode() for i, j in pairwise(accumulate(lengths, initial=0)))
    return columns, laws


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
    return _apart(numbers.tobytes(), numbers.itemsize)


def _unshuffled(data: bytes, typecode: str) -> array[Any]:
    numbers = array(typecode)
    numbers.frombytes(_together(data, numbers.itemsize))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _apart(data: bytes | bytearray, width: int) -> bytes:
    return b"".join(data[i::width] for i in range(width))


def _together(data: bytes, width: int) -> bytearray:
    count = len(data) // width
    mixed = bytearray(len(data))
    for i in range(width):
        mixed[i::width] = data[i * count : (i + 1) * count]
    return mixed


# Compression -------------------------------------------------------------------------------------


def _compressed(data: bytes) -> bytes:
    # A compressor is not safe to share between threads, and cheap to make.
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(data)


def _decompressed(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data)
