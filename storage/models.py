"""The tables.

owners ─< sessions ─< runs ─< chunks
                 │     ├──< run_models, tags
                 └─────┴──< shares

Owners, sessions and runs have a number inside the database; outside, sessions and runs are known
by a random id. Moments are seconds since 1970, as clocks of one machine give them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Names for every constraint: SQLite can change a table only by copying it, and the copy needs them.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
JsonColumn = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        float: Double()
    }  # what it stands for by itself has changed


class OwnerRow(Base):
    """Somebody who makes runs, known only by the digest of a token (see `access`)."""

    __tablename__ = "owners"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created: Mapped[float]


class SessionRow(Base):
    """Runs that belong together. `gone` is when it is removed for good, None while it stays."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(String(16), unique=True)
    owner: Mapped[int] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(Text)
    created: Mapped[float]
    gone: Mapped[float | None] = mapped_column(index=True)


class RunRow(Base):
    """A run: its header, where it stands, and what a library shows and searches.

    `writer` names the process that keeps it while it is queued or running (see `living`).
    `parent` is the id of the run it branched from, whether or not that is (still) here.
    `searched` is what a search looks through, folded to one case. `sentence` tells how it ended,
    where its events alone do not. What may be long stands last and
    is read only when it is asked for: every batch of events looks at this row.
    """

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(String(16), unique=True)
    session: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(8))
    method: Mapped[str] = mapped_column(Text)
    created: Mapped[float]
    gone: Mapped[float | None] = mapped_column(index=True)
    writer: Mapped[str | None] = mapped_column(String(32))
    parent: Mapped[str | None] = mapped_column(String(16), index=True)
    events: Mapped[int] = mapped_column(default=0)
    title: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, default="")
    figures: Mapped[dict[str, Any]] = mapped_column(JsonColumn, default=dict)
    header: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    prompt: Mapped[str] = mapped_column(Text, deferred=True)
    text: Mapped[str] = mapped_column(Text, default="", deferred=True)
    searched: Mapped[str] = mapped_column(Text, deferred=True)
    sentence: Mapped[str] = mapped_column(Text, default="", server_default="", deferred=True)

    __table_args__ = (
        CheckConstraint(
            "status IN ('queued', 'running', 'done', 'stopped', 'failed')", name="status"
        ),
        # The newest runs of a session, and the few that still go on.
        Index("ix_runs_session_id", "session", "id"),
        Index("ix_runs_status", "status"),
    )


class RunModelRow(Base):
    """Which model a run used in which role."""

    __tablename__ = "run_models"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(Text, primary_key=True)
    model: Mapped[str] = mapped_column(Text, index=True)


class TagRow(Base):
    """A word that a person put on a run."""

    __tablename__ = "tags"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(Text, primary_key=True, index=True)


class ChunkRow(Base):
    """Events of a run, packed (see `codec`). `length` of them, behind `seq` others."""

    __tablename__ = "chunks"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    length: Mapped[int]
    codec: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    columns: Mapped[bytes] = mapped_column(LargeBinary)


class ShareRow(Base):
    """A read-only id for one run or one session; revoking deletes the row."""

    __tablename__ = "shares"

    share_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    run: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    session: Mapped[int | None] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    created: Mapped[float]

    __table_args__ = (CheckConstraint("(run IS NULL) <> (session IS NULL)", name="one_thing"),)
