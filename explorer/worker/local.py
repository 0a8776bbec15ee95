"""The worker of one machine: a process for each device, one run at a time in each."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING

from explorer.worker.desk import Desk, Ticket
from explorer.worker.process import Cancel, Setup, WorkerProcess, default_library
from explorer.worker.protocol import End, Ended, Sink, Started

if TYPE_CHECKING:
    from explorer.models.library import Library

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 30.0  # for the step at hand, once a run has been told to end


class LocalWorker(Desk):
    """Spawned processes that are restarted when they die.

    A spawned process imports the main script anew: what that does belongs under
    `if __name__ == "__main__"`, and heavy imports with it.

    Args:
        sink: who keeps the runs.
        devices: one process for each; as in the setting `device`.
        environment: variables for the processes, beside this process' own.
        preload: ids of models that are loaded at the start.
        max_queue: runs that may wait.
        most_bytes: packed events that one run may have.
        patience_seconds: how long a step may go on after its run should have ended; then the
            process is ended with it.
        library: makes the models' library, inside the processes; must be importable there.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        devices: Sequence[str] = ("auto",),
        environment: dict[str, str] | None = None,
        preload: Sequence[str] = (),
        max_queue: int = 32,
        most_bytes: int = 32 * 2**20,
        patience_seconds: float = PATIENCE_SECONDS,
        library: Callable[[], Library] = default_library,
    ) -> None:
        super().__init__(sink, len(devices), max_queue, most_bytes)
        self._patience = patience_seconds
        self._setups = [
            Setup(
                (environment or {}) | {"EXPLORER_DEVICE": device},
                tuple(preload),
                most_bytes,
                library,
            )
            for device in devices
        ]
        # Begun at once: they import and load while the page is being built.
        self._processes = [self._start(desk) for desk in range(len(devices))]
        self._open()

    @property
    def pids(self) -> list[int | None]:
        """The processes' ids, by device."""
        return [process.pid for process in self._processes]

    def close(self) -> None:
        super().close()
        for process in self._processes:
            process.end()

    def _abandon(self) -> None:
        for process in self._processes:
            process.kill("The program was closed.")

    def _start(self, desk: int) -> WorkerProcess:
        return WorkerProcess(f"explorer-worker-{desk}", self._setups[desk])

    def _idle(self, desk: int) -> None:
        process = self._processes[desk]
        try:
            process.receive(0.0)
        except EOFError:
            # One that never became ready would die again and again; the next job tries anew.
            if process.was_ready:
                code = process.end()
                log.warning("An idle worker process ended (%s) and is started again.", code)
                self._processes[desk] = self._start(desk)

    def _perform(self, desk: int, ticket: Ticket) -> None:
        if not self._processes[desk].is_alive():
            self._processes[desk].end()
            self._processes[desk] = self._start(desk)
        process = self._processes[desk]
        try:
            process.send(ticket.job)
            if ticket.cancelled.is_set():
                # The wish may have gone to the process before this one.
                process.send(Cancel(ticket.run_id))
            self._listen(process, ticket)
        except (EOFError, OSError):
            code = process.end()
            log.warning("The worker process ended in run %s (%s).", ticket.run_id, code)
            stopped = ticket.cancelled.is_set() and process.killed_because
            self._tell(ticket, Ended(End("stopped" if stopped else "failed", _why(process, code))))
            if process.was_ready and not self._closed:
                self._processes[desk] = self._start(desk)

    def _listen(self, process: WorkerProcess, ticket: Ticket) -> None:
        """Hand on what comes out of the process, until the run is over.

        Raises:
            EOFError: the process is gone.
        """
        deadline = inf
        while True:
            message = process.receive(POLL_SECONDS)
            if message is not None:
                self._tell(ticket, message)
            if isinstance(message, Ended):
                return
            if isinstance(message, Started):
                seconds = ticket.job.request.max_seconds
                deadline = min(deadline, time.monotonic() + seconds + self._patience)
            if ticket.cancelled.is_set():
                deadline = min(deadline, time.monotonic() + self._patience)
            if time.monotonic() > deadline:
                process.kill(f"A step went on for {self._patience:g} s after the run's end.")

    def _cancel_running(self, ticket: Ticket) -> None:
        try:
            self._processes[ticket.desk].send(Cancel(ticket.run_id))
        except OSError:
            log.info("Run %s was cancelled as its process ended.", ticket.run_id)


def _why(process: WorkerProcess, code: int | None) -> str:
    kept = "What had happened until then is kept."
    if process.killed_because:
        return f"{process.killed_because} {kept}"
    if not process.was_ready:
        return f"The process for the models could not start (exit code {code}); its log tells why."
    hint = " Perhaps memory ran out." if code == -signal.SIGKILL else ""
    return f"The process that made the run ended in the middle (exit code {code}).{hint} {kept}"
