"""What a worker is: jobs go in, batches of events come out, and a sink keeps them.

Everything that crosses this line is plain Python. Nothing here needs torch, so that a process
that only watches runs never loads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from explorer.errors import InputError
from explorer.trace import AnyEvent, Header, Trace

if TYPE_CHECKING:
    from explorer.decoding import Request

Status = Literal["done", "stopped", "failed"]


class QueueFull(InputError):
    """No more runs are taken for now."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be made: what is asked for, and the header under which it is kept meanwhile.

    With `of` nothing is made and nothing kept: that run is verified (`explorer.recheck`), and the
    end tells the finding.
    """

    request: Request
    header: Header
    of: Trace | None = None

    @property
    def run_id(self) -> str:
        return self.header.run_id


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended; `sentence` tells a person why, where that is not plain from its events.

    `holds`: of a run that was verified, whether it is what its method claims; None: it claims
    nothing.
    """

    status: Status
    sentence: str = ""
    holds: bool | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened in a run since the batch before.

    `seq` is how many events of the run came before these; a watcher who is behind gets all that
    waits in one batch. The `header` comes with the first batch that a watcher gets once the run
    has begun, `end` with the last. A batch with neither and without events only tells that time
    went by.
    """

    run_id: str
    seq: int
    events: list[AnyEvent] = field(default_factory=list)
    header: Header | None = None
    end: End | None = None


class Sink(Protocol):
    """Who keeps the runs. Called from one thread, run by run in order, watched or not."""

    def started(self, header: Header) -> None:
        """The run has begun; the header is complete now: prompt tokens, loaded models."""
        ...

    def append(self, run_id: str, seq: int, events: Sequence[AnyEvent]) -> None:
        """The next events; `seq` is how many came before."""
        ...

    def finished(self, run_id: str, status: Status, sentence: str) -> None:
        """The run is over; also called for one that never began."""
        ...


class Worker(Protocol):
    """Makes runs, one after the other on each device."""

    def submit(self, job: Job) -> None:
        """Put a job at the end of the queue.

        Raises:
            QueueFull: too many are waiting.
            InputError: a run of that id is there already, or the worker is closed.
        """
        ...

    def cancel(self, run_id: str) -> bool:
        """Ask for the end of a run, waiting or running; False if it is neither."""
        ...

    def watch(
        self, run_id: str, after: int = 0, beat_seconds: float | None = None
    ) -> Iterator[Batch]:
        """Everything that happens in a run behind the first `after` events, to its end.

        What has happened comes first. With `beat_seconds` an empty batch comes whenever nothing
        happened for so long. Leaving ends nothing.

        Raises:
            InputError: the run is not at hand: it ended some time ago, or never was.
        """
        ...

    def position(self, run_id: str) -> int | None:
        """0: it runs, or is next for a free device; n: so many before it; None: not here."""
        ...

    def close(self) -> None:
        """End all runs and let everything go."""
        ...


# What the side with the models sends -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """The models are loaded and the prompt is read."""

    header: Header


@dataclass(frozen=True, slots=True)
class Happened:
    """A pickled list of so many events: packed once, however many read it."""

    packed: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last message of a run; `log` is a traceback for the log, not for the person."""

    end: End
    log: str = ""


Message = Started | Happened | Ended
