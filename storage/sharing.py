"""Owners, and the read-only ids with which they show runs and sessions to others."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from sqlalchemy import delete, or_, select

from storage.access import LOCAL_DIGEST, Owner, digest, own, own_sessions
from storage.base import Room, as_id
from storage.errors import NotThere
from storage.models import OwnerRow, RunRow, SessionRow, ShareRow


@dataclass(frozen=True, slots=True)
class ShareInfo:
    """A share that stands: of one run, or of one session with all its runs, later ones too."""

    share_id: str
    run_id: str | None
    session_id: str | None
    created: float


class Sharing(Room):
    """Who asks, and whom they let in."""

    def owner_of(self, token: str) -> Owner:
        """The owner whose browser made this token; a new one at the first time.

        Raises:
            InputError: it is no token that our page makes.
        """
        return self._owner(digest(token))

    def local_owner(self) -> Owner:
        """The one owner of everything that the command line makes."""
        return self._owner(LOCAL_DIGEST)

    def _owner(self, token_digest: bytes) -> Owner:
        known = select(OwnerRow.id).where(OwnerRow.token_digest == token_digest)
        with self._db.read() as db:
            if number := db.scalar(known):
                return Owner(number)
        with self._db.write() as db:
            if number := db.scalar(known):  # two tabs of a new browser at once
                return Owner(number)
            owner = OwnerRow(token_digest=token_digest, created=time.time())
            db.add(owner)
            db.flush()
            return Owner(owner.id)

    def share_run(self, run_id: str, owner: Owner) -> str:
        """A new id with which anybody may read this run.

        Kept as it is and not hashed, unlike tokens: its owner wants to see it again, and it
        opens nothing that does not lie in the same database.

        Raises:
            NotThere: the owner has no such run.
        """
        mine = select(RunRow.id).where(RunRow.run_id == as_id(run_id), own(owner))
        with self._db.write() as db:
            number = db.scalar(mine)
            if number is None:
                raise NotThere("run", run_id)
            share = ShareRow(share_id=_share_id(), run=number, created=time.time())
            db.add(share)
            return share.share_id

    def share_session(self, session_id: str, owner: Owner) -> str:
        """A new id with which anybody may read this session and its runs.

        Raises:
            NotThere: the owner has no such session.
        """
        mine = select(SessionRow.id).where(
            SessionRow.session_id == as_id(session_id), SessionRow.id.in_(own_sessions(owner))
        )
        with self._db.write() as db:
            number = db.scalar(mine)
            if number is None:
                raise NotThere("session", session_id)
            share = ShareRow(share_id=_share_id(), session=number, created=time.time())
            db.add(share)
            return share.share_id

    def shares(self, owner: Owner) -> list[ShareInfo]:
        """What the owner has shared, newest first."""
        columns = select(
            ShareRow.share_id, RunRow.run_id, SessionRow.session_id, ShareRow.created
        ).outerjoin(RunRow, RunRow.id == ShareRow.run)
        joined = columns.outerjoin(SessionRow, SessionRow.id == ShareRow.session)
        mine = or_(own(owner), SessionRow.id.in_(own_sessions(owner)))
        with self._db.read() as db:
            rows = db.execute(joined.where(mine).order_by(ShareRow.created.desc()))
            return [ShareInfo(*row) for row in rows]

    def revoke(self, share_id: str, owner: Owner) -> None:
        """Whoever has this id can read nothing with it from now on.

        Raises:
            NotThere: the owner has no such share.
        """
        # Of deleted runs too: a share must not come back with its run unless the owner knows.
        sessions = select(SessionRow.id).where(SessionRow.owner == owner.number)
        runs = select(RunRow.id).where(RunRow.session.in_(sessions))
        ended = delete(ShareRow).where(
            ShareRow.share_id == as_id(share_id),
            or_(ShareRow.run.in_(runs), ShareRow.session.in_(sessions)),
        )
        with self._db.write() as db:
            if not db.execute(ended.returning(ShareRow.share_id)).first():
                raise NotThere("share", share_id)


def _share_id() -> str:
    return secrets.token_urlsafe(16)
