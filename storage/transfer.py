"""A session as one JSON file, out and in."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from explorer.errors import InputError
from explorer.trace.trace import EVENTS
from storage.access import Owner, Reader, own, readable, readable_session
from storage.base import as_id, new_id
from storage.errors import NotThere
from storage.foreign import MOST_RUNS, SESSION_FORMAT, SESSION_KEY
from storage.incoming import PackedRun, pack_session
from storage.library import Library
from storage.models import RunRow, SessionRow
from storage.reading import Reading
from storage.rows import (
    insert_chunks,
    insert_run,
    insert_session,
)

ALL_RUNS = "All runs"
REST_SECONDS = 0.001  # between transactions: whoever waits to write would get no turn otherwise
MOST_IMPORT_SECONDS = 3600.0  # after which an import that did not end has died


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: the new session, and the new id of each run by the one it had."""

    session_id: str
    run_ids: list[tuple[str, str]]


class Transfer(Reading, Library):
    """Sessions that leave this database, and those that come."""

    def export_session(self, session_id: str, reader: Reader) -> Iterator[str]:
        """A session as one JSON document, in pieces of one run: join them or write them out.

        Raises:
            NotThere: there is no such session for this reader. At once, not with the first piece.
            InputError: the file could not be imported again. At once if it has too many runs; with
                the piece that makes it too large otherwise.
        """
        named = SessionRow.session_id == as_id(session_id)
        with self._db.read() as db:
            session = db.execute(
                select(SessionRow.id, SessionRow.title).where(named, readable_session(reader))
            ).one_or_none()
            if session is None:
                raise NotThere("session", session_id)
            runs = select(RunRow.run_id).where(RunRow.session == session.id, readable(reader))
            run_ids = list(db.scalars(runs.order_by(RunRow.id)))
        return self._document(session.title, run_ids, reader)

    def export_all(self, owner: Owner) -> Iterator[str]:
        """All runs of an owner, of whichever session, as one session; see `export_session`."""
        with self._db.read() as db:
            run_ids = list(db.scalars(select(RunRow.run_id).where(own(owner)).order_by(RunRow.id)))
        return self._document(ALL_RUNS, run_ids, owner)

    def _document(self, title: str, run_ids: list[str], reader: Reader) -> Iterator[str]:
        if len(run_ids) > MOST_RUNS:
            raise InputError(
                f"These are {len(run_ids):,} runs; a file that can be imported again has at most "
                f"{MOST_RUNS:,}: export a session or a run by itself."
            )
        return self._bounded(self._pieces(title, run_ids, reader))

    def _bounded(self, pieces: Iterator[str]) -> Iterator[str]:
        size = 0
        for piece in pieces:
            size += len(piece.encode())
            if size > self._most_bytes:
                raise InputError(
                    f"These runs take more than {self._most_bytes / 2**20:g} MiB, the largest file "
                    "that can be imported again: export a session or a run by itself."
                )
            yield piece

    def _pieces(self, title: str, run_ids: list[str], reader: Reader) -> Iterator[str]:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        head = {SESSION_KEY: SESSION_FORMAT, "title": title, "exported": now}
        yield json.dumps(head, ensure_ascii=False)[:-1] + ', "runs": ['
        comma = ""
        for run_id in run_ids:
            try:
                info, trace = self.run(run_id, reader), self.trace(run_id, reader)
            except NotThere:
                continue  # deleted since the export began
            about = {
                "title": info.title,
                "note": info.note,
                "tags": info.tags,
                "status": info.status,
                "sentence": info.sentence,
                "header": trace.header.model_dump(mode="json"),
            }
            # Written by pydantic, for which what is no number is null: JSON knows no other way.
            events = EVENTS.dump_json(trace.events).decode()
            piece = json.dumps(about, ensure_ascii=False)
            yield f'{comma}\n{piece[:-1]}, "events": {events}}}'
            comma = ","
        yield "\n]}\n"

    def import_session(self, source: Path | bytes, owner: Owner) -> Imported:
        """A new session out of an exported file (or a file with one trace): all of it or nothing.

        A run whose id exists already gets a new one.

        Raises:
            TraceError: the file is too large, damaged or of another format.
        """
        file = pack_session(source, self._most_bytes)
        # One run a transaction, so that runs that stream hardly wait; until the last one
        # the session counts as deleted, so nobody sees a half, and a dead process leaves none.
        with self._db.write() as db:
            session = insert_session(db, owner, file.title, gone=time.time() + MOST_IMPORT_SECONDS)
            number, session_id = session.id, session.session_id
        run_ids: list[tuple[str, str]] = []
        try:
            for run in file.runs:
                with self._db.write() as db:
                    run_ids.append((run.header.run_id, _insert(db, number, run, dict(run_ids))))
                time.sleep(REST_SECONDS)
            self._stays(number, gone=None)
        except BaseException:
            self._stays(number, gone=0.0)
            self.purge()
            raise
        return Imported(session_id, run_ids)

    def _stays(self, number: int, gone: float | None) -> None:
        with self._db.write() as db:
            db.execute(update(SessionRow).where(SessionRow.id == number).values(gone=gone))


def _insert(db: Session, session: int, run: PackedRun, known: dict[str, str]) -> str:
    """A run of a file as rows; returns the id that it has here.

    `known` has the ids of the file's runs before it: a branch stays a branch of its own family.
    """
    header = run.header
    header = header.model_copy(update={"parent": known.get(header.parent, "")})
    if db.scalar(select(RunRow.id).where(RunRow.run_id == header.run_id)):
        header = header.model_copy(update={"run_id": new_id()})
    row = insert_run(
        db,
        session,
        header,
        run.status,
        title=run.title,
        note=run.note,
        tags=run.tags,
        sentence=run.sentence,
        text=run.text,
        figures=run.figures,
        events=run.events,
    )
    insert_chunks(db, row.id, run.chunks)
    return header.run_id
