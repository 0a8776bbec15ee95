"""The forward passes on a time axis, one lane a view."""

from __future__ import annotations

from math import ceil, log2

from explorer.trace import EvalEvent
from visualizers.picture import Lane, Mark, Picture, Table, Tip
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import legend
from visualizers.words import clip, number, plural

READS = ("eval", "view")
NEEDS = ("eval",)
LABEL = 22.0  # cells for the lanes' names
WIDTH = 96.0  # cells for the time axis
LANE = 4.0  # lines of a lane: two for the bars above the line, one for the cache below it


def draw(reading: Reading) -> list[Picture]:
    evals = reading.fold.evals
    views = list(dict.fromkeys([*reading.fold.views, *(e.view for e in evals)]))
    end = max((e.ms for e in evals), default=0.0) or 1.0
    rows = max((e.rows for e in evals), default=1) or 1
    cached = max((e.cached for e in evals), default=1) or 1
    scale = WIDTH / end
    marks: list[Mark] = []
    table = Table(["step", "view", "start (ms)", "took (ms)", "rows", "cached", "passes", "asked"])
    lane_of = {view: i * LANE for i, view in enumerate(views)}
    for i, event in enumerate(evals):
        start = max(event.ms - event.took_ms, 0.0)
        top = lane_of[event.view]
        marks += _bars(i, event, LABEL + start * scale, event.took_ms * scale, top, rows, cached)
        table.add(
            event.step, event.step, event.view, round(start, 3), round(event.took_ms, 3),
            event.rows, event.cached, event.passes, len(event.nodes),
        )  # fmt: skip
    axis_y = len(views) * LANE + 0.5
    marks += _axis(end, scale, axis_y)
    focus, here = [], (LABEL, 0.0)
    for step in reading.steps:
        if found := reading.evals_at[step]:
            here = (LABEL + found[-1].ms * scale, lane_of[found[-1].view])
        focus.append(here)
    return [
        Picture(
            id="passes",
            kind="marks",
            title="Forward passes",
            what="When each model computed, for how long, and how many positions at once.",
            how="A bar is one forward pass: its length is time, its height the positions computed "
            "in it (doubling adds the same height each time). The bar below the line is the cache "
            "that stood afterwards. A dashed bar was answered without computing.",
            captions=captions(reading, lambda step: _tell(reading, step)),
            table=table,
            legend=legend("pass", "known", "cache"),
            marks=marks,
            size=(LABEL + WIDTH + 4, axis_y + 1),
            lanes=[Lane(clip(v, 20), lane_of[v] + 1, 2) for v in views],
            focus=focus,
        )
    ]


def _bars(
    i: int, event: EvalEvent, x: float, width: float, top: float, rows: int, cached: int
) -> list[Mark]:
    high = 0.2 + 1.8 * log2(1 + event.rows) / log2(1 + rows)
    tip = [
        Tip("view", event.view),
        Tip("took", f"{number(event.took_ms)} ms"),
        Tip("positions computed", str(event.rows)),
        Tip("in the cache afterwards", str(event.cached)),
        Tip("forward passes", str(event.passes)),
        Tip("nodes asked", str(len(event.nodes))),
    ]
    cls = "pass" if event.passes else "known"
    width = max(width, 0.12)
    below = 0.8 * event.cached / cached
    bar = Mark(f"pass {i}", "bar", x, top + 2.2 - high, cls, event.step, width, high, tip=tip)
    cache = Mark(f"cache {i}", "bar", x, top + 2.4, "cache", event.step, width, below, tip=tip)
    return [bar, cache]


def _axis(end: float, scale: float, y: float) -> list[Mark]:
    """Ticks of a round number of milliseconds, about eight of them."""
    rough = end / 8
    power = 10.0 ** (len(str(int(rough))) - 1) if rough >= 1 else 0.01
    tick = next(power * f for f in (1, 2, 5, 10, 20, 50, 100) if power * f >= rough)
    marks = [Mark("axis", "rule", LABEL, y - 0.5, "axis", width=WIDTH)]
    for i in range(ceil(end / tick)):
        x = LABEL + i * tick * scale
        text = f"{i * tick:g}" + (" ms" if i == 0 else "")
        marks.append(Mark(f"tick {i}", "text", x, y, "axis", text=text, small=True, align="middle"))
    return marks


def _tell(reading: Reading, step: int) -> str:
    evals = reading.evals_at[step]
    if not evals:
        return "no model was asked."
    parts = []
    for view in dict.fromkeys(e.view for e in evals):
        mine = [e for e in evals if e.view == view]
        passes, rows = sum(e.passes for e in mine), sum(e.rows for e in mine)
        took = sum(e.took_ms for e in mine)
        said = f"{plural(passes, 'pass', 'passes')} of “{view}” over {plural(rows, 'position')}"
        parts.append(f"{said} in {number(took)} ms")
    return ", ".join(parts) + "."
