"""Which processes still live: a locked file for each, released by the system when it dies.

A process number alone would not do: numbers are used again, and a killed process cannot say
goodbye. A lock ends with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


class Presence:
    """This process, for as long as it lives or until `leave`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        while True:
            self.name = secrets.token_hex(8)
            self._path = folder / self.name
            self._file = self._path.open("wb")
            # Whoever tidies up may have removed the file before it was locked: try another.
            if _try_lock(self._file) and self._path.exists():
                break
            self._file.close()

    def leave(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def dead(self, names: set[str]) -> set[str]:
        """Those of `names` whose process does not live any more."""
        return {name for name in names if name != self.name and not self._lives(name)}

    def tidy(self) -> None:
        """Remove what dead processes left."""
        for path in self._folder.iterdir():
            if path == self._path:
                continue
            # Removed while it is locked: a process that is just arriving sees that it is gone.
            with contextlib.suppress(OSError), path.open("rb+") as file:
                if _try_lock(file):
                    path.unlink()

    def _lives(self, name: str) -> bool:
        try:
            with (self._folder / name).open("rb+") as file:
                return not _try_lock(file)
        except OSError:
            return False
