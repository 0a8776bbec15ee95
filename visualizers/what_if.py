"""What the recorded guesses would have gained with another draft, draft length or machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from explorer.speedup import Cost, break_even, flat, rising, speed_up, virtual_time
from visualizers.charts import axis, base_layout, with_legend
from visualizers.draft_rounds import rounds
from visualizers.picture import Frame, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREEN, ORANGE, VERMILION
from visualizers.words import number, plural

READS = ("node", "mark", "eval")
NEEDS = ("mark:accepted", "mark:rejected")

# How the cost of a pass grows with its tokens: what it is called, its curve, how it is drawn.
HARDWARE: tuple[tuple[str, Cost, str, str], ...] = (
    ("further tokens are free", flat, BLUE, "solid"),
    ("each further token costs 2 %", rising(0.02), GREEN, "dash"),
    ("each further token costs 10 %", rising(0.1), VERMILION, "dot"),
)
COSTS = [i / 20 for i in range(21)]
TOLD_COSTS = (0.05, 0.2, 0.5)
LENGTHS = range(17)
TOLD_LENGTHS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run had done at the end of a step."""

    step: int
    tokens: int = 0
    passes: tuple[int, ...] = ()  # the tokens asked for in each pass of the target
    drafted: int = 0  # passes of whoever else was asked
    target_ms: float = 0.0
    draft_ms: float = 0.0
    stood: int = 0  # judged levels at which a guess stood
    levels: int = 0
    depths: tuple[int, ...] = field(default=())  # how deep the guesses of each round went

    @property
    def cost(self) -> float:
        """The time of a draft step over that of a target pass, as they were measured."""
        if not self.drafted or not self.target_ms:
            return 0.0
        return (self.draft_ms / self.drafted) / (self.target_ms / len(self.passes))

    @property
    def rate(self) -> float:
        return self.stood / self.levels if self.levels else 0.0

    @property
    def length(self) -> float:
        return sum(self.depths) / len(self.depths) if self.depths else 0.0

    @property
    def even(self) -> float:
        """The cost of a draft step at which these rounds gain nothing, further tokens free."""
        rounds = len(self.passes)
        return break_even(self.tokens / rounds, self.drafted / rounds)

    def gain(self, c: float, t: Cost) -> float:
        """Speed-up of these very rounds, with a draft of cost c on hardware t."""
        return self.tokens * t(1) / virtual_time(self.passes, self.drafted, c, t)


def draw(reading: Reading) -> list[Picture]:
    found = measured(reading)
    return [_costs(reading, found), _lengths(reading, found)]


def measured(reading: Reading) -> list[Measured]:
    """What stood at the end of each step with a round, as far as there was a pass to count."""
    by_step = {this.step: this for this in rounds(reading)}
    now, found = Measured(-1), []
    for step in reading.steps:
        evals = reading.evals_at[step]
        own = [e for e in evals if e.view == "target"]
        others = [e for e in evals if e.view != "target"]
        now = replace(
            now,
            step=step,
            tokens=now.tokens + len(reading.marked(step, "emitted")),
            passes=(*now.passes, *(len(e.nodes) for e in own)),
            drafted=now.drafted + sum(e.passes for e in others),
            target_ms=now.target_ms + sum(e.took_ms for e in own),
            draft_ms=now.draft_ms + sum(e.took_ms for e in others),
        )
        if this := by_step.get(step):
            now = replace(
                now,
                stood=now.stood + sum(level.passed for level in this.levels),
                levels=now.levels + len(this.levels),
                depths=(*now.depths, this.depth),
            )
            if now.passes:
                found.append(now)
    return found


def _costs(reading: Reading, found: Sequence[Measured]) -> Picture:
    table = Table(["after step", "draft cost", "hardware", "speed-up"])
    frames = []
    for now in found:
        for c in (*TOLD_COSTS, now.cost):
            for name, t, _, _ in HARDWARE:
                table.add(now.step, now.step + 1, round(c, 4), name, round(now.gain(c, t), 3))
        lines = [{"x": COSTS, "y": [now.gain(c, t) for c in COSTS]} for _, t, _, _ in HARDWARE]
        here = {"x": [now.cost], "y": [now.gain(now.cost, flat)]}
        frames.append(Frame(now.step, f"what if cost {now.step}", "", [*lines, here]))
    return Picture(
        id="what_if_cost",
        kind="plotly",
        title="What if the draft cost something else",
        what="How many times faster than one token a pass these very rounds are, by what a step "
        "of the draft costs.",
        how="Costs are counted in passes of the target over one token. The cross stands at the "
        "cost that was measured on the machine that ran it. Below 1, guessing loses.",
        captions=captions(reading, lambda step: _tell(found, step)),
        table=table,
        figure=_figure("cost of a draft step", "this run's own cost"),
        frames=frames,
    )


def _lengths(reading: Reading, found: Sequence[Measured]) -> Picture:
    table = Table(["after step", "draft length", "hardware", "expected speed-up"])
    frames = []
    for now in found:
        for gamma in TOLD_LENGTHS:
            for name, t, _, _ in HARDWARE:
                gain = speed_up(now.rate, gamma, now.cost, t)
                table.add(now.step, now.step + 1, gamma, name, round(gain, 3))
        lines = [
            {"x": list(LENGTHS), "y": [speed_up(now.rate, n, now.cost, t) for n in LENGTHS]}
            for _, t, _, _ in HARDWARE
        ]
        here = {"x": [now.length], "y": [now.gain(now.cost, flat)]}
        frames.append(Frame(now.step, f"what if length {now.step}", "", [*lines, here]))
    return Picture(
        id="what_if_length",
        kind="plotly",
        title="What if drafts were longer or shorter",
        what="The speed-up that the formula expects of a chain of guesses, by its length, with the "
        "acceptance and the draft cost of this run.",
        how="An estimate: every guess is taken to stand with the rate measured so far, "
        "independently. The cross is this run: the mean depth of its guesses, and what its rounds "
        "gained at the measured cost.",
        captions=captions(reading, lambda step: _tell(found, step)),
        table=table,
        figure=_figure("guesses in a round", "this run"),
        frames=frames,
    )


def _figure(x: str, here: str) -> dict[str, Any]:
    layout = with_legend(base_layout())
    layout["xaxis"] = axis(x, rangemode="tozero")
    layout["yaxis"] = axis("speed-up", rangemode="tozero")
    data: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "name": name, "x": [], "y": [],
         "line": {"color": colour, "dash": dash}}
        for name, _, colour, dash in HARDWARE
    ]  # fmt: skip
    data.append(
        {"type": "scatter", "mode": "markers", "name": here, "x": [], "y": [],
         "marker": {"symbol": "x", "size": 12, "color": ORANGE}}
    )  # fmt: skip
    return {"data": data, "layout": layout}


def _tell(found: Sequence[Measured], step: int) -> str:
    now = next((m for m in reversed(found) if m.step <= step), None)
    if now is None:
        return "no round is over."
    said = f"{plural(now.tokens, 'token')} in {plural(len(now.passes), 'pass', 'passes')}"
    said = (
        f"{said} of the target; at a draft cost of {number(now.cost)} that is "
        f"{number(now.gain(now.cost, flat))} times as fast as one token a pass"
    )
    return f"{said}; above {number(now.even)} guessing loses." if now.drafted else f"{said}."
