"""A file of runs, checked and packed; a large one in a process of its own.

To check events and to pack them keeps an interpreter to itself for seconds, and runs that stream
into the same process would wait. What comes back is what the rows will hold, and small.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from explorer.errors import TraceError
from explorer.trace import Header
from storage.codec import Chunk
from storage.foreign import ForeignRun, read_session
from storage.rows import Status, figures_of, pack_all, text_of

SMALL_BYTES = 2**20  # read at once: a process takes longer to start
# A process may need a gigabyte; the next file waits its turn.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class PackedRun:
    """A run of a file as its rows will hold it."""

    header: Header
    title: str
    note: str
    tags: list[str]
    status: Status
    sentence: str
    text: str
    figures: dict[str, Any]
    events: int
    chunks: list[Chunk]


@dataclass(frozen=True, slots=True)
class PackedSession:
    """A session of a file."""

    title: str
    runs: list[PackedRun]


def pack_session(source: Path | bytes, most_bytes: int) -> PackedSession:
    """What `storage.foreign.read_session` finds in a file, packed.

    Raises:
        TraceError: what is wrong with it, in a sentence.
    """
    if SMALL_BYTES < _size(source) <= most_bytes:
        return _packed_elsewhere(source, most_bytes)
    return _packed_here(source, most_bytes)


def _size(source: Path | bytes) -> int:
    try:
        return len(source) if isinstance(source, bytes) else source.stat().st_size
    except OSError:
        return 0  # whoever reads it says why it cannot be read


def _packed_here(source: Path | bytes, most_bytes: int) -> PackedSession:
    session = read_session(source, most_bytes)
    return PackedSession(session.title, [_packed(run) for run in session.runs])


def _packed(run: ForeignRun) -> PackedRun:
    trace = run.trace
    return PackedRun(
        trace.header,
        run.title,
        run.note,
        run.tags,
        run.status,
        run.sentence,
        text_of(trace.done),
        figures_of(trace.done),
        len(trace.events),
        pack_all(trace.events),
    )


def _packed_elsewhere(source: Path | bytes, most_bytes: int) -> PackedSession:
    with _one_at_a_time:
        return _asked_of_a_process(source, most_bytes)


def _asked_of_a_process(source: Path | bytes, most_bytes: int) -> PackedSession:
    context = multiprocessing.get_context("spawn")
    answers, answer = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(answer, source, most_bytes), daemon=True)
    process.start()
    answer.close()  # with this copy open the pipe would never end
    try:
        found: PackedSession | TraceError = answers.recv()
    except EOFError:
        raise TraceError(
            "The file could not be read: the process that read it ended in the middle. "
            "Perhaps memory ran out; the program's log may tell."
        ) from None
    finally:
        answers.close()
        process.join()
    if isinstance(found, TraceError):
        raise found
    return found


def _answer(answer: Connection, source: Path | bytes, most_bytes: int) -> None:
    """Inside the process: one answer, whatever is wrong with the file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side decides
    found: PackedSession | TraceError
    try:
        found = _packed_here(source, most_bytes)
    except TraceError as error:
        found = error
    with suppress(BrokenPipeError):
        answer.send(found)
