"""The worker of a Hugging Face Space with ZeroGPU, whose models live in the web process.

There a function under `@spaces.GPU` runs in a fork of the process that the models were loaded in,
on a GPU that is lent for as long as the function said it would need. What it is given and what it
yields is pickled, and nothing else comes back; a file is how it learns that it should stop.

It cannot be tried without such a Space: tests hold what can be, the runs without the decorator,
the estimate and the stop file. Where `spaces` is not installed it is not imported.
"""

from __future__ import annotations

import importlib
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.worker.desk import Desk, Ticket
from explorer.worker.process import Setup, default_library, warm_up
from explorer.worker.protocol import End, Ended, Job, Message, Sink
from explorer.worker.stream import failure, stream

if TYPE_CHECKING:
    from explorer.models.library import Library

DESKS = 4  # ZeroGPU has a queue of its own; each desk waits there for one run
SECONDS_TO_BEGIN = 10
TOKENS_A_SECOND = 5
MOST_SECONDS = 120  # visitors' quotas are a few minutes a day
SPARE_SECONDS = 3  # a run ends by itself before the GPU is taken away from it

Stream = Callable[[Job, str], Iterator[Message]]


def estimate_seconds(job: Job, stop_file: str = "") -> int:
    """For how long a GPU is wanted; takes what the decorated function takes."""
    tokens = job.request.max_new_tokens / TOKENS_A_SECOND
    wanted = SECONDS_TO_BEGIN + min(tokens, job.request.max_seconds)
    return min(MOST_SECONDS, math.ceil(wanted))


def within_the_estimate(job: Job) -> Job:
    """The job with its limit of seconds such that the GPU is not taken away in the middle."""
    most = float(estimate_seconds(job) - SPARE_SECONDS)
    if job.request.max_seconds <= most:
        return job
    limits = job.header.limits | {"max_seconds": most}
    return replace(
        job,
        request=job.request.model_copy(update={"max_seconds": most}),
        header=job.header.model_copy(update={"limits": limits}),
    )


def gpu_decorator() -> Callable[[Stream], Stream]:
    """`spaces.GPU` with the estimate."""
    spaces: Any = importlib.import_module("spaces")
    decorator: Callable[[Stream], Stream] = spaces.GPU(duration=estimate_seconds)
    return decorator


class ZeroWorker(Desk):
    """Runs under `decorate`, which is `spaces.GPU` on a Space."""

    def __init__(
        self,
        sink: Sink,
        *,
        desks: int = DESKS,
        preload: Sequence[str] = (),
        max_queue: int = 32,
        most_bytes: int = 32 * 2**20,
        library: Callable[[], Library] = default_library,
        decorate: Callable[[Stream], Stream] | None = None,
    ) -> None:
        super().__init__(sink, desks, max_queue, most_bytes)
        # Before the models: spaces must be imported before torch touches a GPU.
        decorate = decorate or gpu_decorator()
        models = warm_up(Setup({}, tuple(preload), most_bytes, library))

        def on_gpu(job: Job, stop_file: str) -> Iterator[Message]:
            # The fork has the models by inheritance; only the arguments are pickled.
            yield from stream(job, models, Path(stop_file).exists, most_bytes)

        self._stream = decorate(on_gpu)
        self._folder = Path(tempfile.mkdtemp(prefix="explorer-stop-"))
        self._open()

    def close(self) -> None:
        super().close()
        for file in self._folder.iterdir():
            file.unlink(missing_ok=True)
        self._folder.rmdir()

    def _perform(self, desk: int, ticket: Ticket) -> None:
        stop_file = self._stop_file(ticket)
        try:
            messages = self._stream(within_the_estimate(ticket.job), str(stop_file))
            # In the visitor's context, where spaces looks for whose quota it is.
            while (message := ticket.context.run(next, messages, None)) is not None:
                self._tell(ticket, message)
            if not ticket.feed.ended:
                self._tell(ticket, Ended(End("failed", "The GPU was taken away in the middle.")))
        except Exception as error:
            if ticket.feed.ended:
                raise
            # Errors of gradio, such as a used up quota, carry a sentence for the visitor.
            sentence = getattr(error, "message", None)
            known = isinstance(sentence, str) and sentence
            self._tell(ticket, Ended(End("failed", str(sentence))) if known else failure(error))
        finally:
            stop_file.unlink(missing_ok=True)

    def _cancel_running(self, ticket: Ticket) -> None:
        self._stop_file(ticket).touch()

    def _stop_file(self, ticket: Ticket) -> Path:
        return self._folder / ticket.run_id
