"""What the page fetches of a run: the overview at once, each picture when it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import orjson

from explorer.trace import FINISH_REASONS, Trace
from explorer.ui.chips import previewed
from explorer.ui.drawn import Drawn, drawn
from explorer.ui.live import SENTENCES
from explorer.ui.spreadsheet import csv_text
from explorer.ui.totals import Totals
from visualizers.find import find
from visualizers.picture import Picture
from visualizers.sight import wanted_node, wanted_sight
from visualizers.story import story


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
    "want": "csv" with "picture": the same table for a spreadsheet:
        run, text
    "want": "opens" with "picture", and "of": the name of one of its stubs:
        run, opens: the marks that the stub opens
    "want": "find" with "text":
        run, hits, total, sentence (`visualizers.find`)
    "want": "story" with "node":
        run, story (`visualizers.story`)
    "want": "preview" with "of": the name of a choice, and perhaps "chain":
        run, and what `explorer.ui.chips` says
    "want": "trace":
        run, text: header and events as JSON, a file that can be imported

    With a picture of a tree "focus", "below" and "node" say what of it (`visualizers.sight`).

    Args:
        trace: with as many events as there are.
        token_text: a token's text as the model has it.
        question: what the browser asked; only what is named above is read.
        status: state and sentence where they are known better than from the trace ("running", the
            sentence of a failure).

    Raises:
        InputError: there is no such picture or token, or what is asked is nothing of the kind.
    """
    question = question or {}
    want, asked = question.get("want", "overview"), str(question.get("picture", ""))
    answer: dict[str, Any] = {"run": trace.run_id}
    if want == "trace":
        return answer | {"text": orjson.dumps(trace.to_dict()).decode()}
    run = drawn(trace, token_text)
    fold = run.reading.fold
    match want:
        case "overview":
            answer |= _overview(trace, run)
            answer["status"] |= status or {}
            if asked in {p.id for p in run.pictures}:
                answer["picture"] = _light(run.picture(asked, wanted_sight(question, fold)))
        case "find":
            answer |= asdict(find(run.reading, question.get("text")))
        case "story":
            answer["story"] = story(run.reading, wanted_node(question.get("node"), fold))
        case "preview":
            answer |= previewed(trace.header, run.reading, token_text, question)
        case "table":
            answer["table"] = run.picture(asked).to_dict(opens=False)["table"]
        case "csv":
            answer["text"] = csv_text(run.picture(asked).table)
        case "opens":
            seen = run.picture(asked, wanted_sight(question, fold))
            answer["opens"] = seen.opened(str(question.get("of", "")))
        case _:
            seen = run.picture(asked, wanted_sight(question, fold))
            answer |= {"last": seen.last_step, "picture": _light(seen)}
    return answer


def _light(picture: Picture) -> dict[str, Any]:
    return picture.to_dict(opens=False, table=False)


def _overview(trace: Trace, run: Drawn) -> dict[str, Any]:
    text = run.picture("ribbon")
    data = _light(text)["data"]
    return {
        "last": text.last_step,
        "status": _status(trace),
        "prompt": data["prompt"],
        "tokens": data["tokens"],
        "captions": text.captions,
        "pictures": [
            {"id": p.id, "title": p.title, "kind": p.kind} for p in run.pictures if p.id != "ribbon"
        ],
    }


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
