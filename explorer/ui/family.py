"""The map of a run's family: what it branched from, and what branched from it."""

from __future__ import annotations

from typing import Any

from explorer.errors import ExplorerError
from explorer.registry import all_methods
from explorer.ui.service import Service, Visitor
from explorer.ui.token_texts import token_text
from storage import RunInfo

MOST_WORDS = 60


def family_value(service: Service, visitor: Visitor, run_id: str) -> dict[str, Any]:
    """What `family.js` draws: each run below the one it branched from, the oldest first.

    {"current": id, "runs": [{run, parent, title, method, status, text, place, forced, kept}]}:
    `place` counts tokens behind the prompt from 1, `forced` is the token that a person chose
    there, or ""; `text` begins behind what was taken over. Empty where the run is alone.
    """
    try:
        runs = _runs(service, visitor, run_id)
    except ExplorerError:
        return {}
    if len(runs) < 2:
        return {}
    return {"current": run_id, "runs": runs}


def _runs(service: Service, visitor: Visitor, run_id: str) -> list[dict[str, Any]]:
    if run_id in service.examples:
        of_example = service.store.branches(run_id, service.owner(visitor))
        return [_example(service, run_id), *(_entry(service, visitor, run) for run in of_example)]
    found = service.store.family(run_id, service.reader(run_id, visitor))
    entries = [_entry(service, visitor, run) for run in found]
    above = {run.parent for run in found if run.parent and run.parent in service.examples}
    return [*(_example(service, example) for example in above), *entries]


def _entry(service: Service, visitor: Visitor, run: RunInfo) -> dict[str, Any]:
    header = service.store.header(run.run_id, service.reader(run.run_id, visitor))
    method = all_methods().get(run.method)
    forced = header.begun[len(header.begun) - header.forced :]
    text = token_text(run.models.get("target", ""))
    kept = "".join(map(text, header.begun))
    return {
        "run": run.run_id,
        "parent": run.parent or "",
        "title": run.title,
        "method": method.title if method else run.method,
        "status": run.status,
        "text": _short(run.text.removeprefix(kept)),
        "place": len(header.begun) + 1 - header.forced,
        "forced": "".join(map(text, forced)),
    }


def _example(service: Service, run_id: str) -> dict[str, Any]:
    title = all_methods()[service.examples[run_id].method].title
    return {
        "run": run_id,
        "parent": "",
        "title": title,
        "method": f"Example, {title}",
        "status": "done",
        "text": _short(service.examples.trace(run_id).text),
        "place": 1,
        "forced": "",
    }


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_WORDS else line[: MOST_WORDS - 1] + "…"
