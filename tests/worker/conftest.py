"""Workers of both kinds, shared by all tests: starting a process takes seconds."""

from __future__ import annotations

import pytest
from worker_models import Shelf
from worker_tools import QUEUE, Memory, local_worker

from explorer.worker.zero import ZeroWorker


@pytest.fixture(scope="session")
def memory():
    return Memory()


@pytest.fixture(scope="session")
def local(memory):
    """A worker with a process."""
    worker = local_worker(memory)
    yield worker
    worker.close()


@pytest.fixture(scope="session")
def zero(memory):
    """The worker for ZeroGPU, without the decorator."""
    worker = ZeroWorker(
        memory, desks=1, max_queue=QUEUE, library=Shelf, decorate=lambda stream: stream
    )
    yield worker
    worker.close()


@pytest.fixture(params=["local", "zero"])
def worker(request):
    return request.getfixturevalue(request.param)
