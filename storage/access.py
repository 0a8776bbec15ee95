"""Who may read what: owners by their token, everybody else by a share id."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, or_, select

from explorer.errors import InputError
from storage.base import as_id
from storage.models import RunRow, SessionRow, ShareRow

TOKEN = re.compile(r"[0-9A-Za-z_-]{32,128}")
# The command line's owner has no token; no digest is this short, so no browser can be it.
LOCAL_DIGEST = b"local"
NOBODY = -1
_DOMAIN = b"decoding-explorer owner token, 1"


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who makes runs; `Store.owner_of` turns a browser's token into one."""

    number: int


@dataclass(frozen=True, slots=True)
class Shared:
    """Somebody who was given a share id, whether it is a good one or not."""

    share_id: str


Reader = Owner | Shared


def digest(token: str) -> bytes:
    """What is stored of a browser's token.

    One pass of a keyed SHA-256 is enough, unlike for passwords: the token is at least 128 random
    bits, so there is no list of likely ones that a slow hash would have to protect. A salt for
    each row would forbid to look the owner up by it. The key is no secret: it makes the digest
    of a token that is also used elsewhere a different one.

    Raises:
        InputError: it is no token that our page makes.
    """
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise InputError(
            "This browser's owner token is damaged: clear this site's data and reload the page."
        )
    return hmac.new(_DOMAIN, token.encode(), hashlib.sha256).digest()


def own_sessions(owner: Owner) -> Select[int]:
    """The numbers of the sessions that `owner` has."""
    # A guest in an owner's place is a mistake in a page, and must not become a right to write.
    number = owner.number if isinstance(owner, Owner) else NOBODY
    return select(SessionRow.id).where(SessionRow.owner == number, SessionRow.gone.is_(None))


def own(owner: Owner) -> ColumnElement[bool]:
    """The condition under which a run may be changed."""
    return and_(RunRow.gone.is_(None), RunRow.session.in_(own_sessions(owner)))


def readable(reader: Reader) -> ColumnElement[bool]:
    """The condition under which a run may be read."""
    if isinstance(reader, Owner):
        return own(reader)
    share = ShareRow.share_id == as_id(reader.share_id)
    alone = select(ShareRow.run).where(share, ShareRow.run.is_not(None))
    standing = select(SessionRow.id).where(SessionRow.gone.is_(None))
    return and_(
        RunRow.gone.is_(None),
        or_(RunRow.id.in_(alone), RunRow.session.in_(_shared_sessions(reader))),
        RunRow.session.in_(standing),
    )


def readable_session(reader: Reader) -> ColumnElement[bool]:
    """The condition under which a session may be read as a whole."""
    if isinstance(reader, Owner):
        return SessionRow.id.in_(own_sessions(reader))
    return and_(SessionRow.gone.is_(None), SessionRow.id.in_(_shared_sessions(reader)))


def _shared_sessions(reader: Shared) -> Select[int | None]:
    share = ShareRow.share_id == as_id(reader.share_id)
    return select(ShareRow.session).where(share, ShareRow.session.is_not(None))
