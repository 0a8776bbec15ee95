"""A picture: what a visualizer makes of a folded trace, as plain data for the page.

The page sends a picture to the browser once. Everything that the step slider does is decided by
the numbers `born`, `changes` and `dies` below, so the script needs no knowledge of any method:

    const at = (m, s) => {                       // the class of a mark at step s, null: not shown
      if (s < (m.born ?? 0) || (m.dies != null && s >= m.dies)) return null;
      let shown = m.class;
      for (const [step, cls] of m.changes ?? []) if (step <= s) shown = cls;
      return shown;
    };

The same line holds for a mark, for each span of its text (inside a mark that is shown), and for
the marks that a stub opens. A step stands for its end: what is shown at s is what the run had
done when step s was over.

Lengths are in cells: across, one character of the figure's monospaced font; down, one line of it.
The origin is the upper left corner and y is the middle of a line, so that a figure is
`size = (columns, lines)` cells large whatever the font. Strings are for `textContent` and never
markup, but for those inside a Plotly figure, where Plotly's own pseudo-HTML is escaped already.

`visible_at` is the reference of what the script must show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from visualizers.words import show_text

Shape = Literal["text", "edge", "bar", "rule", "stub"]
Cell = str | int | float | None
Row = list[Cell]


@dataclass(slots=True)
class Tip:
    """One row of a tooltip; it is there from step `since` on."""

    label: str
    value: str
    since: int = 0


@dataclass(slots=True)
class Span:
    """A piece of a mark's text, usually one token, that comes and changes by itself."""

    of: str
    text: str
    cls: str
    born: int = 0
    changes: list[tuple[int, str]] = field(default_factory=list)
    dies: int | None = None
    node: int | None = None
    tip: list[Tip] = field(default_factory=list)


@dataclass(slots=True)
class Mark:
    """One thing on the canvas.

    shape  text   `text`, or the visible `spans` one after another, from (x, y); `align` says which
                  end of the text stands at x; with `sign` the class's sign stands before it
           edge   from (x, y) to (x + width, y + height): right, down within one cell, right
           bar    a rectangle with (x, y) its upper left corner
           rule   a straight line from (x, y) to (x + width, y + height), for axes and ends
           stub   a button with a text; pressed, it shows `opens` in a panel that begins at the
                  stub and whose coordinates are counted from the panel's own corner
    of     what it stands for, "node 12"; no two marks of one name are shown at the same step
    cls    the class of `style.CLASSES` that it has when it is born
    born   the step from which it is shown      dies   the step from which it is gone again
    changes  (step, class) in rising order: from that step on it has that class
    node   the node of the token tree it stands for, if it is one: for clicks and search
    """

    of: str
    shape: Shape
    x: float
    y: float
    cls: str
    born: int = 0
    width: float = 0.0
    height: float = 0.0
    text: str = ""
    align: Literal["start", "middle", "end"] = "start"
    sign: bool = False
    small: bool = False
    spans: list[Span] = field(default_factory=list)
    tip: list[Tip] = field(default_factory=list)
    changes: list[tuple[int, str]] = field(default_factory=list)
    dies: int | None = None
    opens: list[Mark] = field(default_factory=list)
    node: int | None = None


@dataclass(slots=True)
class Lane:
    """A labelled band of a figure: a round, a view."""

    label: str
    y: float
    height: float
    born: int = 0


@dataclass(slots=True)
class Frame:
    """The data of a Plotly figure from `step` on, until the next frame's step.

    `traces` replaces properties of the figure's traces by place, `layout` is merged into its
    layout. Several frames of one step are alternatives of which the first is shown unasked.
    """

    step: int
    of: str
    label: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Table:
    """The same facts as plain values; row i is there from `steps[i]` on (rising).

    Where rows are about nodes of the tree, `nodes[i]` is the node, and `classes[i]` the class that
    its mark in the picture has by then; else both are empty.
    """

    columns: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)

    def add(self, step: int, *row: Cell) -> None:
        self.rows.append(list(row))
        self.steps.append(step)

    def add_node(self, node: int, cls: str, step: int, *row: Cell) -> None:
        """A row about a node; a table has such rows alone, or none."""
        self.add(step, *row)
        self.nodes.append(node)
        self.classes.append(cls)


@dataclass(slots=True)
class Picture:
    """One picture of one run.

    kind "marks": `marks`, `size`, `lanes`; and `focus`, for each step the point (x, y) that should
    be in sight.
    kind "plotly": `figure` = {"data": [...], "layout": {...}}. A trace with meta.born (one step a
    point) shows only points whose step has come; a figure with `frames` shows the frame of the
    latest step that has come, and no data before the first.

    `captions[s]` is the sentence of step s. `legend` has (class, words) of the classes that occur.
    `data` is what only this picture has, described where it is made.
    """

    id: str
    kind: Literal["marks", "plotly"]
    title: str
    what: str
    how: str
    captions: list[str]
    table: Table = field(default_factory=Table)
    legend: list[tuple[str, str]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    size: tuple[float, float] = (0.0, 0.0)
    lanes: list[Lane] = field(default_factory=list)
    focus: list[tuple[float, float]] = field(default_factory=list)
    figure: dict[str, Any] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def last_step(self) -> int:
        return len(self.captions) - 1

    def to_dict(self, *, opens: bool = True, table: bool = True) -> dict[str, Any]:
        """Plain Python, ready for JSON, with every character of a string visible.

        Fields at their default are left out of the parts; `cls` is called "class"; a tip is
        [label, value, since]. At thousands of nodes what the stubs open and the table are most of
        a picture: without them a page can send it at once and fetch `opened` and the table later.
        """
        whole = {f.name: getattr(self, f.name) for f in fields(self)}
        if not table:
            whole["table"] = Table(self.table.columns)
        if not opens:
            whole["marks"] = [replace(mark, opens=[]) for mark in self.marks]
        return {name: plain(value) for name, value in whole.items()}

    def opened(self, of: str) -> list[dict[str, Any]]:
        """What the stub of that name opens, as plain Python; nothing if there is no such stub."""
        return [plain(line) for mark in self.marks if mark.of == of for line in mark.opens]


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """What is to be seen at a step: what it stands for, its class, its text or values."""

    of: str
    cls: str
    text: str = ""


def class_at(thing: Mark | Span, step: int) -> str | None:
    """The class of a mark or span at the end of a step; None: it is not shown."""
    if step < thing.born or (thing.dies is not None and step >= thing.dies):
        return None
    shown = thing.cls
    for since, cls in thing.changes:
        if since <= step:
            shown = cls
    return shown


def visible_at(picture: Picture, step: int, opened: bool = False) -> list[Shown]:
    """Everything shown at the end of a step, sorted; with `opened` as if all stubs were open."""
    if picture.kind == "plotly":
        return sorted(_points(picture, step))
    return sorted(_shown(picture.marks, step, opened))


def frame_at(picture: Picture, step: int) -> Frame | None:
    """The frame that is shown unasked at a step."""
    come = [frame for frame in picture.frames if frame.step <= step]
    return next((frame for frame in come if frame.step == come[-1].step), None)


def _shown(marks: Iterable[Mark], step: int, opened: bool) -> Iterator[Shown]:
    for mark in marks:
        cls = class_at(mark, step)
        if cls is None:
            continue
        yield Shown(mark.of, cls, mark.text)
        for span in mark.spans:
            span_cls = class_at(span, step)
            if span_cls is not None:
                yield Shown(span.of, span_cls, span.text)
        if opened:
            yield from _shown(mark.opens, step, opened)


def _points(picture: Picture, step: int) -> Iterator[Shown]:
    frame = frame_at(picture, step)
    for place, trace in enumerate(picture.figure["data"]):
        if picture.frames:
            trace = {**trace, **frame.traces[place]} if frame else {}
        born = trace.get("meta", {}).get("born")
        columns = [trace[c] for c in ("x", "y", "z", "text", "hovertext") if _is_column(trace, c)]
        for i, values in enumerate(zip(*columns, strict=True)):
            if born is None or born[i] <= step:
                yield Shown(f"{frame.of if frame else ''}/{place}/{i}", "point", repr(values))


def _is_column(trace: dict[str, Any], name: str) -> bool:
    return isinstance(trace.get(name), list)


def plain(value: Any) -> Any:
    match value:
        case Tip():
            return [show_text(value.label), show_text(value.value), value.since]
        case Mark() | Span() | Lane() | Frame():
            return dict(_set_fields(value))
        case Table():
            named = {f.name: getattr(value, f.name) for f in fields(value)}
            always = ("columns", "rows", "steps")
            return {n: plain(x) for n, x in named.items() if x or n in always}
        case dict():
            return {plain(key): plain(v) for key, v in value.items()}
        case str():
            return show_text(value)  # names and reasons of an imported trace are anybody's text
        case float():
            return float(f"{value:.6g}")  # what can be read off a picture, at half the size
        case Sequence():
            return [plain(v) for v in value]
    return value


def _set_fields(part: Mark | Span | Lane | Frame) -> Iterator[tuple[str, Any]]:
    for f in fields(part):
        value = getattr(part, f.name)
        if isinstance(value, float):
            value = round(value, 3)
        if f.default == value or (isinstance(value, list | dict) and not value):
            continue
        yield ("class" if f.name == "cls" else f.name), plain(value)
