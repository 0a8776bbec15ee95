"""Who proposed the guesses, and at which rank among their siblings those that stood were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from visualizers.charts import axis, base_layout, with_legend
from visualizers.draft_rounds import Round, rounds
from visualizers.picture import Frame, Picture, Table
from visualizers.reading import Reading
from visualizers.sentences import captions
from visualizers.style import BLUE, GREY, VERMILION
from visualizers.words import clip, for_plotly, plural, show_text

READS = ("node", "mark")
NEEDS = ("mark:accepted", "mark:rejected")
FATES = (("accepted", BLUE, ""), ("rejected", VERMILION, "x"), ("not needed", GREY, "/"))


def draw(reading: Reading) -> list[Picture]:
    found = rounds(reading)
    return [_proposers(reading, found), _ranks(reading, found)]


def _fate(reading: Reading, node: int, step: int) -> str:
    """What became of a guess in a round: it stood, it fell, or nobody came to judge it."""
    marks = {m.mark for m in reading.fold.nodes[node].marks if m.step == step}
    if marks & {"accepted", "emitted"}:
        return "accepted"
    return "rejected" if "rejected" in marks else "not needed"


def _proposers(reading: Reading, found: Sequence[Round]) -> Picture:
    counts: dict[str, Counter[str]] = {}
    table = Table(["after round", "proposed by", *(fate for fate, _, _ in FATES)])
    frames = []
    for this in found:
        for node in filter(reading.is_guess, this.nodes):
            by = reading.fold.nodes[node].by
            counts.setdefault(by, Counter())[_fate(reading, node, this.step)] += 1
        names = list(counts)
        for by in names:
            told = [counts[by][fate] for fate, _, _ in FATES]
            table.add(this.step, this.number, show_text(by), *told)
        traces = [
            {"y": list(range(len(names))), "x": [counts[by][fate] for by in names],
             "text": [f"{counts[by][fate]} {fate}" for by in names]}
            for fate, _, _ in FATES
        ]  # fmt: skip
        ticks = {
            "tickvals": list(range(len(names))),
            "ticktext": [for_plotly(_share(by, counts[by])) for by in names],
        }
        frames.append(Frame(this.step, f"proposed {this.step}", "", traces, {"yaxis": ticks}))
    layout = with_legend(base_layout())
    layout["barmode"] = "stack"
    layout["legend"]["traceorder"] = "normal"
    layout["xaxis"] = axis("guesses", rangemode="tozero")
    layout["yaxis"] = {**axis(""), "autorange": "reversed", "showgrid": False}
    return Picture(
        id="proposals",
        kind="plotly",
        title="Who proposed what",
        what="The guesses of all rounds so far by who proposed them, and what became of them.",
        how="Not needed is a guess that was not judged: a sibling stood before it, or what it hung "
        "from fell. A guess that two proposed counts for the one who was first.",
        captions=captions(reading, lambda step: _tell_proposers(reading, found, step)),
        table=table,
        figure={"data": [_bar(*fate, flat=True) for fate in FATES], "layout": layout},
        frames=frames,
    )


def _bar(fate: str, colour: str, pattern: str, flat: bool = False) -> dict[str, Any]:
    marker = {"color": colour, "pattern": {"shape": pattern}}
    bar: dict[str, Any] = {"type": "bar", "name": fate, "marker": marker, "x": [], "y": []}
    if flat:
        return bar | {"orientation": "h", "hoverinfo": "text", "textposition": "none"}
    return bar


def _share(by: str, count: Counter[str]) -> str:
    """Whose guesses these are, and how many of them were accepted."""
    return f"{clip(show_text(by), 24)}: {count['accepted']} of {count.total()}"


def _tell_proposers(reading: Reading, found: Sequence[Round], step: int) -> str:
    this = next((r for r in found if r.step == step), None)
    if this is None:
        return "nobody guessed."
    counts = Counter(reading.fold.nodes[n].by for n in this.nodes if reading.is_guess(n))
    if not counts:
        return "nobody guessed anew."
    told = [f"{plural(n, 'guess', 'guesses')} of “{clip(by, 24)}”" for by, n in counts.items()]
    return f"{', '.join(map(show_text, told))}."


def _ranks(reading: Reading, found: Sequence[Round]) -> Picture:
    offered: Counter[int] = Counter()
    stood: Counter[int] = Counter()
    table = Table(["after round", "rank among siblings", "offered", "accepted"])
    frames = []
    for this in found:
        # Only where something was judged could a sibling of any rank have stood.
        guesses = [n for n in this.nodes if reading.is_guess(n)]
        for parent in sorted({reading.fold.nodes[m.node].parent for m in this.judged}):
            siblings = [n for n in guesses if reading.fold.nodes[n].parent == parent]
            for rank, node in enumerate(siblings, 1):
                offered[rank] += 1
                stood[rank] += _fate(reading, node, this.step) == "accepted"
        ranks = sorted(offered)
        for rank in ranks:
            table.add(this.step, this.number, rank, offered[rank], stood[rank])
        words = [f"{stood[r]} of {offered[r]}" for r in ranks]
        bars = {"x": ranks, "y": [stood[r] / offered[r] for r in ranks], "text": words}
        frames.append(Frame(this.step, f"ranks {this.step}", "", [bars]))
    layout = base_layout()
    layout["xaxis"] = axis("rank among the siblings", dtick=1)
    layout["yaxis"] = axis("share accepted", range=[0, 1.02])
    data = [{**_bar("accepted", BLUE, ""), "textposition": "auto", "hoverinfo": "x+text"}]
    return Picture(
        id="ranks",
        kind="plotly",
        title="Acceptance by rank",
        what="Of the first guesses below a node, of the second ones and so on, the share that was "
        "accepted.",
        how="Siblings are counted in the order in which they were guessed. Nodes that were not "
        "reached do not count. Bars that fall slowly say that wider trees pay.",
        captions=captions(reading, lambda step: _tell_ranks(reading, found, step)),
        table=table,
        legend=[("accepted", "accepted")],
        figure={"data": data, "layout": layout},
        frames=frames,
    )


def _tell_ranks(reading: Reading, found: Sequence[Round], step: int) -> str:
    this = next((r for r in found if r.step == step), None)
    if this is None or not this.judged:
        return "no guess was judged."
    stood = sum(m.mark == "accepted" for m in this.judged)
    levels = plural(len(this.levels), "place")
    return f"a guess stood at {stood} of {levels} where guesses were judged."
