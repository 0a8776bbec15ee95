"""How much texts agree with each other: a matrix, the mean of each row, and who wins by it."""

from __future__ import annotations

from typing import Any

from explorer.records import Utilities
from explorer.trace import NoteEvent
from visualizers.charts import axis, base_layout
from visualizers.picture import Frame, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREY
from visualizers.words import clip, for_plotly, number, plural

READS = ("note", "node")
NEEDS = ("note:utilities",)
SHOWN = 12  # characters of a text beside its row
MOST_NAMED = 24  # rows that are named, and columns; more stand too close
MOST_NUMBERED = 10  # rows whose cells have room for a number


def draw(reading: Reading) -> list[Picture]:
    found = [
        (event, record)
        for event in reading.noted.get("utilities", ())
        if (record := Utilities.read(event.value)) and _is_whole(reading, record)
    ]
    if not found:
        return []
    table = Table(["step", "rank", "sample", "text ends in", "mean", "utility by sample"])
    frames = []
    for i, (event, record) in enumerate(found):
        ranked = _ranked(record)
        frames.append(_frame(reading, event, record, ranked, f"utilities {i}"))
        for rank, k in enumerate(ranked, 1):
            row = ", ".join(number(u) for u in record.matrix[k])
            ending = reading.ending(record.nodes[k])
            table.add(event.step, event.step, rank, k + 1, ending, record.means[k], row)
    latest = {event.step: record for event, record in found}
    return [
        Picture(
            id="utilities",
            kind="plotly",
            title="Agreement of texts",
            what="How good each text (row) is where another (column) is right, and beside it the "
            "mean of its row.",
            how="The best mean wins: its row is on top, framed, its bar filled. Rows and columns "
            "stand in the order of the means, so that texts which agree form a bright block in "
            "the upper left. Numbers name the texts in the order in which they were drawn.",
            captions=captions(reading, lambda step: _tell(reading, latest.get(step))),
            table=table,
            legend=[("text", "the text that wins"), ("pruned", "the other texts")],
            figure={"data": _data(), "layout": _layout()},
            frames=frames,
        )
    ]


def _is_whole(reading: Reading, record: Utilities) -> bool:
    n = len(record.nodes)
    known = all(0 <= node < len(reading.fold.nodes) for node in record.nodes)
    square = len(record.matrix) == n and all(len(row) == n for row in record.matrix)
    return n > 0 and known and square and len(record.means) == n


def _ranked(record: Utilities) -> list[int]:
    """The texts by their means, the first of equals first."""
    return sorted(range(len(record.means)), key=lambda k: -record.means[k])


def _data() -> list[dict[str, Any]]:
    bar = {"type": "bar", "orientation": "h", "xaxis": "x2", "hoverinfo": "text",
           "textposition": "none", "x": [], "y": []}  # fmt: skip
    scale = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "xanchor": "left",
             "len": 0.74, "thickness": 8, "outlinewidth": 0, "nticks": 4,
             "tickangle": 0}  # fmt: skip
    return [
        {"type": "heatmap", "colorscale": "Cividis", "z": [], "hoverinfo": "text", "xgap": 1,
         "ygap": 1, "colorbar": scale},
        {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "x": [], "y": [],
         "line": {"color": BLUE, "width": 3}},
        {**bar, "marker": {"color": BLUE}},
        {**bar, "marker": {"color": "rgba(0,0,0,0)", "line": {"color": GREY, "width": 1.5}}},
    ]  # fmt: skip


def _layout() -> dict[str, Any]:
    layout = base_layout()
    layout["margin"] = {**layout["margin"], "t": 40}
    layout["xaxis"] = axis("reference", domain=[0, 0.74], showgrid=False, tickangle=0)
    layout["xaxis2"] = axis("mean", domain=[0.79, 1], rangemode="tozero", nticks=3, tickangle=0)
    layout["yaxis"] = {**axis(""), "autorange": "reversed", "showgrid": False}
    layout["barmode"] = "overlay"
    return layout


def _frame(
    reading: Reading, event: NoteEvent, record: Utilities, ranked: list[int], of: str
) -> Frame:
    n = len(ranked)
    z = [[record.matrix[k][j] for j in ranked] for k in ranked]
    hover = [[_cell(reading, record, k, j) for j in ranked] for k in ranked]
    heat: dict[str, Any] = {"z": z, "hovertext": hover}
    if n <= MOST_NUMBERED:
        heat |= {"text": [[number(u, 2) for u in row] for row in z], "texttemplate": "%{text}"}
    edge = {"x": [-0.5, n - 0.5, n - 0.5, -0.5, -0.5], "y": [-0.5, -0.5, 0.5, 0.5, -0.5]}
    means = [record.means[k] for k in ranked]
    told = [f"{for_plotly(_name(reading, record, k))}: {number(record.means[k])}" for k in ranked]
    best = {"x": means[:1], "y": [0], "hovertext": told[:1]}
    others = {"x": means[1:], "y": list(range(1, n)), "hovertext": told[1:]}
    ticks: dict[str, Any] = {"showticklabels": False}
    if n <= MOST_NAMED:
        names = [for_plotly(_name(reading, record, k)) for k in ranked]
        names[0] = f"<b>● {names[0]}</b>"
        ticks = {"tickvals": list(range(n)), "ticktext": names}
    columns = {**ticks}
    if n <= MOST_NAMED:
        columns["ticktext"] = [str(k + 1) for k in ranked]
    layout = {"yaxis": ticks, "xaxis": columns}
    return Frame(event.step, of, plural(n, "text"), [heat, edge, best, others], layout)


def _name(reading: Reading, record: Utilities, k: int) -> str:
    """The number of a text and how it begins: samples tend to end alike."""
    text = reading.text(reading.fold.path(record.nodes[k])).strip()
    return f"{k + 1}: {clip(text, SHOWN)}"


def _cell(reading: Reading, record: Utilities, k: int, j: int) -> str:
    names = [for_plotly(_name(reading, record, i)) for i in (k, j)]
    return f"{names[0]}<br>where {names[1]}<br>is right: {number(record.matrix[k][j])}"


def _tell(reading: Reading, record: Utilities | None) -> str:
    if record is None:
        return "no texts were compared."
    ranked = _ranked(record)
    best = ranked[0]
    said = f"text {best + 1}, {reading.quote(record.nodes[best])}, wins with a mean of "
    said += number(record.means[best])
    if len(ranked) > 1:
        second = ranked[1]
        said += f", before text {second + 1} with {number(record.means[second])}"
    return f"{said}."
