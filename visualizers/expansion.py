"""The order of a search that goes back and forth: what it read step by step, and what waited."""

from __future__ import annotations

from typing import Any

from explorer.trace import Fold
from visualizers.charts import axis, base_layout, with_legend
from visualizers.picture import Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREEN, GREY, VERMILION
from visualizers.words import for_plotly, number, plural

READS = ("eval", "node", "mark")
NEEDS = ("leap",)
WAITS = ("open", "guess", "added")  # classes of a node that may still be read
LONG = 60  # characters of a text that is told


def leaps(fold: Fold) -> dict[int, int]:
    """Of each step in which a view read one node that does not continue the one it read in the
    step before: the node. Empty for whoever only goes on, or begins anew with another view."""
    read: dict[int, set[tuple[str, int]]] = {}
    for event in fold.evals:
        read.setdefault(event.step, set()).update((event.view, node) for node in event.nodes)
    alone = {step: next(iter(nodes)) for step, nodes in read.items() if len(nodes) == 1}
    found = {}
    for step, (view, node) in alone.items():
        before = alone.get(step - 1, ("", 0))
        if before[0] == view and before[1] != fold.nodes[node].parent:
            found[step] = node
    return found


def draw(reading: Reading) -> list[Picture]:
    leapt = leaps(reading.fold)
    if not leapt:
        return []
    begun = min(leapt)  # before it nothing tells this search from any other
    nodes = reading.fold.nodes
    read = [(e.step, n) for e in reading.fold.evals for n in e.nodes]
    ended = [(m.step, m.node) for marks in reading.marks_at for m in marks if m.mark == "finished"]
    waiting = _waiting(reading)
    table = Table(["step", "what", "length", "text", "waiting behind it"])
    told = sorted([(s, "read", n) for s, n in read] + [(s, "finished", n) for s, n in ended],
                  key=lambda row: row[0])  # fmt: skip
    for step, what, node in told:
        table.add(step, step, what, nodes[node].depth, _text(reading, node), waiting[step])
    layout = with_legend(base_layout())
    layout["xaxis"] = axis("step", anchor="y2")
    layout["yaxis"] = axis("length", domain=[0.36, 1], rangemode="tozero")
    layout["yaxis2"] = axis("waiting", domain=[0, 0.28], rangemode="tozero", nticks=4)
    return [
        Picture(
            id="expansion",
            kind="plotly",
            title="Order of expansion",
            what="Which prefix was read in each step, by its length, and how many others waited.",
            how="Where the line falls, the search went back to a shorter prefix that had become "
            "the more promising one. A cross is a prefix that does not continue the one before, a "
            "square a text that was finished. Below are the prefixes in the tree that may still "
            "be read.",
            captions=captions(reading, lambda step: _tell(reading, leapt, waiting, step)),
            table=table,
            figure={
                "data": [
                    _points(reading, read, begun, "read", BLUE, "circle", "lines+markers"),
                    _points(reading, [(s, n) for s, n in read if leapt.get(s) == n], begun,
                            "somewhere else than before", VERMILION, "x-thin-open", "markers"),
                    _points(reading, ended, begun, "finished", GREEN, "square", "markers"),
                    _line(waiting, begun),
                ],
                "layout": layout,
            },
        )
    ]  # fmt: skip


def _waiting(reading: Reading) -> list[int]:
    """At the end of each step the nodes that nobody has read and nothing was decided against."""
    read: set[int] = set()
    alive: set[int] = set()
    turns: dict[int, list[tuple[int, str]]] = {}
    for node, history in enumerate(reading.histories):
        for step, cls in history:
            turns.setdefault(step, []).append((node, cls))
    found = []
    for step in reading.steps:
        for event in reading.evals_at[step]:
            read.update(event.nodes)
        for node, cls in turns.get(step, []):
            (alive.add if cls in WAITS else alive.discard)(node)
        alive -= read
        found.append(len(alive))
    return found


def _text(reading: Reading, node: int) -> str:
    return reading.ending(node, LONG) if node else "(prompt)"


def _points(
    reading: Reading, at: list[tuple[int, int]], begun: int, name: str, colour: str, symbol: str,
    mode: str,
) -> dict[str, Any]:  # fmt: skip
    marker: dict[str, Any] = {
        "color": colour,
        "symbol": symbol,
        "size": 6 if mode != "markers" else 9,
    }
    if symbol.endswith("open"):
        marker["line"] = {"width": 2}
    return {
        "type": "scatter", "mode": mode, "name": name, "hoverinfo": "text",
        "x": [step + 1 for step, _ in at],
        "y": [reading.fold.nodes[node].depth for _, node in at],
        "hovertext": [
            f"step {step + 1}, {name}<br>{for_plotly(_text(reading, node))}" for step, node in at
        ],
        "marker": marker, "line": {"color": GREY, "width": 1},
        "meta": {"born": [max(step, begun) for step, _ in at]},
    }  # fmt: skip


def _line(waiting: list[int], begun: int) -> dict[str, Any]:
    steps = range(len(waiting))
    return {
        "type": "scatter", "mode": "lines", "name": "waiting", "yaxis": "y2",
        "x": [s + 1 for s in steps], "y": waiting, "showlegend": False,
        "line": {"color": BLUE, "shape": "hv", "dash": "dot"},
        "meta": {"born": [max(s, begun) for s in steps]},
    }  # fmt: skip


def _tell(reading: Reading, leapt: dict[int, int], waiting: list[int], step: int) -> str:
    read = [node for event in reading.evals_at[step] for node in event.nodes]
    if not read:
        said = "nothing was read"
    elif len(read) > 1:
        said = f"{len(read)} prefixes were read"
    else:
        length = reading.fold.nodes[read[0]].depth
        said = f"{reading.quote(read[0])}, {plural(length, 'token')} long, was read"
        said += ", somewhere else than before" if leapt.get(step) == read[0] else ""
    return f"{said}; {number(waiting[step])} wait."
