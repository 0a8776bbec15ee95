"""How rows are made from headers, events and words: for runs that stream and those of a file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from explorer.trace import AnyEvent, DoneEvent, Header
from storage import words
from storage.access import Owner
from storage.base import new_id
from storage.codec import CODEC, Chunk, pack, pack_header, unpack_header
from storage.models import ChunkRow, RunModelRow, RunRow, SessionRow, TagRow

Status = Literal["queued", "running", "done", "stopped", "failed"]
ENDED: tuple[Status, ...] = ("done", "stopped", "failed")
GOING: tuple[Status, ...] = ("queued", "running")
EVENTS_A_CHUNK = 2000  # once a run has ended; while it streams, a chunk is what comes at once
FIGURES = ("steps", "tokens", "nodes", "target_passes", "passes", "rows", "seconds")


def insert_session(db: Session, owner: Owner, title: str, gone: float | None = None) -> SessionRow:
    session = SessionRow(
        session_id=new_id(), owner=owner.number, title=title, created=time.time(), gone=gone
    )
    db.add(session)
    db.flush()
    return session


def insert_run(
    db: Session,
    session: int,
    header: Header,
    status: Status,
    *,
    title: str = "",
    note: str = "",
    text: str = "",
    tags: Sequence[str] = (),
    **values: Any,
) -> RunRow:
    """A run as its header tells it, with what belongs to it; `values` are further columns."""
    title = title or words.title_of(header.prompt)
    run = RunRow(
        run_id=header.run_id,
        session=session,
        status=status,
        method=words.storable(header.method),
        parent=header.parent or None,
        created=time.time(),
        title=title,
        note=note,
        header=pack_header(header),
        prompt=words.storable(header.prompt),
        text=text,
        searched=searched(title, note, tags, header, text),
        **values,
    )
    db.add(run)
    db.flush()
    insert_models(db, run.id, header)
    insert_tags(db, run.id, tags)
    return run


def insert_models(db: Session, number: int, header: Header) -> None:
    # A role that a database refuses may look like another one without what is refused.
    models = {words.storable(role): words.storable(m) for role, m in header.models.items()}
    if rows := [{"run": number, "role": role, "model": m} for role, m in models.items()]:
        db.execute(insert(RunModelRow), rows)


def insert_tags(db: Session, number: int, tags: Iterable[str]) -> None:
    if rows := [{"run": number, "tag": tag} for tag in tags]:
        db.execute(insert(TagRow), rows)


def pack_all(events: Sequence[AnyEvent]) -> list[Chunk]:
    """The events of a run that has ended, as large chunks."""
    starts = range(0, len(events), EVENTS_A_CHUNK)
    return [pack(events[start : start + EVENTS_A_CHUNK]) for start in starts]


def insert_chunks(db: Session, number: int, chunks: Sequence[Chunk]) -> None:
    seq = 0
    for chunk in chunks:
        insert_chunk(db, number, seq, chunk)
        seq += chunk.count


def insert_chunk(db: Session, number: int, seq: int, chunk: Chunk) -> None:
    values = {"run": number, "seq": seq, "length": chunk.count, "codec": CODEC}
    db.execute(insert(ChunkRow).values(body=chunk.body, columns=chunk.columns, **values))


def refresh_search(db: Session, run: RunRow) -> None:
    """What a search finds the run by, after any of it changed."""
    db.flush()
    tags = list(db.scalars(select(TagRow.tag).where(TagRow.run == run.id)))
    header = unpack_header(run.header)
    run.searched = searched(run.title, run.note, tags, header, run.text)


def searched(title: str, note: str, tags: Sequence[str], header: Header, text: str) -> str:
    """All that a search looks through, in one text."""
    models = header.models.values()
    some = text[: words.MOST_SEARCHED_TEXT]
    return words.searched(title, note, *tags, header.method, *models, header.prompt, some)


# What the last event says ------------------------------------------------------------------------


def status_of(done: DoneEvent | None) -> Status:
    """How a run ended, by its last event; None where that is missing."""
    if done is None or done.reason == "failed":
        return "failed"
    return "stopped" if done.reason == "stopped" else "done"


def text_of(done: DoneEvent | None) -> str:
    return words.storable(done.outputs[0].text) if done and done.outputs else ""


def figures_of(done: DoneEvent | None) -> dict[str, Any]:
    """The numbers that a list of runs shows."""
    if done is None:
        return {}
    known = {name: done.totals[name] for name in FIGURES if name in done.totals}
    return {"finish_reason": done.reason} | known
