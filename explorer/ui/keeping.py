"""The worker's sink: every run into the store, whether or not anybody watches."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.trace import AnyEvent, Header
from explorer.worker import Status
from storage import Store


class StoreSink:
    """Called from the worker's one keeping thread, so nothing here needs a lock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, int] = {}  # events so far; the worker counts pieces instead

    def started(self, header: Header) -> None:
        self._store.start(header.run_id, header)
        self._kept[header.run_id] = 0

    def append(self, run_id: str, seq: int, events: Sequence[AnyEvent]) -> None:
        self._kept[run_id] = self._store.append(run_id, self._kept.get(run_id, 0), events)

    def finished(self, run_id: str, status: Status, sentence: str) -> None:
        self._kept.pop(run_id, None)
        self._store.finish(run_id, status, sentence)
