"""Votes: which texts gave which answer, how the answers gained, and which of them leads."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any

from explorer.records import Vote
from visualizers.charts import axis, base_layout
from visualizers.picture import Frame, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREEN, GREY, PURPLE, VERMILION
from visualizers.words import clip, for_plotly, number, plural, show_text

READS = ("note", "node")
NEEDS = ("note:votes",)
SHOWN = 24  # characters of an answer
MOST_ANSWERS = 12  # that have a row of their own
LINES = ((BLUE, "solid"), (VERMILION, "dash"), (GREEN, "dot"), (PURPLE, "dashdot"))


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote with its number among the texts, the node of its text, and when it was counted."""

    number: int
    node: int | None
    step: int
    vote: Vote


def draw(reading: Reading) -> list[Picture]:
    cast = [
        Cast(i, event.node, event.step, vote)
        for i, event in enumerate(reading.noted.get("votes", ()), 1)
        if (vote := Vote.read(event.value))
    ]
    if not cast:
        return []
    table = Table(["step", "text", "text ends in", "answer", "weight", "votes of the answer"])
    votes: dict[str, float] = {}
    for this in cast:
        answer, weight = this.vote.answer, this.vote.weight
        if answer is not None:
            votes[answer] = votes.get(answer, 0.0) + weight
        table.add(
            this.step, this.step, this.number, _ending(reading, this),
            "none" if answer is None else show_text(answer), weight,
            None if answer is None else votes[answer],
        )  # fmt: skip
    steps = sorted({this.step for this in cast})
    return [
        Picture(
            id="votes",
            kind="plotly",
            title="Votes",
            what="The answers that the texts gave: above what each of them got, a piece for each "
            "text that voted for it, below how they gained text by text.",
            how="A piece is as long as its vote weighs, and its number says which text it is from. "
            "The answer that leads is filled; of equals the one that came first. Texts without an "
            "answer do not vote.",
            captions=captions(reading, lambda step: _tell(cast, step)),
            table=table,
            legend=[("text", "the answer that leads"), ("pruned", "the other answers")],
            figure={"data": _data(), "layout": _layout()},
            frames=[_frame(reading, [c for c in cast if c.step <= step], step) for step in steps],
        )
    ]


def _ending(reading: Reading, this: Cast) -> str:
    known = this.node is not None and 0 <= this.node < len(reading.fold.nodes)
    return reading.ending(this.node or 0) if known else ""


def _counted(cast: list[Cast]) -> dict[str, list[Cast]]:
    """The votes of each answer, the leading one first; of equals the earlier."""
    by_answer: dict[str, list[Cast]] = {}
    for this in cast:
        if this.vote.answer is not None:
            by_answer.setdefault(this.vote.answer, []).append(this)
    ranked = sorted(by_answer, key=lambda answer: -_sum(by_answer[answer]))
    return {answer: by_answer[answer] for answer in ranked}


def _sum(cast: list[Cast]) -> float:
    return sum(this.vote.weight for this in cast)


def _entropy(counted: dict[str, list[Cast]]) -> float:
    """How far the votes scatter over the answers, in nats: 0 where all are for one."""
    weights = [x for votes in counted.values() if (x := _sum(votes)) > 0]
    return -sum(x / sum(weights) * log(x / sum(weights)) for x in weights)


def _data() -> list[dict[str, Any]]:
    bar = {"type": "bar", "orientation": "h", "hoverinfo": "text", "textposition": "inside",
           "insidetextanchor": "middle", "textangle": 0, "base": [], "x": [], "y": []}  # fmt: skip
    edge = {"line": {"color": GREY, "width": 1.5}}
    lines = [
        {"type": "scatter", "mode": "lines+text", "textposition": "top left",
         "line": {"color": colour, "dash": dash, "shape": "vh"}, "hoverinfo": "name+x+y",
         "xaxis": "x2", "yaxis": "y2", "cliponaxis": False, "x": [], "y": [], "text": []}
        for colour, dash in LINES
    ]  # fmt: skip
    return [
        {**bar, "marker": {"color": BLUE, "line": {"color": "#ffffff", "width": 1}},
         "textfont": {"color": "#ffffff"}},
        {**bar, "marker": {"color": "rgba(0,0,0,0)", **edge}},
        *lines,
    ]  # fmt: skip


def _layout() -> dict[str, Any]:
    layout = base_layout()
    layout["barmode"] = "overlay"
    layout["xaxis"] = axis("votes", rangemode="tozero")
    layout["yaxis"] = axis("", domain=[0.46, 1], autorange="reversed", showgrid=False)
    layout["xaxis"]["anchor"] = "y"
    layout["xaxis2"] = axis("texts counted", anchor="y2", rangemode="tozero")
    layout["yaxis2"] = axis("votes", domain=[0, 0.26], anchor="x2", rangemode="tozero", nticks=4)
    return layout


def _frame(reading: Reading, cast: list[Cast], step: int) -> Frame:
    counted = _counted(cast)
    leading = next(iter(counted), None)
    shown = list(counted)[:MOST_ANSWERS]
    rest = [this for answer in list(counted)[MOST_ANSWERS:] for this in counted[answer]]
    rows = [counted[answer] for answer in shown] + ([rest] if rest else [])
    names = [_name(answer, counted[answer], answer == leading) for answer in shown]
    if rest:
        others = plural(len(counted) - len(shown), "other answer")
        names.append(for_plotly(f"{others}: {number(_sum(rest))}"))
    bars = [_pieces(reading, rows[:1], 0), _pieces(reading, rows[1:], 1)]
    lines = [_gained(cast, answer) for answer in shown[: len(LINES)]]
    lines += [{"x": [], "y": [], "text": []}] * (len(LINES) - len(lines))
    ticks = {"tickvals": list(range(len(names))), "ticktext": names}
    label = f"{plural(len(cast), 'text')}, {plural(len(counted), 'answer')}"
    return Frame(step, f"votes {step}", label, [*bars, *lines], {"yaxis": ticks})


def _name(answer: str, votes: list[Cast], leads: bool) -> str:
    told = for_plotly(f"{clip(show_text(answer, True), SHOWN)}: {number(_sum(votes))}")
    return f"<b>● {told}</b>" if leads else told


def _pieces(reading: Reading, rows: list[list[Cast]], first: int) -> dict[str, Any]:
    """The votes of some answers, end to end in the answer's row."""
    x: list[float] = []
    y: list[int] = []
    base: list[float] = []
    text: list[str] = []
    hover: list[str] = []
    for row, votes in enumerate(rows, first):
        reached = 0.0
        for this in votes:
            x.append(this.vote.weight)
            y.append(row)
            base.append(reached)
            text.append(str(this.number))
            ending = for_plotly(_ending(reading, this))
            answer = for_plotly(clip(show_text(this.vote.answer or "", True), SHOWN))
            hover.append(f"text {this.number}, {ending}<br>{answer}: {number(this.vote.weight)}")
            reached += this.vote.weight
    return {"x": x, "y": y, "base": base, "text": text, "hovertext": hover}


def _gained(cast: list[Cast], answer: str) -> dict[str, Any]:
    reached, y = 0.0, [0.0]
    for this in cast:
        reached += this.vote.weight if this.vote.answer == answer else 0.0
        y.append(reached)
    name = for_plotly(clip(show_text(answer, True), SHOWN))
    text = [""] * len(cast) + [name]
    return {"x": list(range(len(y))), "y": y, "text": text, "name": name}


def _tell(cast: list[Cast], step: int) -> str:
    here = [this for this in cast if this.step <= step]
    counted = _counted(here)
    if not here:
        return "nothing was voted on."
    if not counted:
        return f"none of {plural(len(here), 'text')} has an answer."
    leading, *others = counted
    said = f"“{clip(show_text(leading, True), SHOWN)}” leads with "
    said += f"{number(_sum(counted[leading]))} of {number(sum(map(_sum, counted.values())))}"
    if others:
        second = others[0]
        said += f", before “{clip(show_text(second, True), SHOWN)}” with "
        said += number(_sum(counted[second]))
        said += f"; their entropy is {number(_entropy(counted))} nats"
    silent = sum(this.vote.answer is None for this in here)
    said += f"; {plural(silent, 'text')} did not vote" if silent else ""
    return f"{said}."
