"""A sink that remembers, jobs for toys, and waiting that cannot hang."""

from __future__ import annotations

import threading
import time

from worker_models import Shelf

from explorer.worker import make_job
from explorer.worker.local import LocalWorker

PATIENCE = 60.0  # of a test, on a busy machine
QUEUE = 2


class Memory:
    """A sink that keeps everything in lists."""

    def __init__(self):
        self.headers, self.pieces, self.ends = {}, {}, {}
        self.changed = threading.Condition()

    def started(self, header):
        self.headers[header.run_id] = header

    def append(self, run_id, seq, events):
        with self.changed:
            self.pieces.setdefault(run_id, []).append((seq, list(events)))
            self.changed.notify_all()

    def finished(self, run_id, status, sentence):
        with self.changed:
            self.ends[run_id] = (status, sentence)
            self.changed.notify_all()

    def end(self, run_id):
        """How the run ended, once it has."""
        with self.changed:
            assert self.changed.wait_for(lambda: run_id in self.ends, PATIENCE)
        return self.ends[run_id]

    def events(self, run_id):
        return [event for _, events in self.pieces.get(run_id, []) for event in events]


def job(model="endless", method="sample", prompt="ab", **values):
    return make_job(method=method, prompt=prompt, models={"target": model}, **values)


def follow(worker, run_id, until=lambda events: False, after=0):
    """The batches of a run to its end, or until its events are enough."""
    end, batches, events = time.monotonic() + PATIENCE, [], []
    for batch in worker.watch(run_id, after, beat_seconds=1.0):
        batches.append(batch)
        events += batch.events
        if until(events):
            break
        assert time.monotonic() < end, f"run {run_id} does not end"
    return batches, events


def local_worker(sink, **values):
    # One thread, as in the tests' own process: so that the same sums give the same numbers.
    environment = {"EXPLORER_THREADS": "1"}
    return LocalWorker(
        sink,
        environment=environment,
        max_queue=QUEUE,
        patience_seconds=0.5,
        library=Shelf,
        **values,
    )
