"""The one thread that hands every run to the sink, whether or not anybody watches."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from explorer.worker.feed import Feed, unpacked
from explorer.worker.protocol import End, Ended, Happened, Message, Sink, Started

log = logging.getLogger(__name__)

LOST = "The run could not be kept whole; the program's log tells why."


class Keeper:
    """Feeds a sink from a thread of its own.

    A sink that fails over one run keeps getting the others. `kept` is told of each run that the
    sink has been given to its end.
    """

    def __init__(self, sink: Sink, kept: Callable[[Feed], None]) -> None:
        self._sink = sink
        self._kept = kept
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Feed, Message]] = deque()
        self._waiting_bytes = 0
        self._closed = False
        self._events: dict[str, int] = {}  # events handed on so far, by run
        self._lost: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
        self._thread.start()

    def put(self, feed: Feed, message: Message) -> None:
        """Takes a message; never waits for the sink."""
        with self._changed:
            self._waiting.append((feed, message))
            self._waiting_bytes += _size(message)
            self._changed.notify_all()

    def wait_for_room(self, most_bytes: int) -> None:
        """Returns once no more than that is waiting for the sink: what bounds its memory."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes <= most_bytes or self._closed)

    def close(self, seconds: float) -> None:
        """Hands on what is waiting, for so long at most."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                feed, message = self._waiting.popleft()
            self._hand_on(feed, message)
            with self._changed:
                self._waiting_bytes -= _size(message)
                self._changed.notify_all()

    def _hand_on(self, feed: Feed, message: Message) -> None:
        run_id = feed.run_id
        try:
            match message:
                case Started(header):
                    self._sink.started(header)
                case Happened(packed, count) if run_id not in self._lost:
                    seq = self._events.get(run_id, 0)
                    self._sink.append(run_id, seq, unpacked(packed))
                    self._events[run_id] = seq + count
                case Ended(end):
                    told = End("failed", LOST) if run_id in self._lost else end
                    self._sink.finished(run_id, told.status, told.sentence)
        except Exception:
            # A gap would make the rest unreadable, so nothing follows but the end.
            self._lost.add(run_id)
            log.exception("Run %s could not be kept.", run_id)
        if isinstance(message, Ended):
            self._events.pop(run_id, None)
            self._lost.discard(run_id)
            self._kept(feed)


def _size(message: Message) -> int:
    return len(message.packed) if isinstance(message, Happened) else 0
