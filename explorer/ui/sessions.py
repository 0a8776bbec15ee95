"""Sessions: which there are to choose from, and what may be done with the chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explorer.errors import InputError
from explorer.ui.service import Service, Visitor
from storage import Shared
from storage.rows import GOING

ALL = ""  # the choice that stands for all sessions of one's own
SHARED = "shared"  # the choice that stands for what the link in the address shows


def choices(service: Service, visitor: Visitor, chosen: str) -> list[tuple[str, str]]:
    """Name and value of each, for the list to pick from.

    What is chosen stays a choice, even if it is gone: Gradio takes no other value from a page.
    """
    found = service.store.sessions(service.owner(visitor))
    named = [(f"{session.title} ({session.runs})", session.session_id) for session in found]
    theirs = service.store.sessions(Shared(visitor.share)) if visitor.share else []
    shown = [(f"Shared with you: {session.title} ({session.runs})", SHARED) for session in theirs]
    offered = [("All runs", ALL), *shown, *named]
    known = chosen in [value for _, value in offered]
    return offered if known else [*offered, ("Not here any more", chosen)]


def chosen(service: Service, visitor: Visitor, session: str, **more: Any) -> dict[str, Any]:
    """What `session.js` draws: the chosen session, its shares, and what came of the last wish."""
    if session == ALL:
        return {"session": "", **more}
    if session == SHARED:
        theirs = service.store.sessions(Shared(visitor.share))
        gone = {} if theirs else {"sentence": REVOKED}
        return {"session": "", "guest": bool(theirs), **gone, **more}
    owner = service.owner(visitor)
    mine = [s for s in service.store.sessions(owner) if s.session_id == session]
    if not mine:
        return {"session": "", "sentence": GONE, **more}
    shares = [s.share_id for s in service.store.shares(owner) if s.session_id == session]
    return {"session": session, "title": mine[0].title, "shares": shares, **more}


REVOKED = (
    "This link shows nothing any more: it was revoked, or what it showed was deleted. "
    "What you have open stays until you leave it."
)
GONE = "This session is not here any more: it was deleted, perhaps in another tab."


def act(
    service: Service, visitor: Visitor, session: str, wish: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Do what was asked for; the session that is chosen now, and what `session.js` should say.

    Raises:
        InputError: the visitor has no such session, or the title is not allowed.
    """
    store, owner = service.store, service.owner(visitor)
    match wish.get("action"):
        case "new":
            return store.create_session(owner, wish.get("title", "")), {}
        case "rename":
            store.rename_session(session, owner, wish.get("title", ""))
        case "share":
            store.share_session(session, owner)
        case "revoke":
            store.revoke(str(wish.get("share", "")), owner)
        case "delete":
            return _delete(service, visitor, session)
        case "stop_delete":
            for run_id in going(service, visitor, session):
                service.stop(run_id, visitor)
                service.settled(run_id, visitor)
            return _delete(service, visitor, session)
        case "undo":
            again = str(wish.get("session", ""))
            store.undo_delete_session(again, owner)
            return again, {}
    return session, {}


def _delete(service: Service, visitor: Visitor, session: str) -> tuple[str, dict[str, Any]]:
    store, owner = service.store, service.owner(visitor)
    title = next((s.title for s in store.sessions(owner) if s.session_id == session), "")
    if going(service, visitor, session):
        return session, {"offer": {"title": title}}
    store.delete_session(session, owner)
    return ALL, {"undo": {"session": session, "title": title}}


def going(service: Service, visitor: Visitor, session: str) -> list[str]:
    """The runs of a session that are not over."""
    owner = service.owner(visitor)
    found = [service.store.runs(owner, session_id=session, status=status).runs for status in GOING]
    return [run.run_id for runs in found for run in runs]


def place_of_new(session: str) -> str | None:
    """The session that new runs go into: the chosen one, or the first."""
    return None if session in (ALL, SHARED) else session


def arrival(service: Service, visitor: Visitor, run_id: str) -> tuple[str, str]:
    """For somebody who came by a link: the run that is shown first, and the session chosen.

    Raises:
        InputError: the link shows nothing.
    """
    if not visitor.share:
        return run_id, ALL
    guest = Shared(visitor.share)
    session = SHARED if service.store.sessions(guest) else ALL
    if run_id:
        return run_id, session
    found = service.store.runs(guest, limit=1).runs
    if not found and session == ALL:
        raise InputError(REVOKED)
    return (found[0].run_id if found else ""), session
