"""Writing runs: made, streamed into, finished; and what is left of a process that died."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from explorer.errors import InputError
from explorer.trace import AnyEvent, DoneEvent, Header, Trace
from storage import words
from storage.access import Owner
from storage.base import Room, as_id, read_chunks
from storage.codec import Chunk, pack, pack_header, unpack
from storage.errors import NotThere
from storage.models import ChunkRow, RunModelRow, RunRow, SessionRow
from storage.rows import (
    ENDED,
    GOING,
    Status,
    figures_of,
    insert_chunk,
    insert_chunks,
    insert_models,
    insert_run,
    insert_session,
    pack_all,
    refresh_search,
    status_of,
    text_of,
)

FIRST_SESSION = "My runs"
BROKE_OFF = "The program ended in the middle of the run. What had happened until then is kept."
NEVER_BEGAN = "The program ended before the run began."


class Recording(Room):
    """What the process that runs a method does. It is trusted: ids alone are enough here."""

    def create_run(
        self,
        header: Header,
        owner: Owner,
        session_id: str | None = None,
        status: Literal["queued", "running"] = "queued",
    ) -> str:
        """A new run without events, in a session of the owner (by default the first one).

        Returns the run's id, which is the header's.

        Raises:
            InputError: there is a run of that id already.
            NotThere: the owner has no such session.
        """
        with self._db.write() as db:
            session = self._session_number(db, owner, session_id)
            if db.scalar(select(RunRow.id).where(RunRow.run_id == header.run_id)):
                raise InputError(f"There is a run {header.run_id} already.")
            insert_run(db, session, header, status, writer=self._presence.name)
        return header.run_id

    def start(self, run_id: str, header: Header | None = None) -> None:
        """A queued run begins; `header` replaces the one it was queued with.

        What is known only now (the prompt's token ids, versions, threads) may differ in it.

        Raises:
            NotThere: there is no such run.
            InputError: the run has ended, or the header is another run's.
        """
        if header is not None and header.run_id != run_id:
            raise InputError(f"The header is of run {header.run_id}, not of {run_id}.")
        packed = pack_header(header) if header else b""
        with self._db.write() as db:
            run = self._going(db, run_id)
            run.status = "running"
            if header:
                run.header = packed
                db.execute(delete(RunModelRow).where(RunModelRow.run == run.id))
                insert_models(db, run.id, header)
                refresh_search(db, run)

    def append(self, run_id: str, seq: int, events: Sequence[AnyEvent]) -> int:
        """Keep more events of a run; `seq` is how many were kept before. Returns how many are now.

        They are safe from the death of this process once this returns.

        Raises:
            NotThere: there is no such run.
            InputError: the run has ended, or events are missing or came twice.
        """
        chunk = pack(events)
        with self._db.write() as db:
            run = self._going(db, run_id)
            if seq != run.events:
                raise InputError(
                    f"The run {run_id} has {run.events} events; they cannot go on at {seq}."
                )
            if events:
                insert_chunk(db, run.id, seq, chunk)
                run.events = seq + len(events)
            run.status = "running"
        return seq + len(events)

    def finish(self, run_id: str, status: Status | None = None, sentence: str = "") -> None:
        """A run has ended. By default its last event tells how; without an end it failed.

        `sentence` tells a person why, where that is not plain from the events. A run that has
        ended already stays as it is: a stop and the natural end may cross.

        Raises:
            NotThere: there is no such run.
        """
        with self._db.write() as db:
            run = self._run(db, run_id)
            if run.status in ENDED:
                return
            self._end(db, run, status, sentence)
            number = run.id
        self._repack(number)

    def keep(self, trace: Trace, owner: Owner, session_id: str | None = None) -> str:
        """A whole run at once, as the command line makes them. Returns its id."""
        self.create_run(trace.header, owner, session_id)
        self.append(trace.run_id, 0, trace.events)
        self.finish(trace.run_id)
        return trace.run_id

    def end_orphans(self) -> list[str]:
        """End the runs whose process died, as far as they came. Returns their ids.

        Called when the store opens; a process that lives keeps its runs.
        """
        ended = []
        with self._db.write() as db:
            going = list(db.scalars(select(RunRow).where(RunRow.status.in_(GOING))))
            dead = self._presence.dead({run.writer or "" for run in going})
            for run in going:
                if (run.writer or "") in dead:
                    self._end(db, run, None, self._cut_off(db, run))
                    ended.append(run.run_id)
        self._presence.tidy()
        return ended

    # Inside ------------------------------------------------------------------------------------

    def _run(self, db: Session, run_id: str) -> RunRow:
        run = db.scalar(select(RunRow).where(RunRow.run_id == as_id(run_id)).with_for_update())
        if run is None:
            raise NotThere("run", run_id)
        return run

    def _going(self, db: Session, run_id: str) -> RunRow:
        run = self._run(db, run_id)
        if run.status not in GOING:
            raise InputError(f"The run {run_id} is {run.status}: nothing can be added to it.")
        return run

    def _end(self, db: Session, run: RunRow, status: Status | None, sentence: str) -> None:
        done = self._done(db, run.id)
        run.status = status or status_of(done)
        run.sentence = words.sentence_of(sentence)
        run.writer = None
        run.text = text_of(done)
        run.figures = figures_of(done)
        refresh_search(db, run)

    def _cut_off(self, db: Session, run: RunRow) -> str:
        """What is to be said of a run whose process died."""
        if run.status == "queued":
            return NEVER_BEGAN
        return "" if self._done(db, run.id) else BROKE_OFF

    def _done(self, db: Session, number: int) -> DoneEvent | None:
        newest = select(ChunkRow).where(ChunkRow.run == number).order_by(ChunkRow.seq.desc())
        row = db.scalar(newest.limit(1))
        last = unpack(Chunk(row.length, row.body, row.columns))[-1] if row else None
        return last if isinstance(last, DoneEvent) else None

    def _repack(self, number: int) -> None:
        """Many small chunks as few large ones: about a third smaller, and quicker to read."""
        with self._db.read() as db:
            chunks = read_chunks(db, number)
        if len(chunks) < 2:
            return
        events = [event for chunk in chunks for event in unpack(chunk)]
        packed = pack_all(events)
        with self._db.write() as db:
            db.execute(delete(ChunkRow).where(ChunkRow.run == number))
            insert_chunks(db, number, packed)

    def _session_number(self, db: Session, owner: Owner, session_id: str | None) -> int:
        mine = select(SessionRow.id).where(SessionRow.owner == owner.number)
        mine = mine.where(SessionRow.gone.is_(None))
        if session_id is not None:
            number = db.scalar(mine.where(SessionRow.session_id == as_id(session_id)))
            if number is None:
                raise NotThere("session", session_id)
            return number
        first = db.scalar(mine.order_by(SessionRow.id).limit(1))
        return first or insert_session(db, owner, FIRST_SESSION).id
