"""The tree of hypotheses, text first.

Unbranched runs of tokens are one piece of text each; what died early is folded into stubs that
open on demand; the best path reads as one straight line at the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from explorer.trace import MarkEvent
from explorer.trace.segments import Segment, segments
from visualizers.facts import node_tips
from visualizers.layout import Box, tidy
from visualizers.picture import Mark, Picture, Span, Table
from visualizers.reading import Reading
from visualizers.selection import Choice, beginning_at, choose, everything, is_dead, way_to
from visualizers.sentences import captions, reason, tell_step
from visualizers.sight import WHOLE, Sight
from visualizers.style import DEAD, legend
from visualizers.words import cells, clip, number

READS = ("node", "mark", "choice", "view")
NEEDS = ("branch",)
LEAD, SIGN = 3.0, 2.0  # cells of the line to a piece, and of the sign before its text
PROMPT_CELLS = 28
REASON_CELLS = 26
TRAIL_CELLS = 24
ORIGIN_CELLS = 20


@dataclass(eq=False, slots=True)
class Piece(Box):
    """A drawn run of tokens, or the stub that stands for several runs."""

    run: Segment | None = None
    hidden: list[Segment] = field(default_factory=list)
    goes_on: bool = False  # it continues the line above it, without an edge and a sign
    behind: int = 0  # of a stub the node that it hangs on; what hangs elsewhere says where
    before: str = ""  # at the root: the end of the text before everything that is drawn


def draw(reading: Reading) -> list[Picture]:
    return [tree(reading, WHOLE)]


def tree(reading: Reading, sight: Sight) -> Picture:
    """The tree, or what a sight leaves of it.

    data["sight"] tells what is drawn: {"focus", "below", "node"} as in `Sight`, and "trail": the
    runs above the focus and its own, from the prompt on, as {"node", "text"}.
    """
    whole = segments(reading.fold)
    trail = way_to(reading, whole, sight.focus)
    root_run = beginning_at(reading, trail[-1], sight.focus) if sight.focus else whole
    root = _pieces(reading, root_run, choose(reading, root_run, sight))
    columns, lines = tidy(root)
    marks: list[Mark] = []
    where: dict[int, tuple[float, float]] = {root_run.nodes[0]: (root.right, root.y + 0.5)}
    stack = [root]
    while stack:
        piece = stack.pop()
        marks += _piece_marks(reading, piece)
        where.update(_places(reading, piece))
        stack += piece.below
        marks += [_edge(reading, piece, b) for b in piece.below if not b.goes_on]
    classes = {cls for mark in marks for cls in _classes(mark)}
    return Picture(
        id="hypotheses",
        kind="marks",
        title="Tree of hypotheses",
        what="Every text that was considered, from the prompt on the left; "
        "the straight line behind it is the text that won, or leads.",
        how="Each piece of text is a run of tokens without a branch. Beside a dead end stands "
        "why it lost; “+7” stands for seven more tokens on branches from that piece, and opens.",
        captions=captions(reading, lambda step: tell_step(reading, step)),
        table=_table(reading),
        legend=legend(*classes),
        marks=marks,
        size=(columns + 2, lines + 1),
        focus=_focus(reading, where, where[root_run.nodes[0]]),
        data={
            "pool": _pool(reading),
            "sight": {
                **asdict(sight),
                "trail": [
                    {"node": run.nodes[0], "text": clip(reading.text(run.nodes), TRAIL_CELLS)}
                    for run in trail[1:]
                ],
            },
        },
    )


# Pieces and their marks -----------------------------------------------------------------------


def _pieces(reading: Reading, root_run: Segment, choice: Choice) -> Piece:
    before = reading.ending(root_run.nodes[0], PROMPT_CELLS) or "(start)"
    root = Piece(width=cells(before), run=root_run, before=before)
    stack = [root]
    while stack:
        piece = stack.pop()
        assert piece.run is not None
        below: list[Piece] = []
        hidden = list(piece.hidden)
        for run in sorted(piece.run.below, key=lambda s: _rank(reading, s)):
            if run.nodes[0] not in choice.runs:
                hidden.append(run)
                continue
            passed, run = _stretch(reading, run, choice) if choice.crowded else ([], run)
            goes_on = not below and not piece.before and _goes_on(reading, piece.run, run)
            lead = 1.0 if goes_on else LEAD + SIGN
            width = lead + _width(reading, run)
            below.append(Piece(width=width, lead=lead, run=run, hidden=passed, goes_on=goes_on))
        stack += below
        if hidden:
            count = sum(len(run.nodes) for run in everything(hidden))
            width = LEAD + len(str(count)) + 2
            below.insert(
                1, Piece(width=width, lead=LEAD, hidden=hidden, behind=piece.run.nodes[-1])
            )
        piece.below = below
    return root


def _stretch(reading: Reading, run: Segment, choice: Choice) -> tuple[list[Segment], Segment]:
    """A run with those that follow it in one line past nothing but hidden branches; and these."""
    passed: list[Segment] = []
    while True:
        shown = [below for below in run.below if below.nodes[0] in choice.runs]
        told = any(_asides(reading, n) for n in run.nodes)
        if len(shown) != 1 or told or not _goes_on(reading, run, shown[0]):
            return passed, run
        (on,) = shown
        passed += [below for below in run.below if below is not on]
        run = replace(on, nodes=run.nodes + on.nodes, in_text=run.in_text, born=run.born)


def _places(reading: Reading, piece: Piece) -> Iterator[tuple[int, tuple[float, float]]]:
    """Where each node of a piece ends; what is hidden is at its stub."""
    x, y = piece.x + piece.lead, piece.y + 0.5
    if piece.run is None:
        for run in everything(piece.hidden):
            yield from ((n, (piece.right, y)) for n in run.nodes)
    elif not piece.before:
        for n in piece.run.nodes:
            x += cells(reading.token(reading.fold.nodes[n].token))
            yield n, (x, y)


def _goes_on(reading: Reading, above: Segment, run: Segment) -> bool:
    return reading.class_of(above.nodes[-1]) == reading.class_of(run.nodes[0])


def _rank(reading: Reading, run: Segment) -> tuple[bool, bool, int]:
    return (not run.in_text, is_dead(reading, run), run.born)


def _piece_marks(reading: Reading, piece: Piece) -> list[Mark]:
    y = piece.y + 0.5
    if piece.run is None:
        return [_stub(reading, piece, y)]
    if piece.before:
        return [
            Mark(of="prompt", shape="text", x=piece.x, y=y, cls="prompt", text=piece.before,
                 node=piece.run.nodes[0])
        ]  # fmt: skip
    mark = _run_mark(reading, piece.run, piece.x + piece.lead, y, with_tips=True)
    mark.width = piece.width - piece.lead
    if piece.goes_on:
        mark.sign = False
    else:
        mark.x -= SIGN
        mark.width += SIGN
    finished = [m for n in piece.run.nodes for m in reading.fold.nodes[n].marks if _ends(m)]
    ends = [
        Mark(of=f"end {m.node}", shape="rule", x=piece.right, y=y - 0.4, height=0.8,
             cls="finished", born=m.step, node=m.node)
        for m in finished[:1]
    ]  # fmt: skip
    return [mark, *ends]


def _run_mark(reading: Reading, run: Segment, x: float, y: float, with_tips: bool) -> Mark:
    first = run.nodes[0]
    spans = []
    for n in run.nodes:
        history = reading.histories[n]
        tips = node_tips(reading, n) if with_tips else []
        text = reading.token(reading.fold.nodes[n].token)
        born, cls = history[0]
        spans.append(Span(f"node {n}", text, cls, born, history[1:], node=n, tip=tips))
    spans += [aside for n in run.nodes for aside in _asides(reading, n)]
    born, cls = reading.histories[first][0]
    changes = _of_the_last(reading, run)
    return Mark(
        of=f"run {first}", shape="text", x=x, y=y, cls=cls, born=born, sign=True, spans=spans,
        changes=changes, node=first,
    )  # fmt: skip


def _of_the_last(reading: Reading, run: Segment) -> list[tuple[int, str]]:
    """The classes of the run as a whole: those of the last node that is there."""
    steps: dict[int, str] = {}
    for i, n in enumerate(run.nodes):
        born_next = reading.histories[run.nodes[i + 1]][0][0] if i + 1 < len(run.nodes) else None
        for step, cls in reading.histories[n]:
            if born_next is None or step < born_next:
                steps[step] = cls
    changes = sorted(steps.items())[1:]
    return changes


def _asides(reading: Reading, node: int) -> list[Span]:
    """What is written behind a node that lost or finished, as long as that stands."""
    story = reading.fold.nodes[node]
    marks = [m for m in story.marks if m.mark != "emitted"]
    if not marks:
        return []
    # A whole branch falls in one step: why is said once, at its top.
    fallen = {m.step for m in reading.fold.nodes[max(story.parent, 0)].marks if m.mark in DEAD}
    ends = [m.step for m in marks[1:]]
    found = []
    for i, mark in enumerate(marks):
        until = ends[i] if i < len(ends) else None
        told = mark.mark == "pruned" and mark.step in fallen
        if (text := _aside(mark)) and until != mark.step and not told:
            found.append(Span(f"why {node}", text, "number", mark.step, dies=until, node=node))
    return found


def _aside(mark: MarkEvent) -> str:
    """The reason and the number that decided."""
    if mark.mark in ("kept", "accepted", "forced"):
        return ""
    names = {"margin": clip(mark.why, REASON_CELLS) or "margin", "score": "score", "ratio": "p/q"}
    for name, words in names.items():
        if (x := mark.numbers.get(name)) is not None:
            return f"  {words} {number(x)}"
    return f"  {clip(mark.why or mark.mark, REASON_CELLS)}"


def _width(reading: Reading, run: Segment) -> int:
    standing = [s for n in run.nodes for s in _asides(reading, n) if s.dies is None]
    return cells(reading.text(run.nodes)) + sum(cells(span.text) for span in standing)


def _ends(mark: MarkEvent) -> bool:
    return mark.mark == "finished"


def _edge(reading: Reading, above: Piece, below: Piece) -> Mark:
    if below.run is not None:
        first = below.run.nodes[0]
        name, (born, cls), changes = (
            f"edge {first}",
            reading.histories[first][0],
            reading.histories[first][1:],
        )
    else:
        name = f"edge stub {_first(below)}"
        (born, cls), *changes = _stub_history(reading, below)
    return Mark(
        of=name, shape="edge", x=above.right, y=above.y + 0.5, cls=cls, born=born,
        width=LEAD - 0.5, height=below.y - above.y, changes=changes,
    )  # fmt: skip


# Stubs ----------------------------------------------------------------------------------------


def _stub(reading: Reading, piece: Piece, y: float) -> Mark:
    runs = everything(piece.hidden)
    births = sorted(reading.fold.nodes[n].born for run in runs for n in run.nodes)
    counts = {born: i + 1 for i, born in enumerate(births)}  # nodes inside, by the step they came
    steps = [*counts, None]
    first = _first(piece)
    spans = [
        Span(f"count {first}", f"+{counts[born]}", "pruned", born, dies=until)
        for born, until in zip(counts, steps[1:], strict=True)
    ]
    (born, cls), *changes = _stub_history(reading, piece)
    depth = {id(run): 0 for run in piece.hidden}
    opens = []
    for line, run in enumerate(runs):
        for below in run.below:
            depth[id(below)] = depth[id(run)] + 1
        mark = _run_mark(reading, run, 2.0 * depth[id(run)], line + 0.5, with_tips=False)
        above = reading.fold.nodes[run.nodes[0]].parent
        if depth[id(run)] == 0 and above != piece.behind:
            text = f"{reading.ending(above, ORIGIN_CELLS)} ▸ "
            mark.spans.insert(0, Span(f"after {run.nodes[0]}", text, "number", run.born))
        opens.append(mark)
    return Mark(
        of=f"stub {first}", shape="stub", x=piece.x + LEAD, y=y, cls=cls, born=born,
        width=piece.width - LEAD,
        spans=spans, changes=changes, opens=opens,
    )  # fmt: skip


def _first(piece: Piece) -> int:
    return piece.hidden[0].nodes[0]


def _stub_history(reading: Reading, piece: Piece) -> list[tuple[int, str]]:
    """A stub is open as long as anything in it is."""
    turns: dict[int, int] = {}  # step -> how many more are alive
    for run in everything(piece.hidden):
        for n in run.nodes:
            alive = False
            for step, cls in reading.histories[n]:
                if alive != (cls not in DEAD):
                    turns[step] = turns.get(step, 0) + (1 if not alive else -1)
                    alive = not alive
                elif step not in turns:
                    turns[step] = 0
    found: list[tuple[int, str]] = []
    living = 0
    for step in sorted(turns):
        living += turns[step]
        cls = "open" if living else "pruned"
        if not found or found[-1][1] != cls:
            found.append((step, cls))
    return found


# What else the picture has ---------------------------------------------------------------------


def _focus(
    reading: Reading, where: dict[int, tuple[float, float]], start: tuple[float, float]
) -> list[tuple[float, float]]:
    """Where the run was at each step: the end of its text, or its first hypothesis."""
    found = []
    here = start
    for step in reading.steps:
        kept = [m.node for m in reading.marked(step, "kept") if m.node in where]
        text = [m.node for m in reading.marked(step, "emitted") if m.node in where]
        born = [n for n in reading.born_at[step] if n in where]
        if nodes := kept[:1] or text[-1:] or born[:1]:
            here = where[nodes[0]]
        found.append(here)
    return found


def _table(reading: Reading) -> Table:
    """One row for each decision but “kept”: the reason of every death can be searched."""
    table = Table(["step", "token", "text so far ends in", "what", "why", "node", "born", "by"])
    for step in reading.steps:
        for mark in reading.marks_at[step]:
            if mark.mark == "kept":
                continue
            story = reading.fold.nodes[mark.node]
            table.add_node(
                mark.node, reading.class_of(mark.node, step), step,
                step, reading.alone(story.token), reading.ending(mark.node), mark.mark,
                reason(mark) if mark.why or mark.numbers else "", mark.node, story.born + 1,
                story.by,
            )  # fmt: skip
    return table


def _pool(reading: Reading) -> list[dict[str, Any]]:
    """Finished hypotheses, best first: text, score, the step they came and, if so, left."""
    found = []
    for node in reading.fold.nodes:
        for mark in node.marks:
            if _ends(mark):
                left = [m.step for m in node.marks if m.mark == "pruned" and m.step >= mark.step]
                found.append(
                    {
                        "node": node.id,
                        "text": reading.text(reading.fold.path(node.id)),
                        "score": mark.numbers.get("score"),
                        "step": mark.step,
                        "left": left[0] if left else None,
                    }
                )
                break
    return sorted(found, key=lambda entry: -(entry["score"] or float("-inf")))


def _classes(mark: Mark) -> set[str]:
    found = {mark.cls, *(cls for _, cls in mark.changes)}
    for span in mark.spans:
        found |= {span.cls, *(cls for _, cls in span.changes)}
    return found
