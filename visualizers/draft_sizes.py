"""How often guesses of smaller and larger drafts stand, as it was measured beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from explorer.acceptance import Acceptance, measured_for
from explorer.speedup import best_length, speed_up
from visualizers.charts import axis, base_layout, with_legend
from visualizers.draft_rounds import Round, rounds
from visualizers.picture import Frame, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION
from visualizers.words import number

READS = ("node", "mark", "view")
NEEDS = ("mark:accepted", "mark:rejected")

# A line a temperature, in the order of the temperatures.
LOOKS = ((BLUE, "solid"), (GREEN, "dash"), (VERMILION, "dot"), (PURPLE, "dashdot"))


def draw(reading: Reading) -> list[Picture]:
    revisions = {str(view.model.get("revision", "")) for view in reading.fold.views.values()}
    known = measured_for(revisions)
    return [_sizes(reading, known, rounds(reading))] if known else []


def _sizes(reading: Reading, known: Sequence[Acceptance], found: Sequence[Round]) -> Picture:
    temperatures = sorted({row.temperature for row in known})
    table = Table(["draft", "share of the target", "temperature", "acceptance", "error",
                   "best draft length", "expected speed-up"])  # fmt: skip
    for row in known:
        gamma = best_length(row.acceptance, row.share)
        gain = speed_up(row.acceptance, gamma, row.share)
        table.add(0, row.draft, row.share, row.temperature, row.acceptance, row.error, gamma,
                  round(gain, 3))  # fmt: skip
    lines = [_line(known, temperature) for temperature in temperatures]
    models = [row for row in known if row.own]
    marks = {
        "x": [row.share for row in models],
        "y": [row.acceptance for row in models],
        "text": [f"{row.draft}, temperature {row.temperature:g}" for row in models],
    }
    frames = []
    for this in found:
        rate = _rate(found, this.step)
        here = {"x": [0, 1], "y": [rate, rate]}
        frames.append(Frame(this.step, f"draft sizes {this.step}", "", [*lines, marks, here]))
    return Picture(
        id="draft_sizes",
        kind="plotly",
        title="What if the draft were larger",
        what="How often a guess stands, by the size of the draft and the temperature of both "
        "laws: the target with some of its blocks left out, and the draft if this run has it.",
        how="Not from this run: measured beforehand, on texts that these very models wrote, as the "
        "mean chance that the first guess of a round stands. The size is a share of the target's. "
        "The flat line is this run's own share of judged places at which one stood. The table adds "
        "what the formula promises where a draft step costs that share of a target pass.",
        captions=captions(reading, lambda step: _tell(found, step)),
        table=table,
        figure=_figure(temperatures, bool(models)),
        frames=frames,
    )


def _line(known: Sequence[Acceptance], temperature: float) -> dict[str, Any]:
    parts = sorted(
        (row.share, row.acceptance, row.error, row.draft)
        for row in known
        if row.temperature == temperature and not row.own
    )
    return {
        "x": [share for share, _, _, _ in parts],
        "y": [chance for _, chance, _, _ in parts],
        "error_y": {"type": "data", "array": [error for _, _, error, _ in parts]},
        "text": [name for _, _, _, name in parts],
    }


def _figure(temperatures: Sequence[float], models: bool) -> dict[str, Any]:
    layout = with_legend(base_layout())
    layout["xaxis"] = axis("size of the draft (target: 1)", range=[0, 1])
    layout["yaxis"] = axis("share of guesses that stand", range=[0, 1.02])
    data: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines+markers", "name": f"temperature {t:g}", "x": [], "y": [],
         "line": {"color": colour, "dash": dash}}
        for t, (colour, dash) in zip(temperatures, LOOKS, strict=False)
    ]  # fmt: skip
    data += [
        {"type": "scatter", "mode": "markers", "name": "the draft, at each of them", "x": [],
         "y": [], "marker": {"symbol": "diamond", "size": 9, "color": ORANGE},
         "showlegend": models},
        {"type": "scatter", "mode": "lines", "name": "this run so far", "x": [], "y": [],
         "line": {"color": GREY, "width": 1.5}},
    ]  # fmt: skip
    return {"data": data, "layout": layout}


def _rate(found: Sequence[Round], step: int) -> float:
    """The share of judged places at which a guess stood, down to a step."""
    levels = [level for this in found if this.step <= step for level in this.levels]
    return sum(level.passed for level in levels) / len(levels) if levels else 0.0


def _tell(found: Sequence[Round], step: int) -> str:
    if not any(this.levels for this in found if this.step <= step):
        return "no guess was judged."
    return f"a guess stood at {number(_rate(found, step))} of places."
