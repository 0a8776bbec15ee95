"""The rounds of speculation: what was guessed, what stood, and what the target put instead."""

from __future__ import annotations

from explorer.trace import ChoiceEvent, MarkEvent
from visualizers.draft_rounds import Round, residual_law, rounds
from visualizers.facts import node_tips
from visualizers.layout import Box, tidy
from visualizers.picture import Lane, Mark, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions, reason, tell_step
from visualizers.style import legend
from visualizers.words import cells, clip, number, probability

READS = ("node", "mark", "choice")
NEEDS = ("guess",)
LABEL = 14  # cells for "round 12" and its result
CONTEXT = 18  # cells of the text before the round
COLUMN = 23  # cells of a guess, its line and its numbers
MOST_WHY = 22  # characters of a reason
LEAD, SIGN = 3, 2
MOST_RESIDUAL = 4  # tokens of a residual law that are drawn
BAR = 8.0  # cells of a bar for probability 1


class Guess(Box):
    """A node of a round, with room for its numbers below it."""

    def __init__(self, node: int, height: int) -> None:
        super().__init__(width=COLUMN, lead=LEAD, height=height)
        self.node = node


def draw(reading: Reading) -> list[Picture]:
    found = rounds(reading)
    marks: list[Mark] = []
    lanes: list[Lane] = []
    tops: dict[int, float] = {}
    top, columns = 0.0, 0.0
    for this in found:
        here, size = _round(reading, this, top)
        marks += here
        tops[this.step] = top
        lanes.append(Lane(_result(this), top, size[1], this.step))
        columns = max(columns, size[0])
        top += size[1] + 1
    focus, here_y = [], 0.0
    for step in reading.steps:
        here_y = tops.get(step, here_y)
        focus.append((0.0, here_y))
    classes = {cls for m in marks for cls in (m.cls, *(c for _, c in m.changes))}
    return [
        Picture(
            id="rounds",
            kind="marks",
            title="Draft rounds",
            what="What was guessed in each round, which guesses the target accepted, and the "
            "token it added itself.",
            how="Read a round from left to right. A guess stands if its random number u is below "
            "p/q, the target's probability over the draft's. Behind a rejection stands the law "
            "that its replacement was drawn from, what p has beyond q; the table's “left” is how "
            "much that was.",
            captions=captions(reading, lambda step: tell_step(reading, step)),
            table=_table(reading, found),
            legend=legend(*classes),
            marks=marks,
            size=(columns, top),
            lanes=lanes,
            focus=focus,
        )
    ]


def _result(this: Round) -> str:
    return f"round {this.number}: +{len(this.committed)}"


def _round(reading: Reading, this: Round, top: float) -> tuple[list[Mark], tuple[float, int]]:
    root = Guess(this.root, 1)
    root.width, root.x = CONTEXT + 0.0, LABEL + 0.0
    boxes = {this.root: root}
    for n in this.nodes:
        box = Guess(n, _height(reading, this, n))
        boxes[n] = box
        parent = boxes[reading.fold.nodes[n].parent]
        parent.below = [*parent.below, box]
    for box in boxes.values():  # the way that was taken is the straight line
        box.below = sorted(box.below, key=lambda b: (b.node not in this.committed, b.node))
    columns, lines = tidy(root, both_sides=False)
    marks = [
        Mark(
            f"context {this.step}", "text", root.right - 1, top + root.y + 0.5, "prompt",
            this.step, text=reading.ending(this.root, CONTEXT - 2), align="end", node=this.root,
        )
    ]  # fmt: skip
    for n in this.nodes:
        marks += _guess(reading, this, boxes[n], boxes[reading.fold.nodes[n].parent], top)
    return marks, (columns, lines)


def _height(reading: Reading, this: Round, node: int) -> int:
    law = _law_of_added(reading, this, node)
    below = len(_lines(reading, this, node)) + (len(_top(law)) if law else 0)
    return 1 + below + (1 if law else 0)


def _top(law: ChoiceEvent) -> list[tuple[int, float]]:
    """The most probable tokens of a law with their probabilities, the chosen one among them."""
    pairs = [
        (t, probability(x)) for t, x in zip(law.tokens, law.final, strict=True) if x is not None
    ]
    pairs.sort(key=lambda pair: -pair[1])
    top = pairs[:MOST_RESIDUAL]
    chosen = [pair for pair in pairs if pair[0] in law.chosen]
    return top if set(chosen) <= set(top) else top[: MOST_RESIDUAL - 1] + chosen[:1]


def _law_of_added(reading: Reading, this: Round, node: int) -> ChoiceEvent | None:
    """The residual law, for the token that was drawn from it."""
    story = reading.fold.nodes[node]
    law = residual_law(reading, story.parent, this.step)
    return law if law and story.token in law.chosen and not reading.is_guess(node) else None


def _guess(reading: Reading, this: Round, box: Guess, above: Box, top: float) -> list[Mark]:
    n, step = box.node, this.step
    story = reading.fold.nodes[n]
    cls = reading.class_of(n, step)
    x, y = box.x + box.lead, top + box.y + 0.5
    text = clip(reading.alone(story.token), COLUMN - LEAD - SIGN - 1)
    down = float(box.y - above.y)
    edge = Mark(f"edge {step} {n}", "edge", above.right, top + above.y + 0.5, cls, step,
                width=box.lead - 0.5, height=down)  # fmt: skip
    token = Mark(
        f"node {step} {n}", "text", x, y, cls, step, width=SIGN + cells(text), text=text,
        sign=True, tip=node_tips(reading, n), node=n,
    )  # fmt: skip
    lines = [
        Mark(f"numbers {step} {n} {i}", "text", x, y + 1 + i, "number", step, text=line,
             small=True, node=n)
        for i, line in enumerate(_lines(reading, this, n))
    ]  # fmt: skip
    law = _law_of_added(reading, this, n)
    below = y + 1 + len(lines)
    bars = _residual(reading, law, x, below, f"{step} {n}", step) if law else []
    return [edge, token, *lines, *bars]


def _lines(reading: Reading, this: Round, node: int) -> list[str]:
    """What stands below a token: the numbers of its judgement, or why there was none."""
    story = reading.fold.nodes[node]
    for mark in story.marks:
        if mark.step == this.step and mark.mark in ("accepted", "rejected"):
            return _numbers(mark)
    pruned = next((m for m in story.marks if m.step == this.step and m.mark == "pruned"), None)
    if pruned is None:
        if reading.is_guess(node):
            return ["not judged"]
        law = _law_of_added(reading, this, node)
        return ["instead, from p − q:" if law else "added by the target"]
    # A whole branch falls for one reason: it is said once, at its top.
    above = reading.fold.nodes[story.parent].marks
    said = any(m.step == this.step and m.why == pruned.why for m in above)
    return [] if said else [clip(pruned.why, MOST_WHY)]


def _numbers(mark: MarkEvent) -> list[str]:
    """p and q, and the random number against their ratio; or what there is."""
    at = mark.numbers
    laws = "  ".join(
        f"{name} {number(at[name], 2)}" for name in ("p", "q") if at.get(name) is not None
    )
    u, ratio = at.get("u"), at.get("ratio")
    if u is not None and ratio is not None:
        sign = "<" if mark.mark == "accepted" else "≥"
        return [laws, f"u {number(u, 2)} {sign} p/q {number(ratio, 2)}"]
    return [line for line in (laws, clip(mark.why, MOST_WHY)) if line]


def _residual(
    reading: Reading, law: ChoiceEvent, x: float, y: float, name: str, step: int
) -> list[Mark]:
    """The most probable tokens of a residual law as bars."""
    marks = []
    for i, (token, p) in enumerate(_top(law)):
        cls = "added" if token in law.chosen else "residual"
        long = max(BAR * p, 0.1)
        bar = Mark(f"residual {name} {token}", "bar", x, y + i - 0.25, cls, step, long, 0.5)
        words = f"{clip(reading.alone(token), 10)} {number(p, 2)}"
        label = Mark(f"residual text {name} {token}", "text", x + long + 0.6, y + i,
                     "number", step, text=words, small=True)  # fmt: skip
        marks += [bar, label]
    return marks


def _table(reading: Reading, found: list[Round]) -> Table:
    table = Table(["round", "depth", "token", "verdict", "p", "q", "p/q", "u", "left", "why"])
    for this in found:
        base = reading.fold.nodes[this.root].depth
        for n in this.nodes:
            story = reading.fold.nodes[n]
            mark = next(
                (m for m in reversed(story.marks) if m.step == this.step and m.mark != "emitted"),
                None,
            )
            at = mark.numbers if mark else {}
            verdict = mark.mark if mark else "guess" if reading.is_guess(n) else "added"
            why = (mark.why or reason(mark)) if mark else ""
            table.add_node(
                n, reading.class_of(n, this.step), this.step,
                this.number, story.depth - base, reading.alone(story.token), verdict,
                at.get("p"), at.get("q"), at.get("ratio"), at.get("u"), at.get("left"), why,
            )  # fmt: skip
    return table
