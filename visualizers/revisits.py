"""Where candidates led back to: the text line by line, and lines to what stood there already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from explorer.records import Revisits
from visualizers.facts import node_tips
from visualizers.picture import Mark, Picture, Table, Tip
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import legend
from visualizers.words import cells, clip, number, plural

READS = ("note", "node", "mark", "view")
NEEDS = ("note:revisits",)
MOST = 400  # lines that are drawn: those of the dearest
MOST_PROMPT = 40  # tokens of the prompt that are drawn: the last
SHOWN = 16  # characters of a token
COLUMN = 1.6  # cells between two lines


@dataclass(frozen=True, slots=True)
class Back:
    """A candidate that led back: from which place to which, and whether it was taken."""

    step: int
    node: int | None  # the candidate's own, where it became one
    token: int
    start: int
    place: int
    tokens: int
    cost: float
    taken: bool
    dearest: bool  # of those that its step did not take

    @property
    def of(self) -> str:
        return f"{self.step} {self.start} {self.token}"


def draw(reading: Reading) -> list[Picture]:
    found = list(_found(reading))
    if not found:
        return []
    text = _text(reading)
    first = max(min(0, *(back.place for back in found)), -MOST_PROMPT)
    shown = [b for b in found if (b.taken or b.dearest) and b.place >= first]
    shown = sorted(shown, key=lambda back: -back.cost)[:MOST]
    places = [place for place in text if place >= first]
    names = {place: clip(reading.token(text[place]) or "␣", SHOWN) for place in places}
    lost = {b.of: clip(reading.token(b.token) or "␣", SHOWN) for b in shown if not b.taken}
    aside = max(map(cells, lost.values()), default=0) + 4.0  # the column of the text
    left = aside + 2 + max(map(cells, names.values()), default=0) + 2.0
    columns = _columns(shown)
    marks = [
        *_tokens(reading, found, names, first, aside),
        *_lost(shown, lost, first, aside),
        *(m for back in shown for m in _line(reading, back, first, left, columns[back.of])),
    ]
    how = (
        "A token a row; the prompt's last ones stand above the text. A line leads from a "
        "candidate to the earlier token that it would repeat or resemble, which is held against "
        "it: a thick one where it was taken all the same, a thin one from the dearest candidate "
        "that was not taken, named at the left."
    )
    drawn = sum(back.taken or back.dearest for back in found)
    if len(shown) < drawn:
        how += f" {drawn - len(shown)} of {drawn} lines are left out, the cheapest or longest."
    width = left + COLUMN * (max(columns.values(), default=0) + 2)
    return [
        Picture(
            id="revisits",
            kind="marks",
            title="Revisited tokens",
            what="The text token by token, and lines from each step's candidates back to what was "
            "held against them.",
            how=how,
            captions=captions(reading, lambda step: _tell(reading, found, step)),
            table=_table(reading, found, text),
            legend=legend(*{m.cls for m in marks} | {c for m in marks for _, c in m.changes}),
            marks=marks,
            size=(width, float(max(names, default=first) - first + 2)),
            focus=_focus(reading, first),
        )
    ]


def _found(reading: Reading) -> Iterator[Back]:
    nodes = reading.fold.nodes
    for event in reading.noted.get("revisits", ()):
        record = Revisits.read(event.value)
        if record is None or event.node is None or not 0 <= event.node < len(nodes):
            continue
        start = nodes[event.node].depth
        children = {nodes[child].token: child for child in nodes[event.node].children}
        emitted = [t for t, n in children.items() if reading.emitted_at.get(n) == event.step]
        known = [
            x for x in record.candidates
            if -len(reading.prompt_ids) <= x.place < start and x.tokens > 0
        ]  # fmt: skip
        lost = [x for x in known if x.token not in emitted]
        dearest = max(lost, key=lambda x: x.cost, default=None)
        for x in known:
            yield Back(event.step, children.get(x.token), x.token, start, x.place, x.tokens,
                       x.cost, x.token in emitted, x is dearest)  # fmt: skip


def _text(reading: Reading) -> dict[int, int | None]:
    """The tokens by place: of the prompt below 0, of the text from 0 on."""
    found: dict[int, int | None] = dict(enumerate(reading.prompt_ids, -len(reading.prompt_ids)))
    for mark in reading.fold.emitted:
        story = reading.fold.nodes[mark.node]
        found[story.depth - 1] = story.token
    return found


def _columns(shown: Sequence[Back]) -> dict[str, int]:
    """Of each line the column beside the text in which it runs: the nearest that is free."""
    taken: list[list[Back]] = []
    found = {}
    for back in sorted(shown, key=lambda b: (b.start - b.place, b.step)):
        column = next((i for i, there in enumerate(taken) if _has_room(there, back)), len(taken))
        taken += [[]] if column == len(taken) else []
        taken[column].append(back)
        found[back.of] = column
    return found


def _has_room(there: Sequence[Back], back: Back) -> bool:
    return all(b.start < back.place or back.start < b.place for b in there)


# What is drawn ---------------------------------------------------------------------------------


def _tokens(
    reading: Reading, found: Sequence[Back], names: dict[int, str], first: int, aside: float
) -> Iterator[Mark]:
    """The text from the first step on in which anything led back, and of the prompt as much as was
    led back to by then."""
    begun = found[0].step
    node_at = {reading.fold.nodes[m.node].depth - 1: m for m in reading.fold.emitted}
    for place, name in names.items():
        y = place - first + 0.5
        mark = node_at.get(place)
        if mark is None:
            cls = reading.prompt_class(place + len(reading.prompt_ids))
            since = next((b.step for b in found if b.place <= place), None)
            if since is not None:
                yield Mark(f"token {place}", "text", aside, y, cls, since, text=name, sign=True)
        else:
            cls = reading.class_of(mark.node, mark.step)
            yield Mark(f"token {place}", "text", aside, y, cls, max(mark.step, begun), text=name,
                       sign=True, tip=node_tips(reading, mark.node), node=mark.node)  # fmt: skip


def _lost(shown: Sequence[Back], lost: dict[str, str], first: int, aside: float) -> Iterator[Mark]:
    for back in shown:
        if not back.taken:
            yield Mark(
                f"lost {back.of}", "text", aside - 2, back.start - first + 0.5, "pruned", back.step,
                text=f"{lost[back.of]} ·", align="end", tip=_tips(back), node=back.node,
            )  # fmt: skip


def _line(reading: Reading, back: Back, first: int, left: float, column: int) -> Iterator[Mark]:
    """Out of the candidate's line, up beside the text, and in to the earlier token."""
    cls = "text" if back.taken else "pruned"
    down, up = back.start - first + 0.5, back.place - first + 0.5
    out = left + COLUMN * (column + 1)
    # Two lines may begin or end at one token: those that lead back stand a little lower.
    down += 0.15 if back.taken else -0.15
    tip = _tips(back)
    yield Mark(
        f"out {back.of}", "rule", left, down, cls, back.step, width=out - left + 0.5, tip=tip
    )
    yield Mark(f"up {back.of}", "rule", out, up, cls, back.step, height=down - up, tip=tip)
    yield Mark(f"in {back.of}", "rule", left, up, cls, back.step, width=out - left + 0.5, tip=tip)
    yield Mark(f"to {back.of}", "text", left - 0.9, up, cls, back.step, text="◂", tip=tip)


def _tips(back: Back) -> list[Tip]:
    return [
        Tip("leads back", plural(back.start - back.place, "token"), back.step),
        Tip("in a row", plural(back.tokens, "token"), back.step),
        Tip("costs", number(back.cost), back.step),
        Tip("step", f"{back.step + 1}, {'taken' if back.taken else 'not taken'}", back.step),
    ]


def _focus(reading: Reading, first: int) -> list[tuple[float, float]]:
    at = {mark.step: reading.fold.nodes[mark.node].depth - 1 for mark in reading.fold.emitted}
    found, here = [], (0.0, float(-first))
    for step in reading.steps:
        if step in at:
            here = (0.0, float(at[step] - first))
        found.append(here)
    return found


# What is told ----------------------------------------------------------------------------------


def _tell(reading: Reading, found: Sequence[Back], step: int) -> str:
    here = [back for back in found if back.step == step]
    taken = next((back for back in here if back.taken), None)
    lost = next((back for back in here if back.dearest), None)
    parts = []
    if taken:
        parts.append(f"{_quote(reading, taken)} was taken, {_words(taken)}")
    elif here:
        parts.append("a token was taken that leads back to nothing")
    if lost:
        parts.append(f"{_quote(reading, lost)} was not, {_words(lost)}")
    return "; ".join(parts) + "." if parts else "no candidate led back to anything."


def _quote(reading: Reading, back: Back) -> str:
    return f"“{reading.token(back.token).strip() or '␣'}”"


def _words(back: Back) -> str:
    said = f"{'though' if back.taken else 'as'} it leads "
    said += f"{plural(back.start - back.place, 'token')} back"
    if back.tokens > 1:
        said += f", the last of {back.tokens} in a row"
    return f"{said} and costs {number(back.cost)}"


def _table(reading: Reading, found: Sequence[Back], text: dict[int, int | None]) -> Table:
    table = Table(["step", "place", "candidate", "leads back to", "at place", "tokens in a row",
                   "cost", "taken"])  # fmt: skip
    for back in found:
        span = range(back.place - back.tokens + 1, back.place + 1)
        table.add(
            back.step, back.step, back.start, reading.alone(back.token),
            "".join(reading.token(text[i]) for i in span if i in text), back.place, back.tokens,
            back.cost, "yes" if back.taken else "no",
        )  # fmt: skip
    return table
