"""Two runs behind one prompt as one tree: the way they share, and where they part.

The trees of both are laid over each other, token by token from the end of the prompt. A place
that both looked at is one place, whatever each made of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from visualizers.facts import WORDS, logps, node_tips
from visualizers.hypotheses import LEAD, PROMPT_CELLS, SIGN
from visualizers.layout import Box, tidy
from visualizers.picture import Mark, Picture, Span, Table, Tip
from visualizers.reading import Reading
from visualizers.style import TWO_RUNS, legend
from visualizers.words import cells, number, plural, probability, tail

MOST_TEXT = 200  # pieces of the two texts that are drawn; the others go into stubs
MOST_ASIDE = 100  # and pieces of what was only looked at
MOST_OTHERS = 3  # ways at one place that neither text took
LETTERS = "AB"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs.

    `begun` are tokens of the text that stood there before the run began (a branch), `text` the
    nodes of its text, or of what is shown of it while it goes on.
    """

    reading: Reading
    text: Sequence[int]
    begun: Sequence[int] = ()


@dataclass(eq=False, slots=True)
class Place:
    """A token behind the same tokens in one run or in both.

    `nodes[i]` is the node of run i, None where it did not look here or began behind it;
    `texts` are the runs whose text it is part of, `seen` those that looked at it.
    """

    token: int | None
    parent: Place | None = None
    nodes: list[int | None] = field(default_factory=lambda: [None, None])
    texts: set[int] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    below: dict[object, Place] = field(default_factory=dict)
    size: int = 0  # places here and below

    @property
    def cls(self) -> str:
        """Its class in the visual language."""
        runs = self.texts or self.seen
        who = "both" if len(runs) == 2 else f"only_{LETTERS[min(runs, default=0)].lower()}"
        return who if self.texts else f"seen_{who.removeprefix('only_')}"

    @property
    def name(self) -> str:
        """ "A12 B7": the nodes it stands for."""
        found = zip(LETTERS, self.nodes, strict=True)
        return " ".join(f"{letter}{node}" for letter, node in found if node is not None)


@dataclass(eq=False, slots=True)
class Piece(Box):
    """A drawn run of places, or the stub that stands for several."""

    places: list[Place] = field(default_factory=list)
    hidden: list[Place] = field(default_factory=list)
    goes_on: bool = False  # it continues the line before it, without an edge and a sign


def joined(sides: Sequence[Side]) -> Place:
    """The tree of both runs; its root is the end of the prompt as it was typed."""
    root = Place(None)
    for i, side in enumerate(sides):
        head = root
        root.texts.add(i)
        root.seen.add(i)
        for token in side.begun:
            head = _step(head, token, i)
            head.texts.add(i)
        at = [head]
        text = set(side.text)
        for node in side.reading.fold.nodes[1:]:
            key = (i, node.id) if node.token is None else node.token
            place = _step(at[node.parent], node.token, i, key)
            if place.nodes[i] is None:
                place.nodes[i] = node.id
            if node.id in text:
                place.texts.add(i)
            at.append(place)
    for place in reversed(list(everything([root]))):
        place.size = 1 + sum(child.size for child in place.below.values())
    return root


def draw_together(sides: Sequence[Side]) -> Picture:
    """The picture of two runs that began behind the same prompt with the same tokens."""
    root = joined(sides)
    top = _pieces(sides, root)
    columns, lines = tidy(top)
    marks: list[Mark] = []
    focus = (top.right, top.y + 0.5)
    stack = [top]
    while stack:
        piece = stack.pop()
        marks += _marks(sides, piece)
        stack += piece.below
        marks += [_edge(piece, below) for below in piece.below if not below.goes_on]
        if piece.places and piece.places[-1].texts == {0, 1}:
            focus = max(focus, (piece.right, piece.y + 0.5))
    classes = {mark.cls for mark in marks} | {span.cls for mark in marks for span in mark.spans}
    places = list(everything(root.below.values()))
    return Picture(
        id="together",
        kind="marks",
        title="Both trees in one",
        what="Everything that A and B looked at, laid over each other: what they share is one "
        "line, and it splits where they part.",
        how="Capital letters stand before what became text, small ones before what was only looked "
        "at. “+7” stands for seven more tokens, and opens.",
        captions=[_caption(places)],
        table=_table(sides, places),
        legend=legend(*classes & TWO_RUNS),
        marks=marks,
        size=(columns + 2, lines + 1),
        focus=[focus],
    )


def everything(places: Iterable[Place]) -> Iterator[Place]:
    """Places and all below them, each before what hangs on it."""
    stack = list(places)[::-1]
    while stack:
        place = stack.pop()
        yield place
        stack += reversed(place.below.values())


def _step(head: Place, token: int | None, run: int, key: object = None) -> Place:
    place = head.below.setdefault(token if key is None else key, Place(token, head))
    place.seen.add(run)
    return place


# Pieces ------------------------------------------------------------------------------------------


def _pieces(sides: Sequence[Side], root: Place) -> Piece:
    """Runs of places as boxes, the most telling first, until there are enough."""
    top = Piece(width=cells(_prompt(sides)), places=[root])
    order = count()
    queue: list[tuple[bool, int, int, list[Place]]] = []
    waiting: dict[int, tuple[Piece, list[list[Place]]]] = {}

    def offer(piece: Piece) -> None:
        runs = [_run(place) for place in piece.places[-1].below.values()]
        runs.sort(key=_rank)
        waiting[id(piece)] = (piece, runs)
        texts = [run for run in runs if run[0].texts]
        for run in runs[: len(texts) + MOST_OTHERS]:
            entry = (not run[0].texts, -run[0].size, next(order), run)
            heapq.heappush(queue, entry)

    offer(top)
    drawn: dict[int, Piece] = {}  # by the first place of the run
    left = {True: MOST_TEXT, False: MOST_ASIDE}
    while queue:
        *_, run = heapq.heappop(queue)
        of_text = bool(run[0].texts)
        if not left[of_text]:
            continue
        left[of_text] -= 1
        piece = drawn[id(run[0])] = Piece(width=0.0, places=run)
        offer(piece)
    for piece, runs in waiting.values():
        below = [drawn[id(run[0])] for run in runs if id(run[0]) in drawn]
        hidden = [run[0] for run in runs if id(run[0]) not in drawn]
        for i, child in enumerate(below):
            child.goes_on = i == 0 and child.places[0].cls == piece.places[-1].cls
            child.lead = 1.0 if child.goes_on else LEAD + SIGN
            child.width = child.lead + cells(_text(sides, child.places))
        if hidden:
            width = LEAD + len(str(_count(hidden))) + 2
            below.insert(1, Piece(width=width, lead=LEAD, hidden=hidden))
        piece.below = below
    return top


def _run(first: Place) -> list[Place]:
    """The unbranched run of one class that begins here."""
    run = [first]
    while len(run[-1].below) == 1:
        (below,) = run[-1].below.values()
        if below.cls != first.cls:
            break
        run.append(below)
    return run


def _rank(run: list[Place]) -> tuple[int, int, int]:
    """What became text of both, of A, of B; then what both looked at; then the larger."""
    first = run[0]
    text = {2: 0, 1: 1 + min(first.texts, default=0), 0: 3}[len(first.texts)]
    return (text, -len(first.seen), -first.size)


def _prompt(sides: Sequence[Side]) -> str:
    side = sides[0]
    ids = side.reading.prompt_ids
    ids = ids[: len(ids) - len(side.begun)][-PROMPT_CELLS:]
    return tail("".join(map(side.reading.token, ids)), PROMPT_CELLS) or "(start)"


def _reading(sides: Sequence[Side], place: Place) -> Reading:
    return sides[min(place.seen, default=0)].reading


def _text(sides: Sequence[Side], places: Sequence[Place]) -> str:
    return "".join(_reading(sides, place).token(place.token) for place in places)


def _count(places: Iterable[Place]) -> int:
    return sum(place.size for place in places)


# Marks -------------------------------------------------------------------------------------------


def _marks(sides: Sequence[Side], piece: Piece) -> list[Mark]:
    y = piece.y + 0.5
    if piece.hidden:
        return [_stub(sides, piece, y)]
    if piece.places[0].parent is None:
        text = _prompt(sides)
        return [Mark(of="prompt", shape="text", x=piece.x, y=y, cls="prompt", text=text)]
    mark = _run_mark(sides, piece.places, piece.x + piece.lead, y, with_tips=True)
    mark.width = piece.width - piece.lead
    mark.sign = not piece.goes_on
    if mark.sign:
        mark.x -= SIGN
        mark.width += SIGN
    return [mark]


def _run_mark(
    sides: Sequence[Side], places: Sequence[Place], x: float, y: float, with_tips: bool
) -> Mark:
    spans = [
        Span(
            f"place {place.name}" if place.name else f"begun {x:g} {y:g} {i}",
            _text(sides, [place]),
            place.cls,
            tip=place_tips(sides, place) if with_tips else [],
        )
        for i, place in enumerate(places)
    ]
    cls = places[0].cls
    return Mark(of=f"run {spans[0].of}", shape="text", x=x, y=y, cls=cls, sign=True, spans=spans)


def place_tips(sides: Sequence[Side], place: Place) -> list[Tip]:
    """What each run knows of a place."""
    reading = _reading(sides, place)
    tips = [Tip("token", f"{reading.alone(place.token)}  (id {place.token})")]
    for i, letter in enumerate(LETTERS):
        node = place.nodes[i]
        if node is None:
            begun = i in place.seen
            tips.append(Tip(letter, "stood there before it began" if begun else "did not look"))
            continue
        for tip in node_tips(sides[i].reading, node)[1:]:
            tips.append(Tip(f"{letter}: {tip.label}", tip.value))
    return tips


def _edge(above: Piece, below: Piece) -> Mark:
    first = (below.places or below.hidden)[0]
    stub = "stub " if below.hidden else ""
    return Mark(
        of=f"edge {stub}{first.name or id(first)}", shape="edge", x=above.right, y=above.y + 0.5,
        cls=first.cls, width=LEAD - 0.5, height=below.y - above.y,
    )  # fmt: skip


def _stub(sides: Sequence[Side], piece: Piece, y: float) -> Mark:
    opens: list[Mark] = []
    stack = [(place, 0) for place in reversed(piece.hidden)]
    while stack:
        place, depth = stack.pop()
        run = _run(place)
        opens.append(_run_mark(sides, run, 2.0 * depth, len(opens) + 0.5, with_tips=False))
        stack += [(below, depth + 1) for below in reversed(run[-1].below.values())]
    return Mark(
        of=f"stub {piece.hidden[0].name}", shape="stub", x=piece.x + LEAD, y=y,
        cls=piece.hidden[0].cls, width=piece.width - LEAD, text=f"+{_count(piece.hidden)}",
        opens=opens,
    )  # fmt: skip


# In words ----------------------------------------------------------------------------------------


def _caption(places: Sequence[Place]) -> str:
    if not places:
        return "Nothing was looked at yet."
    both = sum(len(place.seen) == 2 for place in places)
    a, b = (sum(place.seen == {run} for place in places) for run in (0, 1))
    return (
        f"Both looked at {plural(both, 'token')} in the same place, "
        f"A alone at {number(a)} more, B alone at {number(b)}."
    )


def _table(sides: Sequence[Side], places: Sequence[Place]) -> Table:
    """One row a place, in the order of the tree."""
    table = Table(["depth", "text so far ends in", "token", "text of", *LETTERS])
    depths: dict[int, int] = {}
    for place in places:
        assert place.parent is not None
        depth = depths[id(place)] = depths.get(id(place.parent), 0) + 1
        reading = _reading(sides, place)
        whose = " ".join(LETTERS[run] for run in sorted(place.texts))
        table.add(
            0, depth, _ending(sides, place), reading.alone(place.token), whose,
            *(_fate(sides, place, run) for run in (0, 1)),
        )  # fmt: skip
    return table


def _ending(sides: Sequence[Side], place: Place) -> str:
    way = [place]
    while way[-1].parent is not None and len(way) < 8:
        way.append(way[-1].parent)
    return tail(_text(sides, [p for p in reversed(way) if p.parent is not None]), 24)


def _fate(sides: Sequence[Side], place: Place, run: int) -> str:
    node = place.nodes[run]
    if node is None:
        return "begun with" if run in place.seen else ""
    reading = sides[run].reading
    story = reading.fold.nodes[node]
    words = WORDS.get(story.fate(), story.fate())
    law = reading.law(node)
    if law is None:
        return words
    return f"{words}, p {number(probability(logps(law, story.token)[1]))}"
