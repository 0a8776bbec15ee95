"""Entropy and surprisal along the text, for every view that read it."""

from __future__ import annotations

from math import log
from typing import Any

from visualizers.charts import axis, base_layout, with_legend
from visualizers.facts import logps
from visualizers.picture import Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREEN, ORANGE, PURPLE, VERMILION
from visualizers.words import finite, for_plotly, number

READS = ("eval", "mark", "choice", "node")
NEEDS = ("mark:emitted",)
LINES = ((ORANGE, "dash", "circle-open"), (GREEN, "dot", "square-open"),
         (PURPLE, "dashdot", "diamond-open"), (VERMILION, "longdash", "x"))  # fmt: skip


def draw(reading: Reading) -> list[Picture]:
    nodes = [m.node for m in reading.fold.emitted]
    born = [m.step for m in reading.fold.emitted]
    views = list(reading.fold.views) or sorted(
        {view for n in nodes for view in reading.fold.nodes[n].entropy}
    )
    surprisals = [_surprisal(reading, n) for n in nodes]
    traces = [
        _line(reading, nodes, born, surprisals, "surprisal of the token", BLUE, "solid", "circle")
    ]
    entropies: list[list[float | None]] = []
    for i, view in enumerate(views):
        colour, dash, symbol = LINES[i % len(LINES)]
        above = [reading.fold.nodes[n].parent for n in nodes]
        values = [finite(reading.fold.nodes[n].entropy.get(view)) for n in above]
        entropies.append(values)
        name = f"entropy, {view}"
        traces.append(_line(reading, nodes, born, values, name, colour, dash, symbol))
    layout = with_legend(base_layout())
    layout["xaxis"] = axis("token of the text", rangemode="tozero")
    layout["yaxis"] = axis("nats", rangemode="tozero")
    table = Table(["place", "token", "surprisal (nats)", *(f"entropy, {v} (nats)" for v in views)])
    for i, n in enumerate(nodes):
        token = reading.alone(reading.fold.nodes[n].token)
        table.add(born[i], i + 1, token, surprisals[i], *(column[i] for column in entropies))
    return [
        Picture(
            id="entropy",
            kind="plotly",
            title="Entropy and surprisal",
            what="How uncertain each law was (entropy), and how unlikely the token that came "
            "(surprisal).",
            how="Where the surprisal is far above the entropy, an unlikely token was taken; where "
            "both are near zero, the model was sure.",
            captions=captions(reading, lambda step: _tell(reading, step)),
            table=table,
            figure={"data": traces, "layout": layout},
        )
    ]


def _line(
    reading: Reading,
    nodes: list[int],
    born: list[int],
    values: list[float | None],
    name: str,
    colour: str,
    dash: str,
    symbol: str,
) -> dict[str, Any]:
    tokens = [for_plotly(reading.alone(reading.fold.nodes[n].token)) for n in nodes]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": for_plotly(name),
        "x": list(range(1, len(nodes) + 1)),
        "y": values,
        "hovertext": [
            f"{t}: {number(v) if v is not None else '?'}"
            for t, v in zip(tokens, values, strict=True)
        ],
        "hoverinfo": "text+name",
        "line": {"color": colour, "dash": dash, "width": 2 if dash == "solid" else 1.5},
        "marker": {"symbol": symbol, "size": 6},
        "meta": {"born": born},
    }


def _surprisal(reading: Reading, node: int) -> float | None:
    """-log p of the token in its law before the filters, else as the target judged the guess."""
    law = reading.law(node)
    if law is not None:
        raw, _ = logps(law, reading.fold.nodes[node].token)
        return None if raw is None else -raw
    for mark in reading.fold.nodes[node].marks:
        p = mark.numbers.get("p")
        if mark.mark == "accepted" and p:
            return -log(p)
    return None


def _tell(reading: Reading, step: int) -> str:
    emitted = [m.node for m in reading.marked(step, "emitted")]
    known = [(s, n) for n in emitted if (s := _surprisal(reading, n)) is not None]
    if not known:
        return "no token joined the text." if not emitted else "its tokens' laws are not known."
    most, node = max(known)
    if len(known) == 1:
        return f"{reading.quoted([node])} carries {number(most)} nats of surprise."
    mean = sum(s for s, _ in known) / len(known)
    return (
        f"{len(known)} tokens with {number(mean)} nats of surprise on average, the most "
        f"surprising {reading.quoted([node])} with {number(most)}."
    )
