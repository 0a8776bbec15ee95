"""Hypotheses in lanes: one for each group of a search, or for each bank, and each step a column.

What lane a hypothesis is in is a number of its mark; what it paid is another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from explorer.trace import MarkEvent
from visualizers.facts import node_tips
from visualizers.picture import Lane, Mark, Picture, Table, Tip
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import legend
from visualizers.words import cells, number, plural

READS = ("mark", "node")
# Number of a mark -> what the lanes are called.
KINDS = {"group": "group", "covered": "bank", "met": "bank"}
NEEDS = tuple(f"number:{name}" for name in KINDS)
HOW = {
    "group": "A hypothesis stands behind the one that it continues. Below a token stands what its "
    "group paid for it in nats, and the earlier groups that had just chosen it.",
    "bank": "Bank 0 holds what has nothing of what is wanted yet, the last bank what has all of "
    "it. A hypothesis stands behind the one that it continues; one that begins or goes on with "
    "something wanted moves down, one that breaks it off moves up.",
}
LABEL = 10.0  # cells for the lanes' names
SIGN, GAP = 2.0, 3.0
NAMED = 6  # steps from one name of a lane to the next
MOST = 1500  # hypotheses that are drawn


@dataclass(slots=True)
class Kept:
    """A hypothesis in its lane: the mark that put it there, its rank, and to whom it paid."""

    mark: MarkEvent
    lane: int
    rank: int
    paid: float = 0.0
    to: list[int] = field(default_factory=list)

    @property
    def of(self) -> str:
        return f"{self.mark.step} {self.lane} {self.rank}"


def draw(reading: Reading) -> list[Picture]:
    columns = _columns(reading)
    if not columns:
        return []
    name = _name(reading)
    word = KINDS[name]
    lanes = sorted({kept.lane for column in columns.values() for kept in column})
    rows = _rows(columns, lanes)
    pays = any(kept.paid for column in columns.values() for kept in column)
    high = 2 if pays else 1  # lines of a hypothesis
    tops, top = {}, 1.0
    for lane in lanes:
        tops[lane] = top
        top += high * rows[lane] + 1
    drawn = {
        step: [kept for kept in column if kept.rank < rows[kept.lane]]
        for step, column in list(columns.items())[: max(1, MOST // max(1, sum(rows.values())))]
    }
    x = _places(reading, drawn)
    y = {k.of: tops[k.lane] + high * k.rank + 0.5 for col in drawn.values() for k in col}
    marks = [*_lines(reading, drawn, x, y), *_tokens(reading, drawn, x, y)]
    marks += _names(word, drawn, x, tops)
    classes = {m.cls for m in marks} | {cls for m in marks for _, cls in m.changes}
    how = HOW[word]
    left_out = sum(map(len, columns.values())) - sum(map(len, drawn.values()))
    if left_out:
        how += f" {left_out} of lower rank, or later, are not drawn; the table has them."
    first = {lane: next(s for s, c in columns.items() if lane in {k.lane for k in c})
             for lane in lanes}  # fmt: skip
    return [
        Picture(
            id="lanes",
            kind="marks",
            title=f"{word.capitalize()}s",
            what=f"The hypotheses that went on in each step, each {word} in a lane of its own.",
            how=how,
            captions=captions(reading, lambda step: _tell(reading, word, columns.get(step, []))),
            table=_table(reading, word, columns),
            legend=legend(*classes - {"axis"}),
            marks=marks,
            size=(max(x.values(), default=LABEL) + GAP + _widest(reading, drawn), top),
            lanes=[
                Lane(f"{word} {lane}", tops[lane], high * rows[lane], first[lane]) for lane in lanes
            ],
            focus=_focus(reading, x),
        )
    ]


def _name(reading: Reading) -> str:
    """The number that tells the lane."""
    numbers = {n for marks in reading.marks_at for m in marks if m.mark == "kept"
               for n in m.numbers}  # fmt: skip
    return next((name for name in KINDS if name in numbers), "")


def _columns(reading: Reading) -> dict[int, list[Kept]]:
    """What went on in each step, by lane and rank."""
    name = _name(reading)
    found: dict[int, list[Kept]] = {}
    for step in reading.steps if name else ():
        ranks: dict[int, int] = {}
        takers: dict[int | None, list[int]] = {}  # token -> the lanes that took it in this step
        for mark in reading.marked(step, "kept"):
            place = mark.numbers.get(name)
            if not isinstance(place, int | float):
                continue
            kept = Kept(mark, int(place), ranks.get(int(place), 0))
            ranks[kept.lane] = kept.rank + 1
            token = reading.fold.nodes[mark.node].token
            if paid := mark.numbers.get("paid"):
                kept.paid = paid
                kept.to = sorted({lane for lane in takers.get(token, []) if lane < kept.lane})
            takers.setdefault(token, []).append(kept.lane)
            found.setdefault(step, []).append(kept)
    return found


def _rows(columns: dict[int, list[Kept]], lanes: list[int]) -> dict[int, int]:
    """How many hypotheses of each lane are drawn: all, if there is room for them."""
    most = dict.fromkeys(lanes, 0)
    for column in columns.values():
        for kept in column:
            most[kept.lane] = max(most[kept.lane], kept.rank + 1)
    room = max(1, MOST // (len(columns) * len(lanes)))
    if sum(most.values()) * len(columns) <= MOST:
        return most
    return {lane: min(rows, room) for lane, rows in most.items()}


# Where and how everything stands ---------------------------------------------------------------


def _text(reading: Reading, kept: Kept) -> str:
    return reading.token(reading.fold.nodes[kept.mark.node].token) or "␣"


def _paid(kept: Kept) -> str:
    if not kept.paid:
        return ""
    to = f" to {', '.join(map(str, kept.to))}" if kept.to else ""
    return f"−{number(kept.paid)}{to}"


def _width(reading: Reading, kept: Kept) -> float:
    return max(SIGN + cells(_text(reading, kept)), 0.9 * cells(_paid(kept)))


def _places(reading: Reading, drawn: dict[int, list[Kept]]) -> dict[int, float]:
    """Of each step its column's left end."""
    found, x = {}, LABEL
    for step, column in drawn.items():
        found[step] = x
        x += max((_width(reading, kept) for kept in column), default=0.0) + GAP
    return found


def _widest(reading: Reading, drawn: dict[int, list[Kept]]) -> float:
    last = list(drawn.values())[-1] if drawn else []
    return max((_width(reading, kept) for kept in last), default=0.0)


def _classes(reading: Reading, node: int, step: int) -> tuple[str, list[tuple[int, str]]]:
    """The class of a node at a step, and what it turns into later."""
    later = [(s, cls) for s, cls in reading.histories[node] if s > step]
    return reading.class_of(node, step), later


def _tokens(
    reading: Reading, drawn: dict[int, list[Kept]], x: dict[int, float], y: dict[str, float]
) -> Iterator[Mark]:
    for step, column in drawn.items():
        for kept in column:
            node = kept.mark.node
            cls, changes = _classes(reading, node, step)
            tip = node_tips(reading, node)
            yield Mark(
                f"kept {kept.of}", "text", x[step], y[kept.of], cls, step,
                text=_text(reading, kept), sign=True, changes=changes, tip=tip, node=node,
            )  # fmt: skip
            if kept.paid:
                told = [Tip("paid", f"{number(kept.paid)} nats", step)]
                yield Mark(
                    f"paid {kept.of}", "text", x[step] + SIGN, y[kept.of] + 0.85, "number", step,
                    text=_paid(kept), small=True, tip=told,
                )  # fmt: skip


def _names(
    word: str, drawn: dict[int, list[Kept]], x: dict[int, float], tops: dict[int, float]
) -> Iterator[Mark]:
    """The lanes' names again, where those at the left are out of sight."""
    for step in list(drawn)[NAMED::NAMED]:
        for lane in sorted({kept.lane for kept in drawn[step]}):
            yield Mark(f"name {step} {lane}", "text", x[step], tops[lane] - 0.4, "axis", step,
                       text=f"{word} {lane}", small=True)  # fmt: skip


def _lines(
    reading: Reading, drawn: dict[int, list[Kept]], x: dict[int, float], y: dict[str, float]
) -> Iterator[Mark]:
    """From each hypothesis to those that continue it, in its own lane if it is there too."""
    before: list[Kept] = []
    for step, column in drawn.items():
        going: set[str] = set()  # those of the step before from which a line leads on
        for kept in column:
            above = [k for k in before if k.mark.node == reading.fold.nodes[kept.mark.node].parent]
            if not above:
                continue
            parent = next((k for k in above if k.lane == kept.lane), above[0])
            # A line keeps to its own row until just before the next column.
            start = x[parent.mark.step] + SIGN + cells(_text(reading, parent)) + 0.3
            turn = max(x[step] - GAP + 0.5, start)
            if parent.of not in going:
                going.add(parent.of)
                cls, changes = _classes(reading, parent.mark.node, step)
                yield Mark(f"along {parent.of}", "rule", start, y[parent.of], cls, step,
                           width=max(turn - start, 0.01), changes=changes)  # fmt: skip
            cls, changes = _classes(reading, kept.mark.node, step)
            down = y[kept.of] - y[parent.of]
            yield Mark(f"edge {kept.of}", "edge", turn, y[parent.of], cls, step,
                       width=x[step] - turn - 0.3, height=down, changes=changes)  # fmt: skip
        before = column


def _focus(reading: Reading, x: dict[int, float]) -> list[tuple[float, float]]:
    found, here = [], (0.0, 0.0)
    for step in reading.steps:
        if step in x:
            here = (x[step], 0.0)
        found.append(here)
    return found


# What is told ----------------------------------------------------------------------------------


def _tell(reading: Reading, word: str, column: list[Kept]) -> str:
    if not column:
        return "nothing went on."
    counts: dict[int, int] = {}
    for kept in column:
        counts[kept.lane] = counts.get(kept.lane, 0) + 1
    names = ", ".join(map(str, sorted(counts)))
    held = ", ".join(str(counts[lane]) for lane in sorted(counts))
    words = f"{word}s" if len(counts) > 1 else word
    said = f"{words} {names} held {held} hypotheses"
    dearest = max(column, key=lambda kept: kept.paid)
    if dearest.paid:
        token = reading.quoted([dearest.mark.node])
        said += f"; group {dearest.lane} paid {number(dearest.paid)} nats for {token}"
        if dearest.to:
            took = plural(len(dearest.to), "group").split()[1]
            said += f", which {took} {', '.join(map(str, dearest.to))} had just chosen"
    return f"{said}."


def _table(reading: Reading, word: str, columns: dict[int, list[Kept]]) -> Table:
    table = Table(["step", word, "rank", "token", "text ends in", "score", "paid (nats)", "to"])
    for step, column in columns.items():
        for kept in sorted(column, key=lambda k: (k.lane, k.rank)):
            node, numbers = kept.mark.node, kept.mark.numbers
            score = numbers.get("score", numbers.get("logp"))
            table.add_node(
                node, reading.class_of(node, step), step, step, kept.lane, kept.rank + 1,
                reading.alone(reading.fold.nodes[node].token), reading.ending(node), score,
                kept.paid, ", ".join(map(str, kept.to)),
            )  # fmt: skip
    return table
