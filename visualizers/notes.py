"""Vectors, tables and texts that a method declared and noted, each drawn as it declared it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from explorer.trace import NoteEvent
from visualizers.charts import axis, base_layout
from visualizers.picture import Frame, Mark, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE
from visualizers.words import clip, finite, for_plotly, number, show_text

READS = ("note",)
NEEDS = ("note",)
HERE = ("bars", "heatmap", "label")  # what is declared to be drawn otherwise has its own file
MOST_TEXT = 100  # characters of a noted text on one line


def declared_as(note: Mapping[str, str], events: list[NoteEvent]) -> str:
    """What draws these: as it was declared, or what fits what was noted."""
    return note.get("drawn_as") or _fitting(events[0].value)


def draw(reading: Reading) -> list[Picture]:
    declared = {note["name"]: note for note in reading.notes}
    return [
        _picture(reading, declared.get(name, {}), name, events)
        for name, events in reading.fold.notes.items()
        if declared_as(declared.get(name, {}), events) in HERE
    ]


def _picture(
    reading: Reading, note: Mapping[str, str], name: str, events: list[NoteEvent]
) -> Picture:
    by_step: dict[int, list[NoteEvent]] = {}
    for event in events:
        by_step.setdefault(event.step, []).append(event)
    shown = show_text(name)
    unit = f" ({note['unit']})" if note.get("unit") else ""
    table = Table(["step", "node", shown + unit])
    for event in events:
        table.add(event.step, event.step, event.node, noted_words(event.value, 1000))
    picture = Picture(
        id=f"note {name}",
        kind="plotly",
        title=shown.replace("_", " "),
        what=(show_text(note.get("about", "")) or "A quantity that the method noted").rstrip(".")
        + ".",
        how="As the method noted it, step by step.",
        captions=captions(reading, lambda step: _tell(shown, by_step.get(step, []))),
        table=table,
    )
    match declared_as(note, events):
        case "bars":
            picture.figure, picture.frames = _bars(events, shown + unit)
        case "heatmap":
            picture.figure, picture.frames = _heatmap(events)
        case _:
            picture.kind = "marks"
            _label(picture, events)
    return picture


def _fitting(value: object) -> str:
    if finite(value) is not None:
        return "line"
    if isinstance(value, list) and value:
        if all(finite(x) is not None for x in value):
            return "bars"
        if all(isinstance(row, list) for row in value):
            return "heatmap"
    return "label"


def _bars(events: list[NoteEvent], title: str) -> tuple[dict[str, Any], list[Frame]]:
    layout = base_layout()
    layout["xaxis"], layout["yaxis"] = axis("place"), axis(for_plotly(title))
    frames = []
    for i, event in enumerate(events):
        y = [finite(x) for x in event.value] if isinstance(event.value, list) else []
        frames.append(_frame(event, i, {"x": list(range(len(y))), "y": y}))
    data = [{"type": "bar", "marker": {"color": BLUE}, "x": [], "y": []}]
    return {"data": data, "layout": layout}, frames


def _heatmap(events: list[NoteEvent]) -> tuple[dict[str, Any], list[Frame]]:
    layout = base_layout()
    layout["xaxis"], layout["yaxis"] = axis("column"), {**axis("row"), "autorange": "reversed"}
    frames = []
    for i, event in enumerate(events):
        rows = event.value if isinstance(event.value, list) else []
        z = [[finite(x) for x in row] for row in rows if isinstance(row, list)]
        frames.append(_frame(event, i, {"z": z}))
    return {
        "data": [{"type": "heatmap", "colorscale": "Cividis", "z": []}],
        "layout": layout,
    }, frames


def _frame(event: NoteEvent, i: int, trace: dict[str, Any]) -> Frame:
    where = "" if event.node is None else f", node {event.node}"
    return Frame(event.step, f"note {i}", f"step {event.step + 1}{where}", [trace])


def _label(picture: Picture, events: list[NoteEvent]) -> None:
    for i, event in enumerate(events):
        text = f"step {event.step + 1}:  {noted_words(event.value, MOST_TEXT)}"
        mark = Mark(
            f"note {i}", "text", 0, i + 0.5, "number", event.step, text=text, node=event.node
        )
        picture.marks.append(mark)
    picture.size = (MOST_TEXT + 12.0, float(len(events)))
    place = {event.step: (0.0, float(i)) for i, event in enumerate(events)}
    here = (0.0, 0.0)
    for step in range(picture.last_step + 1):
        here = place.get(step, here)
        picture.focus.append(here)


def noted_words(value: object, most: int) -> str:
    """A noted value in a sentence or a table, in at most so many characters."""
    if isinstance(value, str):
        return clip(show_text(value), most)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, 6)
    short = json.loads(json.dumps(value), parse_float=lambda x: float(f"{float(x):.6g}"))
    return clip(show_text(json.dumps(short, ensure_ascii=False)), most)


def _tell(name: str, events: list[NoteEvent]) -> str:
    if not events:
        return f"{name} was not noted."
    values = ", ".join(noted_words(event.value, 40) for event in events[:3])
    return f"{name} is {values}{', …' if len(events) > 3 else ''}."
