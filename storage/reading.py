"""Reading runs back: by their owner, or by whoever has a share id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from explorer.trace import AnyEvent, Header, Trace
from storage.access import Reader, readable
from storage.base import Room, as_id, read_chunks
from storage.codec import unpack, unpack_header
from storage.errors import NotThere
from storage.models import RunModelRow, RunRow, SessionRow, TagRow
from storage.rows import ENDED

MOST_FAMILY = 200  # branches of one family that are shown
PREVIEW = 200  # characters of prompt and text in a list
FAMILY_PREVIEW = 4000  # and in a family, where only what is new of a text is shown

_SEEN = select(RunRow.id, RunRow.run_id, RunRow.parent)
_LISTED = (
    RunRow.id,
    RunRow.run_id,
    SessionRow.session_id,
    RunRow.title,
    RunRow.note,
    RunRow.method,
    RunRow.status,
    RunRow.created,
    RunRow.events,
    RunRow.figures,
    RunRow.prompt,
    RunRow.text,
    RunRow.sentence,
    RunRow.parent,
)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as a list shows it. All text in it is data that anybody may have written.

    `created` is in seconds since 1970; `prompt` and `text` are cut to `PREVIEW` characters;
    `figures` are the totals of the last event (steps, tokens, nodes, passes, rows, seconds) and
    its finish reason, empty while the run goes on or where it broke off; `sentence` tells how the
    run ended, where its events alone do not; `parent` is the run it branched from.
    """

    run_id: str
    session_id: str
    title: str
    note: str
    tags: tuple[str, ...]
    method: str
    models: dict[str, str]
    status: str
    created: float
    events: int
    prompt: str
    text: str
    figures: dict[str, Any]
    sentence: str
    parent: str | None

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class NewEvents(NamedTuple):
    """Events that a watcher had not seen; `seq` is what to ask for next."""

    events: list[AnyEvent]
    seq: int
    status: str


class Reading(Room):
    """What a page, a comparison or an export reads. Others than the reader get one sentence."""

    def trace(self, run_id: str, reader: Reader) -> Trace:
        """A run's header and all events that are kept so far.

        Raises:
            NotThere: there is no such run for this reader.
            TraceError: it is damaged in the database.
        """
        with self._db.read() as db:
            run = self._readable_run(db, run_id, reader)
            chunks = read_chunks(db, run.id)
        events = [event for chunk in chunks for event in unpack(chunk)]
        return Trace(unpack_header(run.header), events)

    def header(self, run_id: str, reader: Reader) -> Header:
        """A run's header alone.

        Raises:
            NotThere: there is no such run for this reader.
        """
        with self._db.read() as db:
            return unpack_header(self._readable_run(db, run_id, reader).header)

    def events_since(self, run_id: str, reader: Reader, seq: int = 0) -> NewEvents:
        """The events behind the first `seq` ones, and how the run stands.

        A `seq` that is not there counts as the nearest that is.

        Raises:
            NotThere: there is no such run for this reader (any more).
            TraceError: it is damaged in the database.
        """
        with self._db.read() as db:
            run = self._readable_run(db, run_id, reader)
            seq = min(max(0, seq), run.events)
            chunks = read_chunks(db, run.id, seq)
        events = [event for chunk in chunks for event in unpack(chunk)]
        # The first chunk may begin before `seq`: a run that ended was packed anew.
        skipped = max(0, seq - (run.events - len(events)))
        return NewEvents(events[skipped:], run.events, run.status)

    def run(self, run_id: str, reader: Reader) -> RunInfo:
        """A run as a list shows it.

        Raises:
            NotThere: there is no such run for this reader.
        """
        with self._db.read() as db:
            found = list_infos(db, [self._readable_run(db, run_id, reader).id])
        return found[0]

    def family(self, run_id: str, reader: Reader) -> list[RunInfo]:
        """The run, those it branched from, and all branches of these, oldest first.

        Only those that the reader may see; a family is cut in two where one between was deleted.

        Raises:
            NotThere: there is no such run for this reader.
        """
        with self._db.read() as db:
            self._readable_run(db, run_id, reader)
            top, passed = run_id, set[str]()
            while top not in passed:
                passed.add(top)
                row = db.execute(_SEEN.where(readable(reader), RunRow.run_id == top)).one_or_none()
                # What is not here any more, or is an example, still joins those that come of it.
                top = (row.parent if row else None) or top
            return _with_branches(db, top, reader)

    def branches(self, elsewhere: str, reader: Reader) -> list[RunInfo]:
        """What branched from a run that is not kept here itself, such as an example."""
        with self._db.read() as db:
            return _with_branches(db, as_id(elsewhere), reader)

    def _readable_run(self, db: Session, run_id: str, reader: Reader) -> Row[int, bytes, int, str]:
        columns = select(RunRow.id, RunRow.header, RunRow.events, RunRow.status)
        run = db.execute(
            columns.where(RunRow.run_id == as_id(run_id), readable(reader))
        ).one_or_none()
        if run is None:
            raise NotThere("run", run_id)
        return run


def _with_branches(db: Session, top: str, reader: Reader) -> list[RunInfo]:
    """A run, if it is here, and all that branched from it, oldest first."""
    found: dict[str, int] = {}
    level = [top]
    while level and len(found) < MOST_FAMILY:
        related = RunRow.run_id.in_(level) | RunRow.parent.in_(level)
        rows = db.execute(_SEEN.where(readable(reader), related).limit(MOST_FAMILY)).all()
        level = [row.run_id for row in rows if row.run_id not in found]
        found |= {row.run_id: row.id for row in rows}
    return list_infos(db, list(found.values()), FAMILY_PREVIEW)[::-1]


def list_infos(db: Session, numbers: Sequence[int], preview: int = PREVIEW) -> list[RunInfo]:
    """The runs of these numbers, newest first, with what belongs to them."""
    models: dict[int, dict[str, str]] = {number: {} for number in numbers}
    for row in db.scalars(select(RunModelRow).where(RunModelRow.run.in_(numbers))):
        models[row.run][row.role] = row.model
    tags: dict[int, list[str]] = {number: [] for number in numbers}
    for tag in db.scalars(select(TagRow).where(TagRow.run.in_(numbers)).order_by(TagRow.tag)):
        tags[tag.run].append(tag.tag)
    chosen = select(*_LISTED).join(SessionRow, SessionRow.id == RunRow.session)
    rows = db.execute(chosen.where(RunRow.id.in_(numbers)).order_by(RunRow.id.desc()))
    return [
        RunInfo(
            run_id=row.run_id,
            session_id=row.session_id,
            title=row.title,
            note=row.note,
            tags=tuple(tags[row.id]),
            method=row.method,
            models=models[row.id],
            status=row.status,
            created=row.created,
            events=row.events,
            prompt=row.prompt[:preview],
            text=row.text[:preview],
            figures=row.figures,
            sentence=row.sentence,
            parent=row.parent,
        )
        for row in rows
    ]
