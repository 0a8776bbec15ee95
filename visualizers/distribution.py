"""The law of the next token at each step, before and after what changed it."""

from __future__ import annotations

from typing import Any

from explorer.trace import ChoiceEvent
from visualizers.charts import axis, base_layout
from visualizers.picture import Frame, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREY, VERMILION
from visualizers.words import for_plotly, number, plural, probability

READS = ("choice", "node", "view")
NEEDS = ("choice",)
_BAR = {
    "type": "bar",
    "orientation": "h",
    "hovertemplate": "%{x:.4g} %{fullData.name}<extra></extra>",
    "x": [],
    "y": [],
}


def draw(reading: Reading) -> list[Picture]:
    frames: list[Frame] = []
    table = Table(
        ["step", "after", "law", "token", "log p before", "log p after", "removed by", "chosen"]
    )
    for step in reading.steps:
        named = reading.choices_at[step]
        for i, (name, choice) in enumerate(reading.laws_at[step]):
            count = f", {i + 1} of {len(named)}" if len(named) > 1 else ""
            frames.append(_frame(reading, step, name, choice, count))
        for _, choice in named:
            _rows(reading, table, step, choice)
    return [
        Picture(
            id="distribution",
            kind="plotly",
            title="Next-token law",
            what="The most probable next tokens at this step, before and after the filters.",
            how="Outlined bars are the model's own law, filled ones what the draw was made from. "
            "Struck tokens were removed, by what stands beside them; the diamond is the token "
            "that was chosen.",
            captions=captions(reading, lambda step: _tell(reading, step)),
            table=table,
            legend=[
                ("open", "before the filters"),
                ("text", "after the filters, renormalised"),
                ("rejected", "removed; the cause stands beside the token"),
            ],
            figure={"data": _traces(), "layout": _layout()},
            frames=frames,
        )
    ]


def _traces() -> list[dict[str, Any]]:
    outline = {"color": "rgba(0,0,0,0)", "line": {"color": GREY, "width": 1.5}}
    removed = {
        "color": VERMILION,
        "pattern": {"shape": "x", "fillmode": "replace", "fgcolor": VERMILION, "size": 6},
        "line": {"color": VERMILION, "width": 1},
    }
    chosen = {"symbol": "diamond", "size": 11, "color": BLUE, "line": {"color": "#fff", "width": 1}}
    return [
        {**_BAR, "name": "before", "marker": outline, "width": 0.78},
        {**_BAR, "name": "removed", "marker": removed, "width": 0.78},
        {**_BAR, "name": "after", "marker": {"color": BLUE}, "width": 0.4},
        {
            "type": "scatter",
            "mode": "markers",
            "name": "chosen",
            "marker": chosen,
            "hoverinfo": "skip",
            "cliponaxis": False,
            "x": [],
            "y": [],
        },
    ]


def _layout() -> dict[str, Any]:
    layout = base_layout()
    layout["barmode"] = "overlay"
    layout["xaxis"] = axis("probability", rangemode="tozero")
    layout["yaxis"] = {**axis(""), "autorange": "reversed", "showgrid": False}
    return layout


def _frame(reading: Reading, step: int, name: str, choice: ChoiceEvent, count: str) -> Frame:
    rows = range(len(choice.tokens))
    raw = [probability(choice.raw[i]) for i in rows]
    final = [probability(choice.final[i]) for i in rows]
    kept = [i for i in rows if choice.removed_by[i] is None]
    gone = [i for i in rows if choice.removed_by[i] is not None]
    drawn = [i for i in rows if choice.tokens[i] in choice.chosen]
    labels = [_label(reading, choice, i) for i in rows]
    return Frame(
        step=step,
        of=name,
        label=_title(reading, choice) + count,
        traces=[
            {"x": [raw[i] for i in kept], "y": kept},
            {"x": [raw[i] for i in gone], "y": gone},
            {"x": [final[i] for i in kept], "y": kept},
            {"x": [final[i] for i in drawn], "y": drawn},
        ],
        layout={"yaxis": {"tickvals": list(rows), "ticktext": labels}},
    )


def would_be(reading: Reading, name: str, choice: ChoiceEvent, other: ChoiceEvent) -> Frame:
    """The frame of a choice beside what it would be under other filters (`other`).

    What it was moves aside, grey; what it would become is a trace more than the figure has.
    """
    frame = _frame(reading, choice.step, name, other, "")
    raw, gone, then, chosen = frame.traces
    was = [probability(logp) for logp in choice.final]
    before = {"name": "as it was", "x": was, "y": list(range(len(was))), "marker": {"color": GREY}}
    chosen = {"x": [was[i] for i in chosen["y"]], "y": chosen["y"]}
    pattern = {"shape": "/", "fillmode": "replace", "fgcolor": BLUE, "size": 6}
    hatched = {"color": BLUE, "pattern": pattern, "line": {"color": BLUE, "width": 1.5}}
    becoming = {**_BAR, **then, "name": "what it would become", "marker": hatched}
    frame.traces = [
        raw,
        gone,
        before | {"width": 0.24, "offset": -0.34},
        chosen,
        becoming | {"width": 0.4, "offset": -0.06},
    ]
    return frame


def _label(reading: Reading, choice: ChoiceEvent, i: int) -> str:
    token = for_plotly(reading.alone(choice.tokens[i]))
    cause = choice.removed_by[i]
    return token if cause is None else f"✗ {for_plotly(cause)}  <s>{token}</s>"


def _title(reading: Reading, choice: ChoiceEvent) -> str:
    taken = [f"{cause} removed {number(m)}" for cause, m in choice.removed_mass.items() if m > 0]
    drawn = [] if choice.u is None else [f"drawn with u = {number(choice.u)}"]
    return "; ".join(
        [f"After {reading.quote(choice.node)}, law of “{choice.stream}”", *taken, *drawn]
    )


def _rows(reading: Reading, table: Table, step: int, choice: ChoiceEvent) -> None:
    columns = zip(choice.tokens, choice.raw, choice.final, choice.removed_by, strict=True)
    after = reading.ending(choice.node)
    for token, raw, final, cause in columns:
        chosen = "yes" if token in choice.chosen else ""
        shown = reading.alone(token)
        table.add(step, step, after, choice.stream, shown, raw, final, cause, chosen)


def _tell(reading: Reading, step: int) -> str:
    named = reading.choices_at[step]
    if not named:
        return "nothing was chosen."
    _, choice = reading.laws_at[step][0]
    taken = sum(choice.removed_mass.values())
    more = f" ({plural(len(named), 'law')} at this step)" if len(named) > 1 else ""
    chosen = ", ".join(f"“{reading.alone(t)}”" for t in choice.chosen[:3]) or "nothing"
    lost = f"; {number(taken)} of the mass was removed" if taken > 0 else ""
    return f"after {reading.quote(choice.node)} {chosen} was chosen{lost}{more}."
