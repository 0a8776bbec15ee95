"""Traces as files: one compressed JSON document a run, below the data folder."""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from pathlib import Path

from pydantic import ValidationError

from explorer.errors import TraceError, UnknownName, shown, validation_sentence
from explorer.trace import FORMAT, Header, Trace, check_events
from explorer.trace.trace import EVENTS

RUN_ID = re.compile(r"[0-9a-f]{16}")


class TraceFiles:
    """The traces below a folder, by run id. Files above `most_bytes` unpacked are refused."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder / "runs"
        self._most = most_bytes

    def save(self, trace: Trace) -> Path:
        """Write a trace; it appears whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(trace.run_id)
        raw = json.dumps(trace.to_dict(), separators=(",", ":"), allow_nan=False).encode()
        partial = path.with_suffix(".partial")
        partial.write_bytes(gzip.compress(raw, compresslevel=5, mtime=0))
        os.replace(partial, path)
        return path

    def load(self, run_id: str) -> Trace:
        """The trace of that run.

        Raises:
            UnknownName: there is no such run.
            TraceError: its file is damaged, too large or of another format.
        """
        if not RUN_ID.fullmatch(run_id):
            raise TraceError(f"{shown(run_id)} is no run id: 16 digits from 0-9 and a-f.")
        path = self._path(run_id)
        if not path.is_file():
            raise UnknownName("run", run_id, [])
        return read_trace(path, self._most)

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.json.gz"


def read_trace(path: Path, most_bytes: int) -> Trace:
    """A trace file, checked before anything is made of it.

    Raises:
        TraceError: what is wrong with the file, in a sentence.
    """
    try:
        with gzip.open(path) as file:
            raw = file.read(most_bytes + 1)
    except (OSError, EOFError, zlib.error):
        raise TraceError(f"{path.name} is damaged: it cannot be unpacked.") from None
    if len(raw) > most_bytes:
        raise TraceError(
            f"{path.name} is larger than {most_bytes // 2**20} MiB unpacked, the most allowed."
        )
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise TraceError(f"{path.name} is damaged: it is not JSON.") from None
    return trace_from(document, path.name)


def trace_from(document: object, name: str) -> Trace:
    """A trace from plain Python data of unknown origin.

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
    try:
        trace = Trace(Header.model_validate(header), EVENTS.validate_python(document["events"]))
    except ValidationError as error:
        sentence = validation_sentence(error, "trace").split(". ")[0]
        raise TraceError(f"{name} is damaged: {sentence.rstrip('.')}.") from None
    check_events(trace.events)
    return trace
