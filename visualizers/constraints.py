"""What each hypothesis of a step has of what is wanted: met, begun, still open."""

from __future__ import annotations

from typing import Any

from explorer.records import Constraints, Standing
from explorer.trace import NoteEvent
from visualizers.charts import axis, base_layout
from visualizers.picture import Frame, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.words import clip, for_plotly, plural, show_text

READS = ("note", "node")
NEEDS = ("note:constraints",)
SHOWN = 14  # characters of a text beside its row, and of what is wanted above its column
MOST_ROWS = 24  # hypotheses of a step: more are too close to be read
SCALE = [[0, "rgba(128,128,128,0.12)"], [0.999, "#56B4E9"], [1, "#0072B2"]]


def draw(reading: Reading) -> list[Picture]:
    found = [
        (event, record)
        for event in reading.noted.get("constraints", ())
        if (record := Constraints.read(event.value)) and _is_whole(reading, record)
    ]
    if not found:
        return []
    table = Table(["step", "bank", "text ends in", "wanted", "tokens that stand", "of"])
    for event, record in found:
        for x in _ranked(record):
            for name, (have, whole) in zip(record.wanted, x.stands, strict=True):
                told = show_text(name, True)
                ending = reading.ending(x.node)
                table.add(event.step, event.step, x.bank, ending, told, have, whole)
    latest = {event.step: record for event, record in found}
    layout = base_layout()
    layout["margin"] = {**layout["margin"], "t": 40}
    layout["xaxis"] = axis("", side="top", showgrid=False)
    layout["yaxis"] = axis("", autorange="reversed", showgrid=False)
    heat = {"type": "heatmap", "colorscale": SCALE, "zmin": 0, "zmax": 1, "showscale": False,
            "xgap": 3, "ygap": 2, "hoverinfo": "text", "texttemplate": "%{text}",
            "z": []}  # fmt: skip
    return [
        Picture(
            id="constraints",
            kind="plotly",
            title="Constraints",
            what="What each running hypothesis (row) has of each thing that is wanted (column).",
            how="✓ is met; a number says how many of its tokens stand at the end of the text; an "
            "empty field is still open. Before each text stands its bank: how much it has in all. "
            "The richest bank is on top.",
            captions=captions(reading, lambda step: _tell(latest.get(step))),
            table=table,
            figure={"data": [heat], "layout": layout},
            frames=[_frame(reading, event, record, i) for i, (event, record) in enumerate(found)],
        )
    ]


def _is_whole(reading: Reading, record: Constraints) -> bool:
    return bool(record.wanted and record.hypotheses) and all(
        0 <= x.node < len(reading.fold.nodes)
        and len(x.stands) == len(record.wanted)
        and all(0 <= have <= whole and whole > 0 for have, whole in x.stands)
        for x in record.hypotheses
    )


def _ranked(record: Constraints) -> list[Standing]:
    """The richest bank first, within a bank in the order of the search."""
    return sorted(record.hypotheses, key=lambda x: -x.bank)


def _frame(reading: Reading, event: NoteEvent, record: Constraints, i: int) -> Frame:
    shown = _ranked(record)[:MOST_ROWS]
    z = [[have / whole for have, whole in x.stands] for x in shown]
    text = [[_sign(*part) for part in x.stands] for x in shown]
    hover = [
        [f"{for_plotly(show_text(name, True))}: {_words(*part)}"
         for name, part in zip(record.wanted, x.stands, strict=True)]
        for x in shown
    ]  # fmt: skip
    names = [for_plotly(f"{x.bank}: {reading.ending(x.node, SHOWN)}") for x in shown]
    wanted = [for_plotly(clip(show_text(name, True), SHOWN)) for name in record.wanted]
    layout: dict[str, Any] = {
        "xaxis": {"tickvals": list(range(len(wanted))), "ticktext": wanted},
        "yaxis": {"tickvals": list(range(len(names))), "ticktext": names},
    }
    label = plural(len(record.hypotheses), "hypothesis", "hypotheses")
    if len(shown) < len(record.hypotheses):
        label += f", the richest {len(shown)}"
    trace = {"z": z, "text": text, "hovertext": hover}
    return Frame(event.step, f"constraints {i}", label, [trace], layout)


def _sign(have: int, whole: int) -> str:
    return "✓" if have == whole else f"{have} of {whole}" if have else ""


def _words(have: int, whole: int) -> str:
    if have == whole:
        return "met"
    return f"begun, {have} of {whole} tokens" if have else "open"


def _tell(record: Constraints | None) -> str:
    if record is None:
        return "nothing was held against what is wanted."
    best = _ranked(record)[0]
    met = sum(have == whole for have, whole in best.stands)
    begun = sum(0 < have < whole for have, whole in best.stands)
    said = f"the richest of {plural(len(record.hypotheses), 'hypothesis', 'hypotheses')} has "
    said += f"{met} of {len(best.stands)} met"
    return f"{said} and {begun} begun." if begun else f"{said}."
