"""The library: sessions and runs listed, searched, named, tagged, noted, deleted, brought back."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import Session

from explorer.errors import InputError
from storage import words
from storage.access import Owner, Reader, own, own_sessions, readable, readable_session
from storage.base import Room, as_id
from storage.errors import NotThere
from storage.models import RunModelRow, RunRow, SessionRow, TagRow
from storage.reading import RunInfo, list_infos
from storage.rows import GOING, insert_session, insert_tags, refresh_search

MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as a list shows it; `runs` are those that were not deleted."""

    session_id: str
    title: str
    created: float
    runs: int


@dataclass(frozen=True, slots=True)
class RunPage:
    """One page of a search. `total` counts all pages; `next` is `before` of the following one."""

    runs: list[RunInfo]
    total: int
    next: int | None


@dataclass(frozen=True, slots=True)
class Kinds:
    """Methods, models and tags of some runs, in alphabetical order, each with how many have it."""

    methods: dict[str, int]
    models: dict[str, int]
    tags: dict[str, int]


class Library(Room):
    """What a person does with runs that are there."""

    def runs(
        self,
        reader: Reader,
        *,
        text: str = "",
        method: str | None = None,
        model: str | None = None,
        tag: str | None = None,
        session_id: str | None = None,
        status: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> RunPage:
        """Runs that the reader may see, newest first.

        Args:
            text: words that all have to occur in title, note, tags, method, models, prompt or
                text; upper and lower case are the same.
            method, model, tag, session_id, status: exactly these.
            before: `next` of the page before; None for the first page.
            limit: runs on a page.

        Raises:
            InputError: the search is too long, or `limit` is not from 1 to 200.
        """
        if not 1 <= limit <= MOST_LISTED:
            raise InputError(f"limit = {limit} is not allowed: from 1 to {MOST_LISTED}.")
        wanted: list[ColumnElement[bool]] = [readable(reader)]
        wanted += [RunRow.searched.contains(w, autoescape=True) for w in words.query_words(text)]
        if method is not None:
            wanted.append(RunRow.method == words.storable(method))
        if status is not None:
            wanted.append(RunRow.status == words.storable(status))
        if model is not None:
            used = select(RunModelRow.run).where(RunModelRow.model == words.storable(model))
            wanted.append(RunRow.id.in_(used))
        if tag is not None:
            tagged = select(TagRow.run).where(TagRow.tag == words.storable(tag))
            wanted.append(RunRow.id.in_(tagged))
        if session_id is not None:
            wanted.append(_in_session(session_id))
        with self._db.read() as db:
            # All numbers at once: to count and to cut a page would look through the texts twice.
            found = list(db.scalars(select(RunRow.id).where(*wanted).order_by(RunRow.id.desc())))
            rest = found if before is None else [number for number in found if number < before]
            shown = rest[:limit]
            runs = list_infos(db, shown)
        return RunPage(runs, len(found), shown[-1] if len(rest) > limit else None)

    def kinds(self, reader: Reader, session_id: str | None = None) -> Kinds:
        """What the runs that the reader may see can be narrowed down by."""
        here = [readable(reader)]
        if session_id is not None:
            here.append(_in_session(session_id))
        methods = select(RunRow.method, func.count()).where(*here).group_by(RunRow.method)
        # A model in two roles of a run counts once.
        uses = func.count(RunModelRow.run.distinct())
        models = select(RunModelRow.model, uses).join(RunRow, RunRow.id == RunModelRow.run)
        tags = select(TagRow.tag, func.count()).join(RunRow, RunRow.id == TagRow.run)
        with self._db.read() as db:
            return Kinds(
                _counted(db, methods),
                _counted(db, models.where(*here).group_by(RunModelRow.model)),
                _counted(db, tags.where(*here).group_by(TagRow.tag)),
            )

    # One run -----------------------------------------------------------------------------------

    def rename(self, run_id: str, owner: Owner, title: str) -> None:
        """Give a run another title.

        Raises:
            NotThere: the owner has no such run.
            InputError: the title is empty or too long.
        """
        line = words.title(title)
        with self._db.write() as db:
            run = self._own_run(db, run_id, owner)
            run.title = line
            refresh_search(db, run)

    def set_note(self, run_id: str, owner: Owner, note: str) -> None:
        """Write a note on a run, in place of what was there; empty removes it."""
        text = words.note(note)
        with self._db.write() as db:
            run = self._own_run(db, run_id, owner)
            run.note = text
            refresh_search(db, run)

    def set_tags(self, run_id: str, owner: Owner, tags: Iterable[str]) -> None:
        """Put exactly these tags on a run."""
        wanted = words.distinct_tags(tags)
        with self._db.write() as db:
            run = self._own_run(db, run_id, owner)
            db.execute(delete(TagRow).where(TagRow.run == run.id))
            insert_tags(db, run.id, wanted)
            refresh_search(db, run)

    def move_run(self, run_id: str, owner: Owner, session_id: str) -> None:
        """Put a run into another session of the owner; where it is already, nothing happens.

        Whoever a session is shared with sees what is in it, so a run that is moved is shown to
        others than before. Shares of the run itself stay.

        Raises:
            NotThere: the owner has no such run, or no such session.
        """
        with self._db.write() as db:
            run = self._own_run(db, run_id, owner)
            run.session = self._own_session(db, session_id, owner).id

    def delete_run(self, run_id: str, owner: Owner) -> float:
        """Delete a run; until the moment that is returned, `undo_delete_run` brings it back.

        Raises:
            NotThere: the owner has no such run.
            InputError: it still goes on. To stop it is for whoever runs it; and a run that is
                deleted while events arrive would lose those if it came back.
        """
        with self._db.write() as db:
            run = self._own_run(db, run_id, owner)
            if run.status in GOING:
                raise InputError(f"The run {run_id} is {run.status}: stop it, then delete it.")
            run.gone = time.time() + self._undo_seconds
            until = run.gone
        self.purge()
        return until

    def undo_delete_run(self, run_id: str, owner: Owner) -> None:
        """Bring a deleted run back.

        Raises:
            NotThere: there is none, or the time for it is over.
        """
        with self._db.write() as db:
            back = update(RunRow).where(
                RunRow.run_id == as_id(run_id),
                RunRow.session.in_(own_sessions(owner)),
                RunRow.gone > time.time(),
            )
            if not _changed(db, back.values(gone=None)):
                raise NotThere("run", run_id)

    def _own_run(self, db: Session, run_id: str, owner: Owner) -> RunRow:
        mine = select(RunRow).where(RunRow.run_id == as_id(run_id), own(owner))
        run = db.scalar(mine.with_for_update())
        if run is None:
            raise NotThere("run", run_id)
        return run

    # Sessions ----------------------------------------------------------------------------------

    def create_session(self, owner: Owner, title: str) -> str:
        """A new session; returns its id."""
        line = words.title(title)
        with self._db.write() as db:
            return insert_session(db, owner, line).session_id

    def sessions(self, reader: Reader) -> list[SessionInfo]:
        """The sessions that the reader may see as a whole, newest first."""
        counted = (
            select(func.count())
            .where(RunRow.session == SessionRow.id, RunRow.gone.is_(None))
            .correlate(SessionRow)
            .scalar_subquery()
        )
        columns = select(SessionRow.session_id, SessionRow.title, SessionRow.created, counted)
        with self._db.read() as db:
            rows = db.execute(
                columns.where(readable_session(reader)).order_by(SessionRow.id.desc())
            )
            return [SessionInfo(*row) for row in rows]

    def rename_session(self, session_id: str, owner: Owner, title: str) -> None:
        """Give a session another title."""
        line = words.title(title)
        with self._db.write() as db:
            self._own_session(db, session_id, owner).title = line

    def delete_session(self, session_id: str, owner: Owner) -> float:
        """Delete a session with its runs; returns until when it can be brought back.

        Raises:
            NotThere: the owner has no such session.
            InputError: one of its runs still goes on.
        """
        with self._db.write() as db:
            session = self._own_session(db, session_id, owner)
            going = select(RunRow.run_id).where(
                RunRow.session == session.id, RunRow.status.in_(GOING)
            )
            if run_id := db.scalar(going.limit(1)):
                raise InputError(
                    f"The run {run_id} of this session still goes on: stop it, then delete it."
                )
            session.gone = time.time() + self._undo_seconds
            until = session.gone
        self.purge()
        return until

    def undo_delete_session(self, session_id: str, owner: Owner) -> None:
        """Bring a deleted session back, with the runs that it had.

        Raises:
            NotThere: there is none, or the time for it is over.
        """
        with self._db.write() as db:
            back = update(SessionRow).where(
                SessionRow.session_id == as_id(session_id),
                SessionRow.owner == owner.number,
                SessionRow.gone > time.time(),
            )
            if not _changed(db, back.values(gone=None)):
                raise NotThere("session", session_id)

    def _own_session(self, db: Session, session_id: str, owner: Owner) -> SessionRow:
        mine = select(SessionRow).where(SessionRow.id.in_(own_sessions(owner)))
        session = db.scalar(mine.where(SessionRow.session_id == as_id(session_id)))
        if session is None:
            raise NotThere("session", session_id)
        return session

    # What cannot be brought back ---------------------------------------------------------------

    def purge(self) -> None:
        """Remove for good what was deleted and whose time is over.

        One run a transaction, so that runs that stream do not wait long.
        """
        now = time.time()
        with self._db.read() as db:
            over = select(SessionRow.id).where(SessionRow.gone <= now)
            sessions = list(db.scalars(over))
            runs = list(
                db.scalars(select(RunRow.id).where((RunRow.gone <= now) | RunRow.session.in_(over)))
            )
        for number in runs:
            with self._db.write() as db:
                db.execute(delete(RunRow).where(RunRow.id == number))
        for number in sessions:
            with self._db.write() as db:
                db.execute(delete(SessionRow).where(SessionRow.id == number))


def _in_session(session_id: str) -> ColumnElement[bool]:
    named = select(SessionRow.id).where(SessionRow.session_id == as_id(session_id))
    return RunRow.session.in_(named)


def _counted(db: Session, rows: Select[str, int]) -> dict[str, int]:
    return dict(sorted((name, count) for name, count in db.execute(rows)))


def _changed(db: Session, statement: Any) -> bool:
    result: Any = db.execute(statement)
    return bool(result.rowcount)
