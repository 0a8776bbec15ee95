"""What several texts were judged by: a bar for each, the best so far, and which became the text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from explorer.trace import NoteEvent
from visualizers.charts import axis, base_layout, with_legend
from visualizers.picture import Frame, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREY, VERMILION
from visualizers.words import clip, finite, for_plotly, number, plural, show_text

READS = ("note", "mark", "node")
NEEDS = ("note:scores",)
SHOWN = 60  # characters of a text


def draw(reading: Reading) -> list[Picture]:
    about = {note["name"]: note for note in reading.notes}
    by_name: dict[str, list[tuple[NoteEvent, list[float]]]] = {}
    for event in reading.noted.get("scores", ()):
        values = [finite(x) for x in event.value] if isinstance(event.value, list) else []
        whole = [x for x in values if x is not None]
        if whole and len(whole) == len(values):
            by_name.setdefault(event.name, []).append((event, whole))
    return [_picture(reading, about[name], found) for name, found in by_name.items()]


def _picture(
    reading: Reading, note: Any, found: Sequence[tuple[NoteEvent, list[float]]]
) -> Picture:
    name = show_text(note["name"]).replace("_", " ")
    table = Table(["step", "text", "begins", name, "best so far", "became the text"])
    for event, scores in found:
        texts, chosen = _texts(reading, event, len(scores))
        best = accumulate(scores, max)
        for i, (score, highest) in enumerate(zip(scores, best, strict=True)):
            became = "yes" if i == chosen else "no"
            table.add(event.step, event.step, i + 1, texts[i], score, highest, became)
    latest = {event.step: (event, scores) for event, scores in found}
    bar = {"type": "bar", "hoverinfo": "text", "textposition": "none", "x": [], "y": []}
    layout = with_legend(base_layout())
    layout["xaxis"] = axis("text", dtick=1 if len(found[-1][1]) <= 24 else 10)
    layout["yaxis"], layout["barmode"] = axis(for_plotly(name)), "overlay"
    about = show_text(note.get("about", "")).rstrip(".")
    return Picture(
        id="scores" if note["name"] == _first(reading) else f"scores {note['name']}",
        kind="plotly",
        title=name.capitalize(),
        what=f"What each of several texts was judged by, in the order in which they were drawn: "
        f"{name}.",
        how=f"{about}. The filled bar is the text that came out; the dashed line is the best so "
        "far.",
        captions=captions(reading, lambda step: _tell(reading, name, latest.get(step))),
        table=table,
        figure={
            "data": [
                {**bar, "name": "became the text", "marker": {"color": BLUE}},
                {**bar, "name": "the others",
                 "marker": {"color": "rgba(0,0,0,0)", "line": {"color": GREY, "width": 1.5}}},
                {"type": "scatter", "mode": "lines", "name": "best so far", "x": [], "y": [],
                 "line": {"color": VERMILION, "dash": "dash", "shape": "hvh"}},
            ],
            "layout": layout,
        },
        frames=[_frame(reading, event, scores, i) for i, (event, scores) in enumerate(found)],
    )  # fmt: skip


def _first(reading: Reading) -> str:
    return reading.noted["scores"][0].name


def _texts(reading: Reading, event: NoteEvent, n: int) -> tuple[list[str], int | None]:
    """How the texts begin, and which one came out; nothing of both where it is not told in this
    step which node each ends at."""
    nodes = [mark.node for mark in reading.marked(event.step, "finished")]
    if len(nodes) != n:
        return [""] * n, None
    came = [i for i, node in enumerate(nodes) if reading.emitted_at.get(node) == event.step]
    # Of texts inside others' ends the longest came out.
    depth = reading.fold.nodes
    chosen = max(came, key=lambda i: (depth[nodes[i]].depth, -i), default=None)
    texts = [reading.text(reading.fold.path(node)).strip() for node in nodes]
    return [clip(text, SHOWN) for text in texts], chosen


def _frame(reading: Reading, event: NoteEvent, scores: list[float], i: int) -> Frame:
    texts, chosen = _texts(reading, event, len(scores))
    told = [f"text {k + 1}: {number(x)}<br>{for_plotly(texts[k])}" for k, x in enumerate(scores)]

    def bars(wanted: Sequence[int]) -> dict[str, Any]:
        return {"x": [k + 1 for k in wanted], "y": [scores[k] for k in wanted],
                "hovertext": [told[k] for k in wanted]}  # fmt: skip

    mine = [k for k in range(len(scores)) if k == chosen]
    others = [k for k in range(len(scores)) if k != chosen]
    line = {"x": list(range(1, len(scores) + 1)), "y": list(accumulate(scores, max))}
    return Frame(event.step, f"scores {i}", plural(len(scores), "text"),
                 [bars(mine), bars(others), line])  # fmt: skip


def _tell(reading: Reading, name: str, found: tuple[NoteEvent, list[float]] | None) -> str:
    if found is None:
        return "no texts were judged."
    event, scores = found
    texts, chosen = _texts(reading, event, len(scores))
    best = max(range(len(scores)), key=lambda k: scores[k])
    said = (
        f"of {plural(len(scores), 'text')} the best is text {best + 1}, with {number(scores[best])}"
    )
    if chosen is not None:
        which = "it" if chosen == best else f"text {chosen + 1}"
        said += f"; {which} came out, “{clip(texts[chosen], 40)}”"
    return f"{said}."
