"""Code points falling through nested intervals: texts that share a line, and where they part.

A mark that keeps a node with `low` and `high` says which stretch of its parent's line it owns; the
random number of a choice behind that parent is where on the line a code point lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from visualizers.facts import node_tips
from visualizers.picture import Lane, Mark, Picture, Table, Tip
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import legend
from visualizers.words import clip, number, plural

READS = ("mark", "choice", "node")
NEEDS = ("number:low",)
LABEL = 9.0  # cells for the steps' names
WIDTH = 11.0  # cells of a line for each code point on it
GAP = 1.5  # between two lines
ROW = 5.0  # lines of a step: points, the line, its stretches pulled out, their tokens
MOST = 600  # code points that are drawn, all steps together


@dataclass(frozen=True, slots=True)
class Fall:
    """A code point that fell: its number from left to right, where it lay on which node's line,
    and the node whose stretch, from `low` to `high`, it fell into."""

    code: int
    place: float
    line: int
    node: int
    low: float
    high: float


def draw(reading: Reading) -> list[Picture]:
    falls = _falls(reading)
    if not falls:
        return []
    codes = max(fall.code for step in falls.values() for fall in step)
    shown = dict(list(falls.items())[: max(1, MOST // codes)])
    top = {step: i * ROW for i, step in enumerate(shown)}
    marks = [m for step, fell in shown.items() for m in _row(reading, step, fell, top[step])]
    how = (
        "A dot is a code point. The token whose stretch it falls into is taken, and that stretch "
        "is pulled out to the whole line below. Stretches are as long as their token is probable; "
        "a line is as wide as it has code points, which part where the border between two tokens "
        "runs between them."
    )
    if len(shown) < len(falls):
        how += f" The first {len(shown)} of {len(falls)} steps are drawn; the table has them all."
    focus, here = [], (0.0, 0.0)
    for step in reading.steps:
        here = (0.0, top.get(step, here[1]))
        focus.append(here)
    return [
        Picture(
            id="intervals",
            kind="marks",
            title="Nested intervals",
            what="Code points falling through the unit interval: each line belongs to one text "
            "and is cut among its next tokens.",
            how=how,
            captions=captions(reading, lambda step: _tell(reading, falls.get(step, []))),
            table=_table(reading, falls),
            legend=[("number", "code point: ●"), *legend(*_classes(marks))],
            marks=marks,
            size=(LABEL + codes * WIDTH, len(shown) * ROW),
            lanes=[Lane(f"step {step + 1}", top[step] + 0.8, ROW, step) for step in shown],
            focus=focus,
        )
    ]


def _classes(marks: Sequence[Mark]) -> set[str]:
    found = {m.cls for m in marks} | {cls for m in marks for _, cls in m.changes}
    return found - {"number", "axis"}


def _falls(reading: Reading) -> dict[int, list[Fall]]:
    """The code points of each step from left to right, which is their order on every line."""
    on_line: dict[int, list[int]] = {}  # node -> the code points whose text it ends
    found: dict[int, list[Fall]] = {}
    for step in reading.steps:
        owned = _stretches(reading, step)
        points: dict[int, list[tuple[float, int]]] = {}  # line -> (place, node fallen into)
        for _, choice in reading.choices_at[step]:
            if choice.u is None or not 0 <= choice.u < 1:
                continue
            for child in reading.fold.nodes[choice.node].children:
                if child in owned and reading.fold.nodes[child].token in choice.chosen:
                    points.setdefault(choice.node, []).append((choice.u, child))
        fell: list[Fall] = []
        for line, there in points.items():
            known = on_line.get(line, range(1, len(there) + 1))
            for code, (place, node) in zip(known, sorted(there), strict=False):
                fell.append(Fall(code, place, line, node, *owned[node]))
        for fall in fell:
            on_line.setdefault(fall.node, []).append(fall.code)
        if fell:
            found[step] = sorted(fell, key=lambda fall: fall.code)
    return found


def _stretches(reading: Reading, step: int) -> dict[int, tuple[float, float]]:
    """Of the nodes that were kept with a stretch of their parent's line: where it is."""
    found = {}
    for mark in reading.marked(step, "kept"):
        low, high = mark.numbers.get("low"), mark.numbers.get("high")
        if low is not None and high is not None and 0 <= low <= high <= 1.01:
            found[mark.node] = (float(low), float(high))
    return found


# What is drawn ---------------------------------------------------------------------------------


def _span(fell: Sequence[Fall]) -> tuple[float, float]:
    """From where to where the line of these code points runs."""
    first, last = fell[0].code, fell[-1].code
    return LABEL + (first - 1) * WIDTH, LABEL + last * WIDTH - GAP


def _by(fell: Sequence[Fall], what: str) -> dict[int, list[Fall]]:
    found: dict[int, list[Fall]] = {}
    for fall in fell:
        found.setdefault(getattr(fall, what), []).append(fall)
    return found


def _row(reading: Reading, step: int, fell: Sequence[Fall], top: float) -> Iterator[Mark]:
    y = top + 1.4
    for line, there in _by(fell, "line").items():
        left, right = _span(there)
        long = right - left
        yield Mark(f"line {step} {line}", "rule", left, y, "axis", step, width=long)
        for fall in there:
            tip = [Tip("code point", str(fall.code)), Tip("lies at", number(fall.place, 4))]
            yield Mark(
                f"code {step} {fall.code}", "text", left + fall.place * long, y - 0.6, "number",
                step, text="●", align="middle", small=True, tip=tip,
            )  # fmt: skip
        for node, inside in _by(there, "node").items():
            yield from _stretch(reading, step, node, inside, left, long, y)


def _stretch(
    reading: Reading, step: int, node: int, inside: Sequence[Fall], left: float, long: float,
    y: float,
) -> Iterator[Mark]:  # fmt: skip
    """The stretch of a node, what it is pulled out to, and its token."""
    low, high = inside[0].low, inside[0].high
    start, end = left + low * long, left + min(high, 1.0) * long
    cls, changes = reading.class_of(node, step), _later(reading, node, step)
    tip = [
        Tip("stretch", f"{number(low, 4)} to {number(high, 4)}"),
        *node_tips(reading, node),
        Tip("code points", ", ".join(str(fall.code) for fall in inside)),
    ]
    yield Mark(f"stretch {node}", "bar", start, y - 0.2, cls, step, width=max(end - start, 0.15),
               height=0.4, tip=tip, node=node, changes=changes)  # fmt: skip
    below, right = _span(inside)
    for side, a, b in (("left", start, below), ("right", end, right)):
        yield Mark(f"{side} {node}", "rule", a, y + 0.3, "axis", step, width=b - a or 0.01,
                   height=ROW - 2.4)  # fmt: skip
    room = int(right - below) - 2
    yield Mark(
        f"node {node}", "text", (below + right) / 2 - 1, y + ROW - 2.6, cls, step, align="middle",
        text=clip(reading.alone(reading.fold.nodes[node].token), room), sign=False, tip=tip,
        changes=changes, node=node,
    )  # fmt: skip


def _later(reading: Reading, node: int, step: int) -> list[tuple[int, str]]:
    return [(since, cls) for since, cls in reading.histories[node] if since > step]


# What is told ----------------------------------------------------------------------------------


def _tell(reading: Reading, fell: Sequence[Fall]) -> str:
    if not fell:
        return "no code point fell."
    stretches = _by(fell, "node")
    said = f"{plural(len(fell), 'code point')} fell into "
    said += plural(len(stretches), "stretch", "stretches")
    parted = sum(len({fall.node for fall in there}) > 1 for there in _by(fell, "line").values())
    if parted:
        said += f", and texts parted on {plural(parted, 'line')}"
    most = max(stretches.values(), key=len)
    if len(most) > 1:
        said += f"; {len(most)} share {reading.quote(most[0].node)}"
    return f"{said}."


def _table(reading: Reading, falls: dict[int, list[Fall]]) -> Table:
    table = Table(["step", "code point", "lies at", "token", "from", "to", "text ends in",
                   "length of the text's interval"])  # fmt: skip
    length: dict[int, float] = {}
    for step, fell in falls.items():
        for fall in fell:
            length[fall.code] = length.get(fall.code, 1.0) * (fall.high - fall.low)
            table.add_node(
                fall.node, reading.class_of(fall.node, step), step, step, fall.code, fall.place,
                reading.alone(reading.fold.nodes[fall.node].token), fall.low, fall.high,
                reading.ending(fall.node), length[fall.code],
            )  # fmt: skip
    return table
