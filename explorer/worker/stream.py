"""A job as a stream of messages: the generator that every kind of worker runs beside its models."""

from __future__ import annotations

import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from explorer.errors import ExplorerError, MethodError
from explorer.trace import AnyEvent, Header, Trace
from explorer.worker.protocol import End, Ended, Happened, Job, Message, Started

if TYPE_CHECKING:
    from explorer.models.library import Library

BATCH_SECONDS = 0.02
Tell = Callable[[Header | AnyEvent | Ended], None]


def stream(
    job: Job,
    library: Library,
    stop: Callable[[], bool],
    most_bytes: int,
    compute: Executor | None = None,
) -> Iterator[Message]:
    """Run a job in a thread, and hand on what it tells: at once, then every 20 ms.

    Args:
        library: where its models come from.
        stop: asked at each step; True ends the run.
        most_bytes: packed events at which the run is ended.
        compute: the thread to run in; a new one unless given.
    """
    told: SimpleQueue[Header | AnyEvent | Ended] = SimpleQueue()
    over = threading.Event()
    full = threading.Event()
    left = threading.Event()

    def must_stop() -> bool:
        return stop() or full.is_set() or left.is_set()

    def run() -> None:
        try:
            if job.of is not None:
                told.put(Ended(_verified(job, job.of, library)))
                return
            trace = _run(job, library, must_stop, told.put)
            told.put(Ended(_end(trace, full.is_set(), most_bytes)))
        except BaseException as error:  # nobody else would hear of it
            told.put(failure(error))
        finally:
            over.set()

    pool = compute or ThreadPoolExecutor(1, thread_name_prefix="run")
    running = pool.submit(run)
    packed_bytes = 0
    due = time.monotonic()  # when the next batch is to be handed on, however long this one takes
    try:
        while True:
            message, events = None, []
            for item in _waiting(told):
                if isinstance(item, Header):
                    yield Started(item)
                elif isinstance(item, Ended):
                    message = item
                else:
                    events.append(item)
            if events:
                packed = pickle.dumps(events, pickle.HIGHEST_PROTOCOL)
                packed_bytes += len(packed)
                if packed_bytes > most_bytes:
                    full.set()
                yield Happened(packed, len(events))
            if message:
                yield message
                return
            due = max(due + BATCH_SECONDS, time.monotonic())
            over.wait(due - time.monotonic())
    finally:
        left.set()
        running.result()
        if compute is None:
            pool.shutdown()


def failure(error: BaseException) -> Ended:
    """How a run ends that was broken off by an exception."""
    log = "".join(traceback.format_exception(error))
    if isinstance(error, MethodError):
        return Ended(End("failed", str(error)), log)  # a mistake in the method's code
    if isinstance(error, ExplorerError):
        return Ended(End("failed", str(error)))
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        sentence = "Memory ran out: fewer tokens, fewer hypotheses or a smaller model need less."
    else:
        name = type(error).__name__
        sentence = f"The run broke off by a mistake in the program ({name}); its log tells more."
    return Ended(End("failed", sentence), log)


def _run(job: Job, library: Library, stop: Callable[[], bool], tell: Tell) -> Trace:
    import torch

    from explorer.decoding import find_models, run_request
    from explorer.models.hardware import fitting_threads
    from explorer.models.library import weight_bytes
    from explorer.registry import get_method

    method = get_method(job.request.method)
    params = method.parse(job.request.params)
    models = find_models(job.request, method, library)
    # Each thread has a number of its own, so it is set here, where the models compute.
    torch.set_num_threads(fitting_threads(sum(weight_bytes(m) for m in models.values())))
    return run_request(
        job.request,
        method,
        params,
        models,
        header=job.header,
        started=tell,
        listener=tell,
        stop=stop,
    )


def _verified(job: Job, trace: Trace, library: Library) -> End:
    import torch

    from explorer.models.hardware import fitting_threads
    from explorer.models.library import weight_bytes
    from explorer.recheck import recheck

    target = library.get(job.request.models["target"])
    torch.set_num_threads(fitting_threads(weight_bytes(target)))
    found = recheck(trace, target)
    return End("done", found.sentence, found.holds)


def _end(trace: Trace, full: bool, most_bytes: int) -> End:
    stopped = trace.done is not None and trace.done.reason == "stopped"
    if stopped and full:
        return End(
            "stopped",
            f"The run was ended: its events filled {most_bytes / 2**20:,.3g} MiB, the most that a "
            "run may record.",
        )
    return End("stopped" if stopped else "done")


def _waiting(told: SimpleQueue[Header | AnyEvent | Ended]) -> Iterator[Header | AnyEvent | Ended]:
    """Waits for one item, then gives all that are there."""
    yield told.get()
    while True:
        try:
            yield told.get_nowait()
        except Empty:
            return
