"""A session as one JSON file, out and in."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from explorer.trace.trace import EVENTS
from storage.access import Owner, Reader, readable, readable_session
from storage.base import Room, as_id, new_id
from storage.codec import pack_header
from storage.errors import NotThere
from storage.foreign import SESSION_FORMAT, SESSION_KEY, read_session
from storage.library import insert_tags
from storage.models import RunRow, SessionRow
from storage.reading import Reading
from storage.recording import (
    figures_of,
    insert_chunks,
    insert_run,
    insert_session,
    pack_all,
    refresh_search,
    text_of,
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: the new session, and the new id of each run by the one it had."""

    session_id: str
    run_ids: list[tuple[str, str]]


class Transfer(Reading, Room):
    """Sessions that leave this database, and those that come."""

    def export_session(self, session_id: str, reader: Reader) -> Iterator[str]:
        """A session as one JSON document, in pieces of one run: join them or write them out.

        Raises:
            NotThere: there is no such session for this reader. At once, not with the first piece.
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
        return self._pieces(session.title, run_ids, reader)

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
        session = read_session(source, self._most_bytes)
        packed = [(run, pack_all(run.trace.events)) for run in session.runs]
        run_ids = []
        with self._db.write() as db:
            row = insert_session(db, owner, session.title)
            for run, chunks in packed:
                header = run.trace.header
                if db.scalar(select(RunRow.id).where(RunRow.run_id == header.run_id)):
                    header = header.model_copy(update={"run_id": new_id()})
                run_ids.append((run.trace.run_id, header.run_id))
                made = insert_run(
                    db,
                    row.id,
                    header,
                    pack_header(header),
                    run.status,
                    title=run.title,
                    note=run.note,
                    text=text_of(run.trace.done),
                    figures=figures_of(run.trace.done),
                    events=len(run.trace.events),
                )
                insert_tags(db, made.id, run.tags)
                insert_chunks(db, made.id, chunks)
                refresh_search(db, made)
            return Imported(row.session_id, run_ids)
