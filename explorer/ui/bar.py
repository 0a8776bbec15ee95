"""The line above a run: its title, how it stands, its tags and note, its shares."""

from __future__ import annotations

from typing import Any

from explorer.errors import InputError
from explorer.registry import get_method
from explorer.ui.service import Service, Visitor
from explorer.ui.tab import Tab


def bar_value(
    service: Service, visitor: Visitor, tab: Tab, sentence: str = "", **more: Any
) -> dict[str, Any]:
    """What `bar.js` draws of the run that is shown."""
    run_id, beside = tab.current.get("run", ""), tab.current.get("with")
    if beside:
        more["with"] = beside
    told = {"sentence": sentence, "kind": "problem" if sentence else "", **more}
    told |= _links(service, visitor, *filter(None, (run_id, beside)))
    if run_id in service.examples:
        example = service.examples[run_id]
        first = run_id == next(iter(service.examples)) and not beside
        return {
            # The first visit's address stays clean, so that a reload is a first visit again.
            "run": "" if first else run_id,
            "method": example.method,
            "title": f"Example: {get_method(example.method).title}",
            "notice": example.notice,
            **told,
        }
    try:
        place = service.place(run_id, visitor)
    except InputError as error:
        return {"run": "", "sentence": sentence or str(error), "kind": "problem"} | more
    assert place.info is not None
    sessions: list[list[str]] = []
    if place.mine:
        found = service.store.sessions(service.owner(visitor))
        sessions = [[session.session_id, session.title] for session in found]
    return {
        "run": run_id,
        "method": place.info.method,
        "share": "" if place.mine else visitor.share,
        "title": place.info.title,
        "tags": list(place.info.tags),
        "note": place.info.note,
        "session": place.info.session_id if place.mine else "",
        "sessions": sessions,
        "mine": place.mine,
        **told,
    }


def _links(service: Service, visitor: Visitor, *run_ids: str) -> dict[str, Any]:
    """Whether what is shown, one run or two, is the visitor's to share, and the links that stand.

    A link to two runs has a share id of each; examples need none.
    """
    try:
        places = {run_id: service.place(run_id, visitor) for run_id in run_ids}
    except InputError:
        return {}
    own = [run_id for run_id, place in places.items() if place.mine]
    if not own or any(place.info is not None and not place.mine for place in places.values()):
        return {}
    shares = service.store.shares(service.owner(visitor))
    of_each = [[share.share_id for share in shares if share.run_id == run_id] for run_id in own]
    return {"sharable": True, "shares": [",".join(ids) for ids in zip(*of_each, strict=False)]}
