"""The process that holds models and makes runs: what happens inside it, and its handle outside.

The two sides talk through two pipes. Commands go in (a job, a run to cancel), messages come out.
When the side that asks dies, the pipe of commands ends and the process leaves at once; when this
process dies, the pipe of messages ends behind the last one sent.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TYPE_CHECKING

from explorer.errors import ExplorerError
from explorer.worker.protocol import Job, Message
from explorer.worker.stream import stream

if TYPE_CHECKING:
    from explorer.models.library import Library

log = logging.getLogger(__name__)

LEAVING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process is told at its start. `library` is called in there, so torch stays there."""

    environment: Mapping[str, str]
    preload: tuple[str, ...]
    most_bytes: int
    library: Callable[[], Library]


@dataclass(frozen=True, slots=True)
class Cancel:
    run_id: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The process is up, and the models to be preloaded are."""


def default_library() -> Library:
    from explorer.models.library import Library

    return Library()


# Inside ------------------------------------------------------------------------------------------


def serve(commands: Connection, messages: Connection, setup: Setup) -> None:
    """Make runs until the pipe of commands ends."""
    # Ctrl-C reaches the whole group; the other side decides what becomes of a run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(setup.environment)
    jobs: SimpleQueue[Job] = SimpleQueue()
    cancelled: set[str] = set()
    threading.Thread(target=_listen, args=(commands, jobs, cancelled), daemon=True).start()
    library = warm_up(setup)
    try:
        messages.send(Ready())
        with ThreadPoolExecutor(1, thread_name_prefix="run") as compute:
            while True:
                job = jobs.get()
                stop = _has(cancelled, job.run_id)
                for message in stream(job, library, stop, setup.most_bytes, compute):
                    messages.send(message)
                cancelled.discard(job.run_id)
    except BrokenPipeError:
        return


def _listen(commands: Connection, jobs: SimpleQueue[Job], cancelled: set[str]) -> None:
    while True:
        try:
            command = commands.recv()
        except (EOFError, OSError):
            # Nobody is there to hear of the run that may still go on.
            os._exit(0)
        if isinstance(command, Cancel):
            cancelled.add(command.run_id)
        else:
            jobs.put(command)


def _has(cancelled: set[str], run_id: str) -> Callable[[], bool]:
    return lambda: run_id in cancelled


def warm_up(setup: Setup) -> Library:
    """Import, load and compute what the first run would otherwise wait for."""
    import explorer.decoding  # noqa: F401  (what every run imports)
    from explorer.registry import all_methods

    all_methods()
    library = setup.library()
    for model_id in setup.preload:
        try:
            library.get(model_id)
        except ExplorerError as error:
            log.warning("The model %s was not preloaded: %s", model_id, error)
    return library


# Outside -----------------------------------------------------------------------------------------


class WorkerProcess:
    """A spawned process and the two pipes to it. `send` may be called from any thread."""

    def __init__(self, name: str, setup: Setup) -> None:
        # Spawned, not forked: a fork of a process with threads, or with CUDA, is a broken one.
        context = multiprocessing.get_context("spawn")
        commands, self._commands = context.Pipe(duplex=False)
        self._messages, messages = context.Pipe(duplex=False)
        self._sending = threading.Lock()
        self._process = context.Process(
            target=serve, args=(commands, messages, setup), name=name, daemon=True
        )
        self._process.start()
        # With these copies open the pipes would never end.
        commands.close()
        messages.close()
        self.was_ready = False
        self.killed_because = ""

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def send(self, command: Job | Cancel) -> None:
        """Raises OSError: the process is gone."""
        with self._sending:
            self._commands.send(command)

    def receive(self, seconds: float) -> Message | None:
        """The next message of the run; None if there was none for so long.

        Raises:
            EOFError: the process is gone, and all it sent has been received.
        """
        end = time.monotonic() + seconds
        try:
            while self._messages.poll(max(0.0, end - time.monotonic())):
                message: Message | Ready = self._messages.recv()
                if not isinstance(message, Ready):
                    return message
                self.was_ready = True
            if not self.is_alive() and not self._messages.poll():
                raise EOFError
        except OSError:
            raise EOFError from None
        return None

    def kill(self, because: str) -> None:
        """End it at once; what it has sent can still be received."""
        self.killed_because = because
        self._process.kill()

    def end(self) -> int | None:
        """Make sure that it is gone; how it went (a signal's number is negative)."""
        with self._sending:
            self._commands.close()
        self._process.join(LEAVING_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._messages.close()
        return self._process.exitcode
