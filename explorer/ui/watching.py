"""What the page's generator yields while somebody looks at a run. It only ever watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from explorer.errors import InputError
from explorer.trace import Fold
from explorer.ui.service import Service, Visitor
from explorer.ui.token_texts import token_text
from explorer.ui.trace_view import live_chunks, pictures_payload

EXAMPLE_WITHOUT_LAWS = (
    "This example was recorded without whole laws, to be small, so its filters cannot be moved."
)
Chunk = dict[str, Any]


def chunks(service: Service, run_id: str, visitor: Visitor) -> Iterator[Chunk]:
    """What the trace view is given: a kept run to load, or the pieces of one that goes on."""
    passed = {"owner": visitor.token, "share": visitor.share}
    watched = False
    # A run that has just ended is still at hand where it was made, before the store has it whole.
    going = service.place(run_id, visitor).going
    batches = service.watch(run_id, visitor) if going else iter(())
    for chunk in live_chunks(batches, Fold(), _texts(service, run_id, visitor)):
        watched = True
        status = chunk["status"]
        if status["state"] == "waiting":
            status["sentence"] = waiting_sentence(service.worker.position(run_id))
        if chunk["done"]:
            service.settled(run_id, visitor)  # what the page asks next, the store must know
        yield {**chunk, "pass": passed}
    if not watched:
        yield {"run": run_id, "load": True, "pass": passed}


def waiting_sentence(before: int | None) -> str:
    """Where a run stands that has not begun."""
    if before:
        return f"In the queue: {before} {'run' if before == 1 else 'runs'} before this one."
    return "The models are being made ready."


def fetched(service: Service, question: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a question of the trace view; see `explorer.ui.trace_view`.

    Raises:
        InputError: there is no such run for whoever asks, or no such picture.
    """
    run_id = _text(question, "run")
    visitor = Visitor(_text(question, "owner"), _text(question, "share"))
    trace = service.trace(run_id, visitor)
    place = service.place(run_id, visitor)
    status: dict[str, Any] = {}
    if place.info is not None:
        state = "waiting" if place.info.status == "queued" else place.info.status
        status = {"state": state} | ({"sentence": place.sentence} if place.sentence else {})
    model = trace.header.models.get("target") or next(iter(trace.header.models.values()), "")
    answer = pictures_payload(trace, token_text(model), question, status)
    if answer.get("never") and run_id in service.examples:
        return answer | {"again": True, "why": EXAMPLE_WITHOUT_LAWS}
    return answer


def _texts(service: Service, run_id: str, visitor: Visitor) -> Any:
    """Token texts of a run's target, found when the first is asked for: models are loaded then."""
    known: list[Any] = []

    def text(token: int) -> str:
        if not known:
            models = service.trace(run_id, visitor).header.models
            known.append(token_text(models.get("target", "")))
        return known[0](token)

    return text


def _text(question: Mapping[str, Any], name: str) -> str:
    value = question.get(name, "")
    if not isinstance(value, str):
        raise InputError(f"The question's {name!r} is no text.")
    return value
