"""Noted quantities over the steps, one panel a unit, one above another.

Lines in the same unit share a panel: a surprise and the threshold it is held against, a bound and
what can still be reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explorer.trace import NoteEvent
from visualizers.charts import axis, base_layout, with_legend
from visualizers.notes import declared_as, noted_words
from visualizers.picture import Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREEN, ORANGE, PURPLE, VERMILION
from visualizers.words import clip, finite, for_plotly, show_text

READS = ("note",)
NEEDS = ("note",)
MOST_PANELS = 4  # of a picture; more would be too low to be read
GAP = 0.1  # between two panels, of the whole height
LINES = (
    (BLUE, "solid", "circle"),
    (VERMILION, "dash", "square"),
    (GREEN, "dot", "diamond"),
    (PURPLE, "dashdot", "cross"),
    (ORANGE, "longdash", "x"),
)


def draw(reading: Reading) -> list[Picture]:
    declared = {note["name"]: note for note in reading.notes}
    panels: dict[str, list[str]] = {}  # unit, or the name of what has none -> names
    for name, events in reading.fold.notes.items():
        if declared_as(declared.get(name, {}), events) == "line":
            panels.setdefault(declared.get(name, {}).get("unit") or name, []).append(name)
    units = list(panels)
    return [
        _picture(reading, declared, {unit: panels[unit] for unit in units[i : i + MOST_PANELS]}, i)
        for i in range(0, len(units), MOST_PANELS)
    ]


def _picture(
    reading: Reading,
    declared: Mapping[str, Mapping[str, str]],
    panels: Mapping[str, list[str]],
    place: int,
) -> Picture:
    panel_of = {name: i for i, names in enumerate(panels.values()) for name in names}
    names = [name for name in reading.fold.notes if name in panel_of]
    shown = {name: show_text(name).replace("_", " ") for name in names}
    events = sorted((e for n in names for e in reading.fold.notes[n]), key=lambda e: (e.step, e.ms))
    by_step: dict[int, list[NoteEvent]] = {}
    table = Table(["step", "node", "quantity", "value", "unit"])
    for event in events:
        by_step.setdefault(event.step, []).append(event)
        unit = show_text(declared.get(event.name, {}).get("unit", ""))
        table.add(event.step, event.step, event.node, shown[event.name],
                  noted_words(event.value, 1000), unit)  # fmt: skip
    listed = ", ".join(list(shown.values())[:8]) + (", …" if len(shown) > 8 else "")
    data = []
    for i, name in enumerate(names):
        data.append(_trace(reading.fold.notes[name], i, panel_of[name], for_plotly(shown[name])))
    return Picture(
        id="lines" if not place else f"lines {place}",
        kind="plotly",
        title=listed if len(names) < 3 else "Over the steps",
        what=f"What the method noted step by step: {listed}.",
        how=_how(declared, shown),
        captions=captions(reading, lambda step: _tell(by_step.get(step, []), shown)),
        table=table,
        figure={"data": data, "layout": _layout(declared, panels, shown)},
    )


def _layout(
    declared: Mapping[str, Mapping[str, str]],
    panels: Mapping[str, list[str]],
    shown: Mapping[str, str],
) -> dict[str, Any]:
    layout = base_layout()
    if len(shown) > 1:
        layout = with_legend(layout)
    high = (1 - GAP * (len(panels) - 1)) / len(panels)
    layout["xaxis"] = axis("step", anchor=_axis("y", len(panels) - 1))
    for i, names in enumerate(panels.values()):
        unit = declared.get(names[0], {}).get("unit", "")
        words = clip(show_text(unit), 24) if unit else shown[names[0]]
        top = 1 - i * (high + GAP)
        layout[_axis("yaxis", i)] = axis(for_plotly(words), domain=[max(0.0, top - high), top])
    return layout


def _axis(name: str, i: int) -> str:
    return name if i == 0 else f"{name}{i + 1}"


def _trace(events: list[NoteEvent], place: int, panel: int, name: str) -> dict[str, Any]:
    colour, dash, symbol = LINES[place % len(LINES)]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [event.step + 1 for event in events],
        "y": [finite(event.value) for event in events],
        "yaxis": _axis("y", panel),
        "line": {"color": colour, "dash": dash},
        "marker": {"size": 6, "symbol": symbol},
        "meta": {"born": [event.step for event in events]},
    }


def _how(declared: Mapping[str, Mapping[str, str]], shown: Mapping[str, str]) -> str:
    told = "Quantities in one unit share a panel"
    for name, words in shown.items():
        about = show_text(declared.get(name, {}).get("about", "")).rstrip(".")
        if about and len(f"{told} {about}".split()) < 70:
            told += f"; {words}: {about}"
    return f"{told}."


def _tell(events: list[NoteEvent], shown: Mapping[str, str]) -> str:
    told = [f"{shown[e.name]} is {noted_words(e.value, 40)}" for e in events[:5]]
    return ", ".join(told) + "." if told else "nothing was noted."
