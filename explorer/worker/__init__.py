"""Workers: where models run, and how the rest of the program hears of it.

>>> worker = make_worker(settings(), sink)
>>> job = make_job(method="greedy", prompt="Once upon a time")
>>> worker.submit(job)
>>> for batch in worker.watch(job.run_id): ...

Importing this loads no model and no torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from explorer.settings import Settings
from explorer.worker.process import default_library
from explorer.worker.protocol import (
    Batch,
    End,
    Job,
    QueueFull,
    Sink,
    Status,
    Worker,
)

if TYPE_CHECKING:
    from explorer.models.library import Library

__all__ = [
    "Batch",
    "End",
    "Job",
    "QueueFull",
    "Sink",
    "Status",
    "Worker",
    "default_library",
    "make_job",
    "make_worker",
]


def make_worker(
    settings: Settings, sink: Sink, library: Callable[[], Library] = default_library
) -> Worker:
    """The worker for this machine: on ZeroGPU theirs, else a process for each device.

    `library` makes the models' library where they are; it must be importable there.
    """
    if os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true"):
        from explorer.worker.zero import ZeroWorker

        return ZeroWorker(
            sink,
            preload=_listed(settings.preload),
            max_queue=settings.max_queue,
            most_bytes=settings.max_run_bytes,
            library=library,
        )
    from explorer.worker.local import LocalWorker

    return LocalWorker(
        sink,
        devices=_listed(settings.worker_devices) or (settings.device,),
        environment=settings.as_environment(),
        preload=_listed(settings.preload),
        max_queue=settings.max_queue,
        most_bytes=settings.max_run_bytes,
        library=library,
    )


def make_job(**values: Any) -> Job:
    """A job from what a person asks for, checked as far as it can be without the models.

    Its header can be kept while the job waits; the sink gets the complete one when it begins.

    Raises:
        InputError: whatever is not allowed, in a sentence.
    """
    from explorer.decoding import make_request, new_header

    request, method, params = make_request(**values)
    return Job(request, new_header(request, method, params))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
