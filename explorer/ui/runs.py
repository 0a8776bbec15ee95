"""The list of one's earlier runs, and what may be done with each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from explorer.errors import InputError
from explorer.registry import all_methods
from explorer.settings import settings
from explorer.trace import Trace
from explorer.ui.service import Service, Visitor
from storage import RunInfo, words
from storage.base import new_id

PAGE = 25
ALL = ""  # the session that stands for all of them


def listed(
    service: Service,
    visitor: Visitor,
    *,
    search: str = "",
    session: str = ALL,
    before: int | None = None,
    current: str = "",
    **more: Any,
) -> dict[str, Any]:
    """What `runs.js` draws. Wrong input is told in the list itself."""
    try:
        page = service.store.runs(
            service.owner(visitor),
            text=search or "",
            session_id=session or None,
            before=before,
            limit=PAGE,
        )
    except InputError as error:
        return {"runs": [], "sentence": str(error), "current": current}
    return {
        "runs": [_row(run) for run in page.runs],
        "total": page.total,
        "next": page.next,
        "current": current,
        "searched": bool(search),
        "most_bytes": settings().max_trace_bytes,
        **more,
    }


def act(service: Service, visitor: Visitor, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Rename, delete or bring back a run, or look at a file; returns what the list should say.

    Raises:
        InputError: the visitor has no such run, or the new title or the file is not allowed.
    """
    store, owner = service.store, service.owner(visitor)
    run_id = str(wish.get("run", ""))
    match wish.get("action"):
        case "rename":
            store.rename(run_id, owner, wish.get("title", ""))
        case "delete":
            title = store.run(run_id, owner).title
            store.delete_run(run_id, owner)
            return {"undo": {"run": run_id, "title": title}}
        case "undo":
            store.undo_delete_run(run_id, owner)
        case "file":
            check_size(wish.get("size"))
    return {}


def describe(service: Service, visitor: Visitor, run_id: str, wish: Mapping[str, Any]) -> None:
    """Write tags and note of a run: both, or where one is not allowed, neither.

    Raises:
        InputError: the visitor has no such run, or something is not allowed.
    """
    store, owner = service.store, service.owner(visitor)
    tags, note = wish.get("tags"), words.note(wish.get("note", ""))
    tags = words.distinct_tags(tags if isinstance(tags, list) else [tags])
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


def sessions(service: Service, visitor: Visitor) -> list[tuple[str, str]]:
    """Name and id of every session, for the list to pick from."""
    found = service.store.sessions(service.owner(visitor))
    named = [(f"{session.title} ({session.runs})", session.session_id) for session in found]
    return [("All runs", ALL), *named]


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
    text = "".join(service.store.export_session(session, owner))
    return {"name": f"session-{session}.json", "text": text}


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
