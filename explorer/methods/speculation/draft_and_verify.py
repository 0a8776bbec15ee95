"""The target drafts for itself with some of its sublayers left out, until it is unsure.

## What it does
A fixed set of attention and feed-forward sublayers is left out: what remains is the draft. It
writes token by token and stops behind the first token to which it gave less than a threshold, or
after K. The whole target reads the guesses in one pass and judges them. The threshold adapts: it
rises while fewer guesses stand than wanted, and falls when drafting stopped although they did.

## When to use it
Where there is no second model. What is left out was chosen beforehand: `python -m
benchmarks.skipping` searches for a set that speeds a model up most.

## What to look at
The set itself (the note “left out”), the threshold as it adapts, and the length of the drafts
against how much of them stands.

## Guarantee
Lossless: the draft's law is known and its tokens are kept, whatever is left out; so a bad set costs
time and nothing else.

## Reference
Zhang J. et al. 2023, "Draft & Verify: Lossless Large Language Model Acceleration via
Self-Speculative Decoding", https://arxiv.org/abs/2309.08168
"""

from __future__ import annotations

from dataclasses import dataclass

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.skipping import drawn, evenly, inner_sublayers, written
from explorer.verification import Guess, chain, check

SHARE = 0.45  # of the inner sublayers, where nobody says which


class DraftAndVerifyParams(Params):
    """What the draft leaves out, when it stops, and the filters of both."""

    skip: str = param(
        "", "Left out", "Blocks or sublayers, with commas between, as in 3, 4.mlp, 5.attention; if "
        "empty, 45 % of the inner sublayers, evenly spread.", symbol="z", unit="text",
        max_length=2000,
    )  # fmt: skip
    length: int = param(
        8, "Most guesses", "Tokens of a draft, at most.", symbol="K", unit="tokens", ge=1, le=64
    )
    threshold: float = param(
        0.5, "Threshold", "Behind a guess whose probability, before the filters, is below this the "
        "draft ends; where it begins.", symbol="th", ge=0.0, le=1.0,
    )  # fmt: skip
    wanted: float = param(
        0.9, "Wanted", "Share of guesses that shall stand.", symbol="α", ge=0.0, le=1.0
    )
    pace: float = param(
        0.01, "Pace", "How far the threshold moves in a round; 0 keeps it.", symbol="ε", ge=0.0,
        le=1.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@method(
    title="Draft & Verify",
    family="speculation",
    paper="https://arxiv.org/abs/2309.08168",
    params=DraftAndVerifyParams,
    claims={"lossless"},
    notes=(
        Note("left out", "attention (above) and feed-forward (below) of each block: 1 left out",
             shape="matrix", drawn_as="heatmap"),
        Note("threshold", "probability below which a guess ends the draft"),
    ),
    presets={
        "the paper's defaults": preset("The threshold's slow walk.", length=8, threshold=0.5),
        "greedy": preset("The target's greedy text, drafted by itself.", threshold=0.8,
                         filters="temperature=0"),
        "found for the bundled target": preset(
            "The set that `benchmarks.skipping` found: what the bundled target can do without.",
            skip="1.attention, 1.mlp, 2.attention, 2.mlp, 4.attention, 5.attention, 7.mlp, "
            "9.attention, 9.mlp, 10.attention",
            length=1, threshold=0.0,
        ),
        "one block": preset("A draft that is nearly the target: long and slow.", skip="2",
                            length=16),
        "break it": preset("The draft leaves out block 0, and nearly nothing stands.", skip="0",
                           threshold=0.0, pace=0.0),
    },
)  # fmt: skip
def draft_and_verify(run: Run, p: DraftAndVerifyParams) -> None:
    names = inner_sublayers(run.models["target"].depth)
    z = written(p.skip) or evenly(names, round(SHARE * len(names)))
    skipping = run.variant("skipping", skip=z)
    run.note("left out", drawn(z, names))
    controller = Controller(p.threshold, p.wanted, p.pace)
    root = run.root
    for _ in run.steps():
        run.note("threshold", controller.th)
        # 1. Draft without the sublayers, as long as the draft is sure.
        tip, guesses = root, {}
        for _ in range(min(p.length, run.remaining - 1)):
            (q,) = run.laws(p.filters, skipping([tip]), [tip], stream="skipping")
            x = run.choose(q)
            child = run.add(tip, x, by="skipping")
            guesses[tip] = [Guess(child, x, q.probs)]
            tip = child
            if run.is_eos(x) or float(q.raw[x].exp()) < controller.th:
                break

        # 2. Verify with all of them; adapt the threshold.
        before = run.tree.depth(root)
        root, _ = check(run, root, guesses, p.filters, chain)
        stood = min(len(guesses), run.tree.depth(root) - before - 1)
        if guesses:
            controller.after(len(guesses), stood, full=len(guesses) == p.length)


@dataclass(slots=True)
class Controller:
    """The threshold th, moved so that about a share `wanted` of the guesses stands."""

    th: float
    wanted: float
    pace: float
    mean: float | None = None  # the running share of guesses that stood

    def after(self, drafted: int, stood: int, full: bool) -> None:
        """Take in a round; `full` says that the draft ended for its length alone."""
        share = stood / drafted
        self.mean = share if self.mean is None else 0.5 * self.mean + 0.5 * share
        if self.mean < self.wanted:
            new = self.th + self.pace
        elif full:
            new = self.th
        else:
            new = self.th - self.pace
        self.th = min(1.0, max(0.0, 0.9 * self.th + 0.1 * new))
