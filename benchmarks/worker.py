"""What watching costs: runs in a worker's process beside the same runs made directly.

python -m benchmarks.worker > benchmarks/results/worker.jsonl
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Thread

import torch

from benchmarks.measure import emit, environment, ratio, side_by_side
from explorer.decoding import find_models, run_request
from explorer.models.library import Library
from explorer.registry import get_method
from explorer.settings import Settings
from explorer.trace import AnyEvent, Header, NodeEvent
from explorer.worker import Job, Worker, make_job, make_worker

PROMPT = "Once upon a time there was a miller who had three sons, and when he died"
TOKENS = 200
REPEATS = 9


class Nowhere:
    """A sink that keeps nothing."""

    def started(self, header: Header) -> None: ...
    def append(self, run_id: str, seq: int, events: Sequence[AnyEvent]) -> None: ...
    def finished(self, run_id: str, status: str, sentence: str) -> None: ...


def main() -> None:
    torch.set_num_threads(1)  # as in the process, so that both sides compute alike
    print(json.dumps(environment()), flush=True)
    library, made = Library(), {method: job(method) for method in ("sample", "beam_search")}
    began = time.perf_counter()
    worker = make_worker(Settings(threads=1), Nowhere())
    first_latency(worker, began)
    for method, wanted in made.items():
        tokens = len(direct(library, wanted))
        sides: dict[str, Callable[[], object]] = {
            "direct": partial(direct, library, wanted),
            "one": partial(watched, worker, method, 1),
            "four": partial(watched, worker, method, 4),
        }
        seconds = side_by_side(sides, REPEATS)
        emit(
            "overhead",
            method=method,
            tokens=tokens,
            direct_ms_a_token=statistics.median(seconds["direct"]) * 1000 / tokens,
            one_watcher_ms_a_token=statistics.median(seconds["one"]) * 1000 / tokens,
            four_watchers_ms_a_token=statistics.median(seconds["four"]) * 1000 / tokens,
            one_watcher_to_direct=ratio(seconds["one"], seconds["direct"]),
            four_watchers_to_direct=ratio(seconds["four"], seconds["direct"]),
        )
    worker.close()


def job(method: str) -> Job:
    return make_job(method=method, prompt=PROMPT, max_new_tokens=TOKENS, seed=7)


def direct(library: Library, wanted: Job) -> list[int]:
    request, method = wanted.request, get_method(wanted.request.method)
    models = find_models(request, method, library)
    return run_request(request, method, method.parse(request.params), models).token_ids


def watched(worker: Worker, method: str, watchers: int) -> None:
    """A run to its end, with so many watchers that read all of it."""
    wanted = job(method)
    worker.submit(wanted)
    readers = [
        Thread(target=lambda: [None for _ in worker.watch(wanted.run_id)]) for _ in range(watchers)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def first_latency(worker: Worker, began: float) -> None:
    """From submitting to the first event and the first token: cold, then with loaded models."""
    _, token = latency(worker)
    emit("cold", start_to_first_token_s=time.perf_counter() - began, first_token_s=token)
    pairs = [latency(worker) for _ in range(REPEATS)]
    events, tokens = ([pair[i] * 1000 for pair in pairs] for i in (0, 1))
    emit(
        "warm",
        first_event_ms=statistics.median(events),
        first_token_ms=statistics.median(tokens),
        first_token_worst_ms=max(tokens),
    )


def latency(worker: Worker) -> tuple[float, float]:
    """Seconds to the first event and to the first token."""
    began, first = time.perf_counter(), 0.0
    wanted = make_job(method="sample", prompt=PROMPT, max_new_tokens=4)
    worker.submit(wanted)
    for batch in worker.watch(wanted.run_id):
        if batch.events and not first:
            first = time.perf_counter() - began
        if any(isinstance(event, NodeEvent) for event in batch.events):
            token = time.perf_counter() - began
            break
    for _ in worker.watch(wanted.run_id):
        pass
    return first, token


if __name__ == "__main__":
    main()
