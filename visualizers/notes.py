"""The quantities a method declared and noted, drawn as it declared them.

Lines in the same unit share a picture: a surprise and the threshold it is held against, a bound and
what can still be reached.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from explorer.trace import NoteEvent
from visualizers.charts import axis, base_layout, with_legend
from visualizers.picture import Frame, Mark, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREEN, PURPLE, VERMILION
from visualizers.words import clip, finite, for_plotly, number, show_text

READS = ("note",)
NEEDS = ("note",)
PLAIN = ("line", "bars", "heatmap", "label")  # any other declared kind has a picture of its own
MOST_TEXT = 100  # characters of a noted text on one line
LINES = (
    (BLUE, "solid", "circle"),
    (VERMILION, "dash", "square"),
    (GREEN, "dot", "diamond"),
    (PURPLE, "dashdot", "cross"),
)


def draw(reading: Reading) -> list[Picture]:
    declared = {note["name"]: note for note in reading.notes}
    found, together = [], _together(reading, declared)
    for name, events in reading.fold.notes.items():
        lines = next((lines for lines in together if name in lines), [name])
        if lines[0] != name:
            continue  # drawn with the first of them
        if declared.get(name, {}).get("drawn_as", "line") not in PLAIN:
            continue
        if len(lines) > 1:
            found.append(_lines(reading, declared, lines))
        else:
            found.append(_picture(reading, declared.get(name, {}), name, events))
    return found


def _together(reading: Reading, declared: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """The names of lines in the same unit, in the order in which they were first noted."""
    units: dict[str, list[str]] = {}
    for name, events in reading.fold.notes.items():
        about = declared.get(name, {})
        drawn_as = about.get("drawn_as") or _fitting(events[0].value)
        if drawn_as == "line" and about.get("unit"):
            units.setdefault(about["unit"], []).append(name)
    return list(units.values())


def _lines(
    reading: Reading, declared: Mapping[str, Mapping[str, str]], names: list[str]
) -> Picture:
    """Several lines over the steps, told apart by dash and sign as well as by colour."""
    unit = show_text(declared[names[0]]["unit"])
    shown = [show_text(name).replace("_", " ") for name in names]
    noted = [(name, events) for name, events in reading.fold.notes.items() if name in names]
    events = sorted((e for _, of in noted for e in of), key=lambda e: (e.step, e.ms))
    by_step: dict[int, list[NoteEvent]] = {}
    table = Table(["step", "node", "quantity", unit])
    for event in events:
        by_step.setdefault(event.step, []).append(event)
        name = show_text(event.name).replace("_", " ")
        table.add(event.step, event.step, event.node, name, _words(event.value, 1000))
    layout = with_legend(base_layout())
    layout["xaxis"], layout["yaxis"] = axis("step"), axis(for_plotly(unit))
    abouts = [f"{s}: {show_text(declared[n].get('about', ''))}" for s, n in
              zip(shown, names, strict=True)]  # fmt: skip
    return Picture(
        id=f"note {names[0]}",
        kind="plotly",
        title=", ".join(shown),
        what=f"What the method noted in {unit}: {', '.join(shown)}.",
        how="; ".join(abouts) + ".",
        captions=captions(reading, lambda step: _tell_all(by_step.get(step, []))),
        table=table,
        figure={
            "data": [
                _trace(reading.fold.notes[name], i, for_plotly(s))
                for i, (name, s) in enumerate(zip(names, shown, strict=True))
            ],
            "layout": layout,
        },
    )


def _trace(events: list[NoteEvent], place: int, name: str) -> dict[str, Any]:
    colour, dash, symbol = LINES[place % len(LINES)]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [event.step + 1 for event in events],
        "y": [finite(event.value) for event in events],
        "line": {"color": colour, "dash": dash},
        "marker": {"size": 6, "symbol": symbol},
        "meta": {"born": [event.step for event in events]},
    }


def _tell_all(events: list[NoteEvent]) -> str:
    told = [f"{show_text(e.name).replace('_', ' ')} is {_words(e.value, 40)}" for e in events[:4]]
    return ", ".join(told) + "." if told else "nothing was noted."


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
        table.add(event.step, event.step, event.node, _words(event.value, 1000))
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
    match note.get("drawn_as") or _fitting(events[0].value):
        case "line":
            picture.figure = _line(events, shown + unit)
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


def _line(events: list[NoteEvent], title: str) -> dict[str, Any]:
    layout = base_layout()
    layout["xaxis"], layout["yaxis"] = axis("step"), axis(for_plotly(title))
    return {"data": [_trace(events, 0, for_plotly(title))], "layout": layout}


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
        text = f"step {event.step + 1}:  {_words(event.value, MOST_TEXT)}"
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


def _words(value: object, most: int) -> str:
    if isinstance(value, str):
        return clip(show_text(value), most)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, 6)
    short = json.loads(json.dumps(value), parse_float=lambda x: float(f"{float(x):.6g}"))
    return clip(show_text(json.dumps(short, ensure_ascii=False)), most)


def _tell(name: str, events: list[NoteEvent]) -> str:
    if not events:
        return f"{name} was not noted."
    values = ", ".join(_words(event.value, 40) for event in events[:3])
    return f"{name} is {values}{', …' if len(events) > 3 else ''}."
