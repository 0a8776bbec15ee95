"""What all workers share: a bounded queue, threads that take jobs from it, and who watches."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field

from explorer.errors import ExplorerError, InputError, shown
from explorer.worker.feed import Feed
from explorer.worker.keeper import Keeper
from explorer.worker.protocol import Batch, End, Ended, Job, Message, QueueFull, Sink
from explorer.worker.stream import failure

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
MOST_ENDED = 64
CLOSING_SECONDS = 10.0


@dataclass(slots=True)
class Ticket:
    """A job on its way, and the context it was submitted in (ZeroGPU finds the visitor there)."""

    job: Job
    feed: Feed
    desk: int = -1  # which one works on it
    cancelled: threading.Event = field(default_factory=threading.Event)
    context: Context = field(default_factory=copy_context)

    @property
    def run_id(self) -> str:
        return self.job.run_id


class Desk:
    """A worker without the work: `_perform` makes one run, in one of `desks` threads.

    Args:
        sink: who keeps the runs.
        desks: how many runs are made at a time.
        max_queue: how many more may wait.
        most_bytes: packed events that one run may have. As much is held of runs that ended lately
            and of what the sink has still to take, so memory is bounded by (desks + 2) times this.
    """

    def __init__(self, sink: Sink, desks: int, max_queue: int, most_bytes: int) -> None:
        self._desks = desks
        self._max_queue = max_queue
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._waiting: deque[Ticket] = deque()
        self._running: dict[str, Ticket] = {}
        self._feeds: dict[str, Feed] = {}
        self._ended: deque[Feed] = deque()  # the sink has these; kept a while for late watchers
        self._closed = False
        self._keeper = Keeper(sink, self._forget_older)
        self._threads = [
            threading.Thread(target=self._work, args=(i,), name=f"desk-{i}", daemon=True)
            for i in range(desks)
        ]

    def _open(self) -> None:
        """Begin to work; a subclass calls this once it is ready."""
        for thread in self._threads:
            thread.start()

    def _perform(self, desk: int, ticket: Ticket) -> None:
        """Make one run; every message goes to `_tell`, an `Ended` last."""
        raise NotImplementedError

    def _cancel_running(self, ticket: Ticket) -> None:
        """Pass the wish on to where the run is made."""
        raise NotImplementedError

    def _idle(self, desk: int) -> None:
        """Called now and then while there is nothing to do."""

    def _abandon(self) -> None:
        """Called on closing, if a run did not end when it was cancelled."""

    # The protocol --------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        with self._changed:
            if self._closed:
                raise InputError("The program is closing: no more runs are taken.")
            if job.run_id in self._feeds:
                raise InputError(f"There is a run {shown(job.run_id)} already.")
            if len(self._waiting) - self._free() >= self._max_queue:
                raise QueueFull(
                    f"The queue is full: {self._max_queue} runs are waiting, the most allowed. "
                    "Try again in a moment."
                )
            ticket = Ticket(job, Feed(job.run_id))
            self._feeds[job.run_id] = ticket.feed
            self._waiting.append(ticket)
            self._changed.notify_all()

    def cancel(self, run_id: str) -> bool:
        with self._changed:
            ticket = next((t for t in self._waiting if t.run_id == run_id), None)
            if ticket is not None:
                self._waiting.remove(ticket)
                self._tell(ticket, Ended(End("stopped", "The run was stopped before it began.")))
                return True
            ticket = self._running.get(run_id)
        if ticket is None or ticket.feed.ended:
            return False
        ticket.cancelled.set()
        self._cancel_running(ticket)
        return True

    def watch(
        self, run_id: str, after: int = 0, beat_seconds: float | None = None
    ) -> Iterator[Batch]:
        with self._changed:
            feed = self._feeds.get(run_id)
        if feed is None:
            raise InputError(
                f"Nothing happens in run {shown(run_id)}: it ended some time ago, or never was."
            )
        return feed.follow(after, beat_seconds)

    def position(self, run_id: str) -> int | None:
        with self._changed:
            if run_id in self._running:
                return 0
            for place, ticket in enumerate(self._waiting):
                if ticket.run_id == run_id:
                    return max(0, place + 1 - self._free())
        return None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            for ticket in self._waiting:
                self._tell(ticket, Ended(End("stopped", "The program was closed before it began.")))
            self._waiting.clear()
            running = list(self._running.values())
            self._changed.notify_all()
        for ticket in running:
            self.cancel(ticket.run_id)
        _join(self._threads)
        if any(thread.is_alive() for thread in self._threads):
            self._abandon()
            _join(self._threads)
        self._keeper.close(CLOSING_SECONDS)

    # Inside --------------------------------------------------------------------------------------

    def _tell(self, ticket: Ticket, message: Message) -> None:
        """A message to everyone who wants to know."""
        if isinstance(message, Ended) and message.log:
            log.error("Run %s failed.\n%s", ticket.run_id, message.log)
        ticket.feed.add(message)
        if ticket.job.of is None:
            self._keeper.put(ticket.feed, message)
        elif isinstance(message, Ended):
            self._forget_older(ticket.feed)

    def _work(self, desk: int) -> None:
        while (ticket := self._next(desk)) is not None:
            try:
                self._perform(desk, ticket)
            except Exception as error:  # one run's trouble must not end the thread for all others
                ended = failure(error)
                if not ticket.feed.ended:
                    self._tell(ticket, ended)
                elif not isinstance(error, ExplorerError):
                    log.exception("After run %s.", ticket.run_id)
            with self._changed:
                del self._running[ticket.run_id]

    def _next(self, desk: int) -> Ticket | None:
        """The next ticket; None once the worker is closed."""
        self._keeper.wait_for_room(self._most_bytes)
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._waiting or self._closed, IDLE_SECONDS):
                    if self._closed:
                        return None
                    ticket = self._waiting.popleft()
                    ticket.desk = desk
                    self._running[ticket.run_id] = ticket
                    return ticket
            self._idle(desk)

    def _free(self) -> int:
        return self._desks - len(self._running)

    def _forget_older(self, feed: Feed) -> None:
        """Hold runs that ended, up to a number of bytes; the sink has them all."""
        with self._changed:
            self._ended.append(feed)
            held = sum(f.bytes for f in self._ended)
            while held > self._most_bytes or len(self._ended) > MOST_ENDED:
                oldest = self._ended.popleft()
                held -= oldest.bytes
                del self._feeds[oldest.run_id]


def _join(threads: Sequence[threading.Thread]) -> None:
    end = time.monotonic() + CLOSING_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
