"""The lattice, by position: what was merged stands once, and every way through is a text.

A row is what was read in one go; it begins where it branched off, and ends where it ended or was
merged into another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from explorer.lattice import Lattice
from visualizers.facts import node_tips
from visualizers.picture import Mark, Picture, Table, Tip
from visualizers.places import Places, count_words, lattice_of, places
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import legend
from visualizers.words import cells, plural

READS = ("node", "mark", "choice", "view")
NEEDS = ("mark:merged",)
GAP = 4.0  # cells between positions: lines out, a sign, lines in
MOST = 1500  # places that are drawn, the earliest


@dataclass(slots=True)
class Row:
    """Nodes read one behind the other, and the positions that they and their lines take."""

    nodes: list[int]
    start: int
    end: int
    y: int = 0


@dataclass(slots=True)
class Plan:
    """Where everything stands."""

    position: dict[int, int]  # of each node
    x: list[float]  # of each position
    rows: list[Row] = field(default_factory=list)
    y: dict[int, float] = field(default_factory=dict)  # of each node


def draw(reading: Reading) -> list[Picture]:
    known, lattice = places(reading), lattice_of(reading)
    plan = _plan(reading, known, lattice)
    told, table = _by_step(reading, known)
    marks = [
        *_tokens(reading, known, lattice, plan),
        *_lines(reading, known, plan),
    ]
    lines = max((row.y for row in plan.rows), default=0) + 1
    left_out = sum(1 for node in lattice.places if node not in plan.y)
    how = (
        "Tokens stand by their position; a ring marks where ways meet. Press a token for the most "
        "probable text that runs through it."
    )
    if left_out:
        how += f" {plural(left_out, 'later place')} of {len(lattice.places)} are not drawn."
    return [
        Picture(
            id="lattice",
            kind="marks",
            title="Lattice",
            what="Hypotheses that were merged, drawn once: every way from the left to an end is a "
            "text.",
            how=how,
            captions=captions(reading, lambda step: told.get(step, "")),
            table=table,
            legend=legend(*{mark.cls for mark in marks} | {c for m in marks for _, c in m.changes}),
            marks=marks,
            size=(plan.x[-1] + GAP, lines + 1.0),
            focus=_focus(reading, known, plan),
            data={"places": True},
        )
    ]


# Where everything stands ----------------------------------------------------------------------


def _plan(reading: Reading, known: Places, lattice: Lattice) -> Plan:
    layer = dict.fromkeys(lattice.places, 0)
    for place in lattice.order():
        for step in lattice.steps(place):
            layer[step.to] = max(layer[step.to], layer[place] + 1)
    position = {node: layer[lattice.place(node)] for node in known.since}
    drawn = [n for n in sorted(known.since) if len(_seen(known, n)) > 0][:MOST]
    width = [0] * (max((position[n] for n in drawn), default=0) + 1)
    for node in drawn:
        width[position[node]] = max(width[position[node]], cells(_text(reading, node)))
    x = [0.0]
    for w in width:
        x.append(x[-1] + w + GAP)
    plan = Plan(position, x)
    for row in _rows(reading, known, lattice, position, drawn):
        parent = reading.fold.nodes[row.nodes[0]].parent
        _place(plan, row, plan.y.get(parent, 0.5))
        plan.y.update(dict.fromkeys(row.nodes, row.y + 0.5))
    return plan


def _seen(known: Places, node: int) -> list[int]:
    """The steps in which a node's own token is to be seen: none if it was merged at once."""
    since, until = known.since[node], known.until(node)
    return [since] if until is None or until > since else []


def _rows(
    reading: Reading, known: Places, lattice: Lattice, position: dict[int, int], drawn: list[int]
) -> Iterator[Row]:
    inside, taken = set(drawn), set[int]()
    for first in drawn:
        if first in taken:
            continue
        nodes = [first]
        while below := [
            n for n in reading.fold.nodes[nodes[-1]].children if n in inside and n not in taken
        ]:
            nodes.append(below[0])
        taken |= set(nodes)
        start = position[reading.fold.nodes[first].parent] + 1 if first else 0
        last = nodes[-1]
        onward = [lattice.place(n) for n in reading.fold.nodes[last].children if n in known.since]
        ends = [position[last], *(position[n] - 1 for n in onward)]
        yield Row(nodes, min(start, position[first]), max(ends))


def _place(plan: Plan, row: Row, near: float) -> None:
    """Into the free line that is nearest to where it branched off."""
    lines = len(plan.rows) + 1
    taken = {r.y for r in plan.rows if r.start <= row.end and row.start <= r.end}
    row.y = min((y for y in range(lines) if y not in taken), key=lambda y: abs(y + 0.5 - near))
    plan.rows.append(row)


# What is drawn --------------------------------------------------------------------------------


def _text(reading: Reading, node: int) -> str:
    if node == 0:
        return "(prompt)"
    return reading.token(reading.fold.nodes[node].token) or "␣"


def _tokens(reading: Reading, known: Places, lattice: Lattice, plan: Plan) -> Iterator[Mark]:
    met: dict[int, int] = {}  # place -> since when another is merged into it
    for node in known.since:
        for step, place in known.life(node):
            if place != node:
                met[place] = min(step, met.get(place, step))
    ended = _of_places(known, known.ends)
    text = _of_places(known, reading.emitted_at)
    reaching, onward = lattice.reaching(), lattice.onward()
    total = onward[0]
    for node, y in plan.y.items():
        x, born, dies = plan.x[plan.position[node]], known.since[node], known.until(node)
        turns = [(born, "prompt" if node == 0 else "open")]
        for since, cls in ((met, "merged"), (ended, "finished"), (text, "text")):
            if node in since:
                turns = [t for t in turns if t[0] < since[node]] + [(max(since[node], born), cls)]
        tip = node_tips(reading, node) if node else []
        if node in reaching:
            through = f"{count_words(reaching[node] * onward[node])} of {count_words(total)}"
            tip.append(Tip("texts through it", through, reading.steps[-1]))
        yield Mark(
            of=f"node {node}", shape="text", x=x, y=y, cls=turns[0][1], born=turns[0][0],
            changes=turns[1:], text=_text(reading, node), tip=tip, dies=dies, node=node,
        )  # fmt: skip
        signs = [
            ("◎", "merged", met.get(node), text.get(node)),
            ("●", "text", text.get(node), None),
        ]
        for sign, cls, since_step, until in signs:
            if since_step is not None and node:
                ends = [step for step in (until, dies) if step is not None]
                yield Mark(
                    of=f"{cls} {node}", shape="text", x=x - 1.3, y=y, cls=cls, born=since_step,
                    text=sign, dies=min(ends, default=None),
                )  # fmt: skip


def _of_places(known: Places, steps: dict[int, int]) -> dict[int, int]:
    """Steps of nodes as those of the places that the nodes are seen as."""
    found: dict[int, int] = {}
    for node, step in steps.items():
        for since, place in known.life(node):
            here = max(since, step)
            if known.until(place) is None or here < (known.until(place) or 0):
                found[place] = min(here, found.get(place, here))
    return found


def _lines(reading: Reading, known: Places, plan: Plan) -> Iterator[Mark]:
    """The lines between the nodes as which parent and child are seen."""
    born: dict[tuple[int, int], int] = {}
    for node in known.since:
        if node == 0:
            continue
        parent = reading.fold.nodes[node].parent
        above, here = known.life(parent), known.life(node)
        for step in sorted({s for s, _ in (*above, *here) if s >= here[0][0]}):
            pair = (_at(above, step), _at(here, step))
            born[pair] = min(step, born.get(pair, step))
    text = {0: 0} | _of_places(known, reading.emitted_at)
    on_text = {
        (_at(known.life(reading.fold.nodes[n].parent), s), _at(known.life(n), s)): s
        for n, s in reading.emitted_at.items()
    }
    for (a, b), since in born.items():
        if a not in plan.y or b not in plan.y:
            continue
        ends = [u for u in (known.until(a), known.until(b)) if u is not None]
        cls = "open" if reading.fold.nodes[b].parent == a else "merged"
        changes = [(on_text[a, b], "text")] if (a, b) in on_text and a in text else []
        if changes and changes[0][0] <= since:
            cls, changes = "text", []
        for i, mark in enumerate(_line(reading, plan, a, b)):
            yield Mark(
                of=f"line {a} {b} {i}", shape=mark.shape, x=mark.x, y=mark.y, cls=cls, born=since,
                width=mark.width, height=mark.height, changes=changes,
                dies=min(ends, default=None),
            )  # fmt: skip


def _at(life: list[tuple[int, int]], step: int) -> int:
    return (
        [place for since, place in life if since <= step][-1] if life[0][0] <= step else life[0][1]
    )


def _line(reading: Reading, plan: Plan, a: int, b: int) -> list[Mark]:
    """Along the row of the one, down or up between two positions, along the row of the other."""
    here, there = plan.position[a], plan.position[b]
    x, y, right = plan.x[here] + cells(_text(reading, a)), plan.y[a], plan.x[there]
    down = plan.y[b] - y
    own = next(row for row in plan.rows if b in row.nodes)
    # A row that begins goes down at once; one that ends goes along as far as it can.
    turn = plan.x[here + 1] - GAP + 0.5 if own.nodes[0] == b else right - GAP + 1.5
    turn = max(turn, x) if down else right - 2.0
    return [
        Mark("", "rule", x, y, "open", width=max(turn - x, 0.01)),
        Mark("", "edge", turn, y, "open", width=right - turn - 1.5, height=down),
    ]


# Step by step ---------------------------------------------------------------------------------


def _by_step(reading: Reading, known: Places) -> tuple[dict[int, str], Table]:
    """What to say of each step in which something changed, and a row for each merge."""
    told: dict[int, str] = {}
    table = Table(["step", "text so far ends in", "goes on as", "why", "texts"])
    merges: dict[int, list[tuple[int, int, str]]] = {}
    for mark in known.merges:
        merges.setdefault(mark.step, []).append((mark.node, mark.into or 0, mark.why))
    for step, lattice in known.by_step():
        texts = count_words(lattice.onward()[0])
        told[step] = f"{texts} texts run through {plural(len(lattice.places) - 1, 'place')}"
        if step in merges:
            told[step] += f", {plural(len(merges[step]), 'merge')}"
        told[step] += "."
        for node, into, why in merges.get(step, []):
            table.add(step, step, reading.ending(node), reading.ending(into), why, texts)
    return told, table


def _focus(reading: Reading, known: Places, plan: Plan) -> list[tuple[float, float]]:
    latest: dict[int, int] = {}
    for node, step in known.since.items():
        if node in plan.y:
            latest[step] = max(node, latest.get(step, 0))
    found, here = [], (0.0, 0.5)
    for step in reading.steps:
        if step in latest:
            node = latest[step]
            here = (plan.x[plan.position[node]], plan.y[node])
        found.append(here)
    return found
