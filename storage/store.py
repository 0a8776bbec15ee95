"""The store: where runs are kept, found and given back."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL

from explorer.settings import Settings, settings
from storage.database import Database
from storage.living import Presence
from storage.recording import Recording
from storage.sharing import Sharing
from storage.transfer import Transfer

FILE = "explorer.sqlite"


class Store(Recording, Sharing, Transfer):
    """Everything that is kept, behind one object that any thread may use.

    Writing (`create_run`, `append`, `finish`) is for the process that runs methods and goes by run
    id alone. Everything that reads or changes what a person has takes a `Reader` (an `Owner` or
    somebody `Shared`) or an `Owner`; whoever may not gets `NotThere`, the same as for what does
    not exist.

    Several processes may use one SQLite file at a time (the app and the command line). With
    another database, one process only: whether a run's process lives is told by a locked file in
    the data folder. PostgreSQL is meant to work and not tested here.

    Args:
        folder: the data folder.
        url: of the database; a file in the data folder if None.
        undo_seconds: how long a deletion can be undone.
        most_bytes: the largest file that is imported.

    Raises:
        StoreError: the database cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        url: str | None = None,
        *,
        undo_seconds: float = 600.0,
        most_bytes: int = 64 * 2**20,
    ) -> None:
        self._undo_seconds = undo_seconds
        self._most_bytes = most_bytes
        self._db = Database(url or URL.create("sqlite", database=str(folder / FILE)), folder)
        self._presence = Presence(folder / "living")
        self.end_orphans()
        self.purge()

    def close(self) -> None:
        """Give back connections; runs that this process still keeps count as broken off."""
        self._db.close()
        self._presence.leave()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(chosen: Settings | None = None) -> Store:
    """The store that the settings name."""
    chosen = chosen or settings()
    return Store(
        chosen.data_folder,
        chosen.database_url.get_secret_value() if chosen.database_url else None,
        undo_seconds=chosen.undo_seconds,
        most_bytes=chosen.max_trace_bytes,
    )
