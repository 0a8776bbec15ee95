"""How often guesses stood: by depth, by round, and what the time went to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from visualizers.charts import axis, base_layout, with_legend
from visualizers.draft_rounds import Round, rounds
from visualizers.picture import Frame, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREY, ORANGE, VERMILION
from visualizers.words import clip, for_plotly, number, plural

READS = ("node", "mark", "eval", "view")
NEEDS = ("mark:accepted", "mark:rejected")


def draw(reading: Reading) -> list[Picture]:
    found = rounds(reading)
    return [_by_depth(reading, found), _committed(reading, found), _time(reading)]


# By depth -------------------------------------------------------------------------------------


def _by_depth(reading: Reading, found: list[Round]) -> Picture:
    stood: Counter[int] = Counter()
    fell: Counter[int] = Counter()
    frames = []
    table = Table(["after round", "depth", "accepted", "rejected", "acceptance rate"])
    for this in found:
        for level in this.levels:
            stood[level.depth] += sum(m.mark == "accepted" for m in level.judged)
            fell[level.depth] += sum(m.mark == "rejected" for m in level.judged)
        depths = sorted({*stood, *fell})
        rates = [stood[d] / (stood[d] + fell[d]) for d in depths]
        words = [f"{stood[d]} of {stood[d] + fell[d]}" for d in depths]
        for d, rate in zip(depths, rates, strict=True):
            table.add(this.step, this.number, d, stood[d], fell[d], rate)
        bars = {"x": depths, "y": rates, "text": words}
        over = {"x": depths, "y": [1 - rate for rate in rates]}
        frames.append(
            Frame(this.step, f"depth {this.step}", plural(this.number, "round"), [bars, over])
        )
    layout = base_layout()
    layout["barmode"] = "stack"
    layout["xaxis"] = axis("depth of the guess in its round", dtick=1)
    layout["yaxis"] = axis("share accepted", range=[0, 1.02])
    data = [
        {"type": "bar", "name": "accepted", "marker": {"color": BLUE}, "x": [], "y": [],
         "textposition": "auto", "hoverinfo": "x+text"},
        {"type": "bar", "name": "rejected", "x": [], "y": [], "hoverinfo": "skip",
         "marker": {"color": "rgba(0,0,0,0)", "line": {"color": VERMILION, "width": 1.5}}},
    ]  # fmt: skip
    return Picture(
        id="acceptance",
        kind="plotly",
        title="Acceptance by depth",
        what="Of the guesses judged at each depth of a round, the share that was accepted.",
        how="Depth 1 is the first guess behind the text. Deeper guesses are judged only where all "
        "above them stood, so their bars rest on fewer.",
        captions=captions(reading, lambda step: _tell_depth(found, step)),
        table=table,
        legend=[("accepted", "accepted"), ("rejected", "rejected")],
        figure={"data": data, "layout": layout},
        frames=frames,
    )


def _tell_depth(found: list[Round], step: int) -> str:
    judged = [m for this in found if this.step <= step for m in this.judged]
    if not judged:
        return "no guess has been judged."
    stood = sum(m.mark == "accepted" for m in judged)
    guesses = plural(len(judged), "guess", "guesses")
    return f"{stood} of {guesses} accepted so far, a rate of {number(stood / len(judged))}."


# Committed tokens a round ---------------------------------------------------------------------


def _committed(reading: Reading, found: list[Round]) -> Picture:
    frames = []
    for i, this in enumerate(found):
        so_far = found[: i + 1]
        counts, expected = _histogram(so_far)
        x = list(range(1, len(counts) + 1))
        frames.append(
            Frame(
                this.step,
                f"committed {this.step}",
                f"acceptance rate {number(_rate(so_far))} a level",
                [{"x": x, "y": counts, "text": list(map(str, counts))}, {"x": x, "y": expected}],
            )
        )
    layout = with_legend(base_layout())
    layout["xaxis"] = axis("tokens committed in a round", dtick=1)
    layout["yaxis"] = axis("rounds", rangemode="tozero")
    data = [
        {"type": "bar", "name": "rounds", "marker": {"color": BLUE}, "x": [], "y": [],
         "textposition": "auto"},
        {"type": "scatter", "mode": "lines+markers", "name": "if every level stood with one rate β",
         "line": {"color": ORANGE, "dash": "dash"}, "marker": {"symbol": "circle-open", "size": 8},
         "x": [], "y": []},
    ]  # fmt: skip
    table = Table(["round", "guessed deep", "accepted", "committed tokens"])
    for this in found:
        table.add(this.step, this.number, this.depth, _passed(this), len(this.committed))
    return Picture(
        id="committed",
        kind="plotly",
        title="Tokens a round",
        what="How many rounds committed one token, two, three and so on; the token "
        "that the target adds counts.",
        how="The dashed line is an estimate: what independent levels, all with the measured "
        "acceptance rate β, would give, β^(k−1)·(1−β). Text that the model ended, or that a limit "
        "cut, may commit fewer.",
        captions=captions(reading, lambda step: _tell_committed(found, step)),
        table=table,
        legend=[("text", "measured"), ("guess", "estimate")],
        figure={"data": data, "layout": layout},
        frames=frames,
    )


def _passed(this: Round) -> int:
    return sum(level.passed for level in this.levels)


def _rate(found: Sequence[Round]) -> float:
    """The share of judged levels at which some guess stood."""
    levels = [level for this in found for level in this.levels]
    return sum(level.passed for level in levels) / len(levels) if levels else 0.0


def _histogram(found: Sequence[Round]) -> tuple[list[int], list[float]]:
    """Rounds by committed tokens (1, 2, …), and the same if levels were independent."""
    beta = _rate(found)
    most = max([1, *(max(len(this.committed), this.depth + 1) for this in found)])
    counts = Counter(len(this.committed) for this in found)
    expected = [0.0] * most
    for this in found:
        for k in range(1, this.depth + 2):
            stops = 1.0 if k == this.depth + 1 else 1 - beta
            expected[k - 1] += beta ** (k - 1) * stops
    return [counts[k] for k in range(1, most + 1)], expected


def _tell_committed(found: list[Round], step: int) -> str:
    so_far = [this for this in found if this.step <= step]
    if not so_far:
        return "no round is over."
    tokens = sum(len(this.committed) for this in so_far)
    last = so_far[-1]
    said = f"{plural(tokens, 'token')} in {plural(len(so_far), 'round')}"
    said += f", {number(tokens / len(so_far))} a round"
    return f"{said}; this one committed {len(last.committed)}." if last.step == step else f"{said}."


# Time by model --------------------------------------------------------------------------------


def _time(reading: Reading) -> Picture:
    opened = {view: event.step for view, event in reading.fold.views.items()}
    for event in reading.fold.evals:
        opened.setdefault(event.view, event.step)
    took = dict.fromkeys(opened, 0.0)
    passes = dict.fromkeys(opened, 0)
    frames = []
    table = Table(["step", "view", "model", "milliseconds so far", "passes so far"])
    for step in reading.steps:
        for work in reading.evals_at[step]:
            took[work.view] += work.took_ms
            passes[work.view] += work.passes
        seen = [v for v in opened if any(e.view == v for e in reading.evals_at[step])]
        for view in seen:
            known = reading.fold.views.get(view)
            model = str(known.model.get("id", "")) if known else ""
            table.add(step, step, view, model, round(took[view], 3), passes[view])
        if seen:
            views = [view for view, since in opened.items() if since <= step]
            frames.append(_time_frame(step, views, took, passes))
    layout = base_layout()
    layout["xaxis"] = axis("milliseconds", rangemode="tozero")
    layout["yaxis"] = {**axis(""), "autorange": "reversed", "showgrid": False}
    bar: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "textposition": "auto",
        "hoverinfo": "text",
    }
    data = [
        {**bar, "x": [], "y": [], "marker": {"color": BLUE, "line": {"color": GREY, "width": 1}}}
    ]
    return Picture(
        id="time",
        kind="plotly",
        title="Time by model",
        what="Where the time of the forward passes went, summed over the run so far.",
        how="Measured on the machine that ran it. Time outside the models is not in it.",
        captions=captions(reading, lambda step: _tell_time(reading, step)),
        table=table,
        figure={"data": data, "layout": layout},
        frames=frames,
    )


def _time_frame(
    step: int, views: Sequence[str], took: dict[str, float], passes: dict[str, int]
) -> Frame:
    places = list(range(len(views)))
    text = [f"{number(took[v])} ms, {plural(passes[v], 'pass', 'passes')}" for v in views]
    trace = {"x": [round(took[v], 3) for v in views], "y": places, "text": text}
    names = [for_plotly(clip(view, 24)) for view in views]
    layout = {"yaxis": {"tickvals": places, "ticktext": names}}
    return Frame(step, f"time {step}", "", [trace], layout)


def _tell_time(reading: Reading, step: int) -> str:
    evals = reading.evals_at[step]
    took: Counter[str] = Counter()
    for event in evals:
        took[event.view] += event.took_ms  # type: ignore[assignment]
    said = ", ".join(f"{number(ms)} ms in “{view}”" for view, ms in took.items())
    return f"{said}." if said else "no model was asked."
