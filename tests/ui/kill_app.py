"""The app without its page, to be killed (see test_kill): store, worker process and service.

Run as a script: for each line with a data folder and a port on standard input it forks a web
process, which opens the app on that folder and answers wishes at that port, line by line. Forking
saves the seconds that importing takes; the tests' own process cannot do it, as it may have threads.
The worker's processes are spawned, as ever.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from explorer.models.library import Library
from explorer.models.table import TableLM
from storage.living import Presence

TOKEN = "k" * 40
STEP_SECONDS = 0.005
LIVING, TOLD = "workers", "told"


class Told(TableLM):
    """A table that never ends a text, and writes down when it was asked for which token.

    What is written is true whatever is killed: it comes from where events are made, and before
    they are handed on.
    """

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        self.eos_ids = frozenset()
        self.context_length = 10_000
        self._told = path and os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def logits(self, prefix):
        if self._told is not None and tuple(prefix) not in self._known:
            os.write(self._told, f"{len(prefix)} {time.monotonic()}\n".encode())
            time.sleep(STEP_SECONDS)
        return super().logits(prefix)


class Shelf(Library):
    """Inside the worker's process: every model is such a table. A locked file tells that it lives.

    The folder comes with the environment, as everything that a worker's process is told at first.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(os.environ["EXPLORER_DATA_FOLDER"])
        self._presence = Presence(self._folder / LIVING)

    def get(self, model_id, **where):
        return Told(self._folder / TOLD)


def answer_until_killed(folder: Path, port: int) -> None:
    from explorer.settings import Settings
    from explorer.ui.service import Service, Visitor

    service = Service(Settings(data_folder=folder, preload=""), library=Shelf)
    wishes = socket.create_connection(("127.0.0.1", port)).makefile("rw")
    print(json.dumps({"web": os.getpid()}), file=wishes, flush=True)
    for line in wishes:
        told = {"run": service.start(Visitor(TOKEN), json.loads(line))}
        told["worker"] = service.worker.pids[0]
        print(json.dumps(told), file=wishes, flush=True)


if __name__ == "__main__":
    import explorer.ui.service  # noqa: F401  (once, for all that are forked)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave nothing behind
    for line in sys.stdin:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            folder, port = json.loads(line)
            answer_until_killed(Path(folder), port)
            os._exit(0)
