"""What the parts of the store share: the database, this process's presence, ids."""

from __future__ import annotations

import secrets
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from explorer.errors import TraceError
from storage.codec import CODEC, Chunk
from storage.database import Database
from storage.living import Presence
from storage.models import ChunkRow


class Room:
    """A part of the store. `Store` is all of them together, on one database."""

    _db: Database
    _presence: Presence
    _undo_seconds: float
    _most_bytes: int


def new_id() -> str:
    """A random id of 16 hexadecimal digits, as runs have them."""
    return secrets.token_hex(8)


def as_id(name: object) -> str:
    """`name` if a database can look for it, else "", which is nobody's id.

    Ids come from address bars and from callers that we did not write.
    """
    fits = isinstance(name, str) and len(name) <= 64 and name.isascii() and name.isprintable()
    return str(name) if fits else ""


def read_chunks(db: Session, number: int, seq: int = 0) -> list[Chunk]:
    """The chunks of a run from the one that holds event `seq` on.

    Raises:
        TraceError: one is missing, or written by a later version.
    """
    found = select(ChunkRow.seq, ChunkRow.length, ChunkRow.codec, ChunkRow.body, ChunkRow.columns)
    found = found.where(ChunkRow.run == number, ChunkRow.seq + ChunkRow.length > seq)
    rows = db.execute(found.order_by(ChunkRow.seq)).all()
    for before, row in pairwise(rows):
        if before.seq + before.length != row.seq:
            raise TraceError("A part of this run is missing in the database.")
    for row in rows:
        if row.codec > CODEC:
            raise TraceError("This run was written by a newer version of this program.")
    return [Chunk(row.length, row.body, row.columns) for row in rows]
