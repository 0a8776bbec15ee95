"""The list of one's earlier runs, and what may be done with each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from explorer.errors import InputError
from explorer.registry import all_methods
from explorer.settings import settings
from explorer.trace import Trace
from explorer.ui.query import KINDS, read_query
from explorer.ui.service import Service, Visitor
from explorer.ui.sessions import ALL, SHARED
from explorer.ui.tab import Tab
from storage import Reader, RunInfo, RunPage, Shared, words
from storage.base import new_id
from storage.library import MOST_LISTED, Kinds


def listed(
    service: Service,
    visitor: Visitor,
    tab: Tab,
    *,
    kinds: bool = True,
    **more: Any,
) -> dict[str, Any]:
    """What `runs.js` draws: the first `tab.shown` runs. Wrong input is told in the list itself.

    Without `kinds`, what the list can be narrowed down to is not counted anew.
    """
    mine, current = tab.session != SHARED, tab.current.get("run", "")
    reader = service.owner(visitor) if mine else Shared(visitor.share)
    where = None if tab.session in (ALL, SHARED) else tab.session
    asked = read_query(tab.search)
    try:
        page = _first(service, reader, tab.shown, session_id=where, **asdict(asked))
    except InputError as error:
        return {"runs": [], "sentence": str(error), "current": current}
    return {
        "mine": mine,
        "kinds": _kinds(service.store.kinds(reader, where)) if kinds else None,
        "narrowed": {kind: getattr(asked, kind) or "" for kind in KINDS},
        "runs": [_row(run) for run in page.runs],
        "total": page.total,
        "more": page.next is not None,
        "current": current,
        "searched": bool(tab.search),
        "most_bytes": settings().max_trace_bytes,
        **more,
    }


def act(service: Service, visitor: Visitor, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Rename, delete or bring back a run, or look at a file; returns what the list should say.

    A run that goes on is not deleted: the list offers to stop it first.

    Raises:
        InputError: the visitor has no such run, or the new title or the file is not allowed.
    """
    store, owner = service.store, service.owner(visitor)
    run_id = str(wish.get("run", ""))
    match wish.get("action"):
        case "rename":
            store.rename(run_id, owner, wish.get("title", ""))
        case "delete":
            run = store.run(run_id, owner)
            if not run.ended:
                return {"offer": {"run": run_id, "title": run.title}}
            return _deleted(service, visitor, run)
        case "stop_delete":
            service.stop(run_id, visitor)
            service.settled(run_id, visitor)
            return _deleted(service, visitor, store.run(run_id, owner))
        case "undo":
            store.undo_delete_run(run_id, owner)
        case "file":
            check_size(wish.get("size"))
    return {}


def describe(service: Service, visitor: Visitor, run_id: str, wish: Mapping[str, Any]) -> None:
    """Write tags and note of a run, and move it: all of it, or where one is not allowed, nothing.

    Raises:
        InputError: the visitor has no such run, or something is not allowed.
    """
    store, owner = service.store, service.owner(visitor)
    tags, note = wish.get("tags"), words.note(wish.get("note", ""))
    tags = words.distinct_tags(tags if isinstance(tags, list) else [tags])
    if session := wish.get("session"):
        store.move_run(run_id, owner, session)
    store.set_note(run_id, owner, note)
    store.set_tags(run_id, owner, tags)


def check_size(size: object) -> None:
    """What a browser says of a file before it sends it.

    Raises:
        InputError: the file is larger than what is imported.
    """
    most = settings().max_trace_bytes
    if isinstance(size, int | float) and size > most:
        raise InputError(
            f"The file has {size / 2**20:,.0f} MiB; at most {most / 2**20:g} are allowed. "
            "Nothing was sent."
        )


def bring_in(service: Service, visitor: Visitor, path: str | None) -> tuple[str, str]:
    """A session out of an uploaded file; its id, and that of its last run ("" if it has none).

    Raises:
        TraceError: the file is too large, damaged or of another format.
    """
    if not path:
        raise InputError("No file came: choose a session that was exported as JSON.")
    made = service.store.import_session(Path(path), service.owner(visitor))
    return made.session_id, made.run_ids[-1][1] if made.run_ids else ""


def run_file(service: Service, visitor: Visitor, run_id: str) -> dict[str, str]:
    """One run as a file that can be imported again."""
    trace = service.trace(run_id, visitor)
    if (
        run_id in service.examples
    ):  # brought in again it is a run like others, with an id of its own
        trace = Trace(trace.header.model_copy(update={"run_id": new_id()}), trace.events)
    return {"name": f"run-{trace.run_id}.json", "text": json.dumps(trace.to_dict())}


def session_file(service: Service, visitor: Visitor, session: str) -> dict[str, str]:
    """A session with all its runs, or all runs of all sessions, as a file.

    Raises:
        InputError: there is no such session for this visitor, or too much for one file.
    """
    owner = service.owner(visitor)
    if session == ALL:
        return {"name": "all-runs.json", "text": "".join(service.store.export_all(owner))}
    if session == SHARED:
        guest = Shared(visitor.share)
        session = next((s.session_id for s in service.store.sessions(guest)), "")
        text = "".join(service.store.export_session(session, guest))
        return {"name": f"session-{session}.json", "text": text}
    text = "".join(service.store.export_session(session, owner))
    return {"name": f"session-{session}.json", "text": text}


def _first(service: Service, reader: Reader, shown: int, **wanted: Any) -> RunPage:
    """The newest `shown` runs as one page, however few the store lists at once."""
    page = service.store.runs(reader, limit=min(shown, MOST_LISTED), **wanted)
    while page.next and (left := shown - len(page.runs)) > 0:
        more = service.store.runs(reader, before=page.next, limit=min(left, MOST_LISTED), **wanted)
        page = RunPage([*page.runs, *more.runs], page.total, more.next)
    return page


def _deleted(service: Service, visitor: Visitor, run: RunInfo) -> dict[str, Any]:
    service.store.delete_run(run.run_id, service.owner(visitor))
    return {"undo": {"run": run.run_id, "title": run.title}}


def _kinds(found: Kinds) -> dict[str, list[list[str]]]:
    """Value and words of each choice, by kind."""
    methods = all_methods()
    named = {m: methods[m].title if m in methods else m for m in found.methods}
    return {
        "method": [[m, f"{named[m]} ({n})"] for m, n in found.methods.items()],
        "model": [[model, f"{model} ({n})"] for model, n in found.models.items()],
        "tag": [[tag, f"{tag} ({n})"] for tag, n in found.tags.items()],
    }


def _row(run: RunInfo) -> dict[str, Any]:
    method = all_methods().get(run.method)
    return {
        "run": run.run_id,
        "title": run.title,
        "method": method.title if method else run.method,
        "models": sorted(set(run.models.values())),
        "when": run.created,
        "status": run.status,
        "text": " ".join(run.text.split())[:120],
        "tags": list(run.tags),
    }
