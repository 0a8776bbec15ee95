"""The engine: connections, transactions, migrations.

Transactions are short. Readers never wait (write-ahead log). Writers of one process queue up at a
lock, so that they take turns at once instead of polling the database; writers of other processes
(the command line beside the app) wait for each other by `busy_timeout`.

A transaction that was committed survives the death of the process. After a power cut the last
moments may be missing (`synchronous=NORMAL`), the database is whole.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from storage.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
WAIT_MS = 5000
MIGRATING = threading.Lock()  # alembic keeps what it is about in its modules
PRAGMAS = {
    "busy_timeout": str(WAIT_MS),  # first: the next one may have to wait
    "journal_mode": "WAL",
    "foreign_keys": "ON",
    "synchronous": "NORMAL",
}


class Database:
    """Where the rows are; brought to the newest form when it is opened.

    Args:
        url: of SQLAlchemy's kind, "sqlite:////folder/file.sqlite" or "postgresql+psycopg://…".
        folder: the data folder, made if it is not there.

    Raises:
        StoreError: it cannot be opened, or a newer version of this package wrote it.
    """

    def __init__(self, url: str | URL, folder: Path) -> None:
        self._place = _parsed(url)
        self._turn = threading.Lock()
        with self._sentences():
            # Other people's texts: for this user of the machine alone.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._migrate()
            self._engine = self._new_engine()
        self._writing_engine = self._engine.execution_options(writes=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one moment of the database and changes nothing."""
        with self._sentences(), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that changes something: all of it or nothing."""
        with self._sentences(), self._turn, Session(self._writing_engine) as session:
            session.connection()  # begins
            yield session
            session.commit()

    def close(self) -> None:
        self._engine.dispose()

    # Connections -------------------------------------------------------------------------------

    def _new_engine(self, pragmas: dict[str, str] = PRAGMAS, **options: Any) -> Engine:
        if self._place.get_backend_name() != "sqlite":
            return create_engine(self._place, **options)
        engine = create_engine(self._place, connect_args={"timeout": WAIT_MS / 1000}, **options)

        @event.listens_for(engine, "connect")
        def connect(connection: Any, record: object) -> None:
            connection.isolation_level = None  # transactions begin where `begin` says, not sooner
            for name, value in pragmas.items():
                connection.execute(f"PRAGMA {name}={value}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # A writer that began as a reader could find that somebody else wrote meanwhile.
            writes = connection.get_execution_options().get("writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def _migrate(self) -> None:
        # To change a table is to copy it and drop the old one, which must not drop what refers to
        # it; so foreign keys rest, and are checked afterwards.
        engine = self._new_engine(PRAGMAS | {"foreign_keys": "OFF"}, poolclass=NullPool)
        with MIGRATING, engine.execution_options(writes=True).begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError:
                raise StoreError(
                    f"{self} was written by a newer version of this program: install that one, "
                    "or set another data folder."
                ) from None
            if self._file() and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise StoreError(f"A migration would have broken {self}; it is as it was before.")

    def _file(self) -> Path | None:
        if self._place.get_backend_name() != "sqlite" or not self._place.database:
            return None
        return Path(self._place.database)

    # Errors ------------------------------------------------------------------------------------

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """What a database says, as a sentence that tells neither statements nor passwords."""
        try:
            yield
        except (DBAPIError, OSError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error.strerror
            first = re.split(r"[\n.]", str(cause))[0]
            raise StoreError(f"{self} cannot be used: {first}.") from error

    def __str__(self) -> str:
        shown = self._file() or self._place.render_as_string(hide_password=True)
        return f"The database {shown}"


def _parsed(url: str | URL) -> URL:
    try:
        place = make_url(url)
        place.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        # The address itself may hold a password, so it is not repeated.
        raise StoreError(
            "database_url is no address of a database: write it as "
            "sqlite:////folder/file.sqlite or postgresql+psycopg://user:password@host/name."
        ) from None
    return place
