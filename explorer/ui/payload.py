"""What the page fetches of a run: the overview at once, each picture when it is looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from explorer.errors import UnknownName
from explorer.trace import FINISH_REASONS, Trace
from explorer.ui.live import SENTENCES
from explorer.ui.totals import Totals
from visualizers import pictures
from visualizers.picture import Picture

MOST_DRAWN = 8  # runs whose pictures are kept at hand; one is a few megabytes

_drawn: OrderedDict[tuple[str, int], list[Picture]] = OrderedDict()
_lock = Lock()


def pictures_payload(
    trace: Trace,
    token_text: Callable[[int], str],
    question: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The answer to a question of the page about a run, kept or still going on.

    "want": "overview" (or no question):
        run, last (step), status (as in a chunk, with the measured totals), prompt and tokens
        (`visualizers.ribbon`), captions (one a step), pictures ([{id, title, kind}], without the
        ribbon); and the picture that "picture" names, if there is one
    "want": "picture" with "picture": its id:
        run, last, picture (`Picture.to_dict()` without what follows)
    "want": "table" with "picture": its id ("ribbon" has one too):
        run, table
    "want": "opens" with "picture", and "of": the name of one of its stubs:
        run, opens: the marks that the stub opens

    Args:
        trace: with as many events as there are.
        token_text: a token's text as the model has it.
        question: what the browser asked; only "want" and "picture" are read.
        status: state and sentence where they are known better than from the trace ("running", the
            sentence of a failure).

    Raises:
        UnknownName: there is no such picture.
    """
    question = question or {}
    want, asked = question.get("want", "overview"), str(question.get("picture", ""))
    drawn = _pictures(trace, token_text)
    found = next((p for p in drawn if p.id == asked), None)
    answer: dict[str, Any] = {"run": trace.run_id}
    if want == "overview":
        answer |= _overview(trace, drawn) | ({"picture": _light(found)} if found else {})
        answer["status"] |= status or {}
        return answer
    if found is None:
        raise UnknownName("picture", asked, [p.id for p in drawn])
    if want == "table":
        return answer | {"table": found.to_dict(opens=False)["table"]}
    if want == "opens":
        return answer | {"opens": found.opened(str(question.get("of", "")))}
    return answer | {"last": found.last_step, "picture": _light(found)}


def _light(picture: Picture) -> dict[str, Any]:
    return picture.to_dict(opens=False, table=False)


def _overview(trace: Trace, drawn: list[Picture]) -> dict[str, Any]:
    text = next(p for p in drawn if p.id == "ribbon")
    data = _light(text)["data"]
    return {
        "last": text.last_step,
        "status": _status(trace),
        "prompt": data["prompt"],
        "tokens": data["tokens"],
        "captions": text.captions,
        "pictures": [
            {"id": p.id, "title": p.title, "kind": p.kind} for p in drawn if p.id != "ribbon"
        ],
    }


def _pictures(trace: Trace, token_text: Callable[[int], str]) -> list[Picture]:
    key = (trace.run_id, len(trace.events))
    with _lock:
        if key in _drawn:
            _drawn.move_to_end(key)
            return _drawn[key]
    made = pictures(trace.fold(), token_text, trace.header.notes)
    with _lock:
        for old in [k for k in _drawn if k[0] == trace.run_id]:
            del _drawn[old]
        _drawn[key] = made
        while len(_drawn) > MOST_DRAWN:
            _drawn.popitem(last=False)
    return made


def _status(trace: Trace) -> dict[str, Any]:
    totals = Totals()
    for event in trace.events:
        totals.feed(event)
    done = trace.done
    state = "failed" if done is None else done.reason
    if state not in ("failed", "stopped"):
        state = "done"
    return {
        "state": state,
        "sentence": SENTENCES[state],
        "reason": FINISH_REASONS.get(done.reason, done.reason) if done else "",
        "step": max((event.step for event in trace.events), default=0),
        **totals.so_far(),
    }
