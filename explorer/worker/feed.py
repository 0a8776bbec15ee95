"""What is known of a run while it is made: held once, packed, for any number of watchers."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator

from explorer.trace import AnyEvent, Header
from explorer.worker.protocol import Batch, End, Ended, Happened, Message, Started


class Feed:
    """The messages of one run, in order. Whoever adds never waits for those who read."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.bytes = 0
        self._changed = threading.Condition()
        self._header: Header | None = None
        self._pieces: list[Happened] = []
        self._end: End | None = None

    @property
    def ended(self) -> bool:
        return self._end is not None

    def add(self, message: Message) -> None:
        with self._changed:
            match message:
                case Started(header):
                    self._header = header
                case Happened(packed):
                    self._pieces.append(message)
                    self.bytes += len(packed)
                case Ended(end):
                    self._end = end
            self._changed.notify_all()

    def follow(self, after: int = 0, beat_seconds: float | None = None) -> Iterator[Batch]:
        """Batches behind the first `after` events; see `Worker.watch`."""
        read, seq, known = 0, 0, False  # pieces and events so far

        def news() -> bool:
            more = len(self._pieces) > read or self._end is not None
            return more or (self._header is not None and not known)

        while True:
            with self._changed:
                happened = self._changed.wait_for(news, beat_seconds)
                pieces = self._pieces[read:]
                header = None if known else self._header
                end = self._end
            if not happened:
                yield Batch(self.run_id, seq)
                continue
            read += len(pieces)
            known = known or header is not None
            events: list[AnyEvent] = []
            for piece in pieces:
                if seq + piece.count > after:
                    events += unpacked(piece.packed)[max(0, after - seq) :]
                seq += piece.count
            yield Batch(self.run_id, seq - len(events), events, header, end)
            if end is not None:
                return


def unpacked(packed: bytes) -> list[AnyEvent]:
    """The events of a piece. Only ever called on what a worker of this program packed."""
    events: list[AnyEvent] = pickle.loads(packed)
    return events
