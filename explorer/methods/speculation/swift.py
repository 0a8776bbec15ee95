"""Find out while writing which sublayers can be left out, and draft with the rest.

## What it does
As long as it is not settled, every round tries another set of sublayers on the first tokens of the
text, the same for all sets: one pass of the target without them, and the score is the share of
tokens that it would have written, too. Most sets are random, now and then one is what a surrogate
of the scores holds most promising; the best so far drafts. A draft is a chain with side branches,
the more the less sure the draft is of its token; it ends behind a token it doubts. The whole target
reads the guesses in one pass and judges them.

## When to use it
As Draft & Verify, without choosing anything beforehand: for texts long enough to pay for the
search.

## What to look at
The score of the best set climbing (the note “matchness”), the set itself (the note “left out”), and
how much of the work the search took, in the forward passes.

## Guarantee
Lossless: side branches are drawn without replacement and tried in the order of their draw; how many
there are depends on the first one alone. What is left out changes the time and nothing else.

## Reference
Xia et al. 2024, "SWIFT: On-the-Fly Self-Speculative Decoding for LLM Inference Acceleration",
https://arxiv.org/abs/2410.06916
"""

from __future__ import annotations

from explorer.candidates import best_tokens
from explorer.drafting import draw_siblings
from explorer.law import Law
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.skipping import MaskSearch, drawn, inner_sublayers
from explorer.verification import Guess, check, drawn_then_known
from explorer.view import RecordingView

SURE = (0.95, 0.8, 0.5)  # probabilities of a guess that part the numbers of siblings
SIBLINGS = (1, 3, 5, 10)  # when drawn
SIBLINGS_GREEDY = (3, 5, 8, 10)  # where only one can be drawn


class SwiftParams(Params):
    """How much is left out, how it is searched for, the draft, and the filters of both."""

    ratio: float = param(
        0.45, "Left out", "Share of the inner sublayers that the draft leaves out.", symbol="r",
        ge=0.0, le=1.0,
    )  # fmt: skip
    window: int = param(
        16, "Window", "First tokens of the text, on which a set is tried.", unit="tokens", ge=1,
        le=512,
    )  # fmt: skip
    trials: int = param(100, "Trials", "Sets that are tried, at most.", unit="sets", ge=0, le=1000)
    patience: int = param(
        30, "Patience", "Trials without a better set after which the search ends.", unit="sets",
        ge=1, le=1000,
    )  # fmt: skip
    every: int = param(
        5, "Surrogate", "Every so many trials the surrogate proposes the set.", unit="sets", ge=1,
        le=1000,
    )  # fmt: skip
    enough: float = param(
        0.93, "Enough", "Share of tokens at which the search ends.", ge=0.0, le=1.0
    )
    length: int = param(
        8, "Most guesses", "Tokens of the draft's chain, at most.", symbol="γ", unit="tokens", ge=1,
        le=64,
    )  # fmt: skip
    threshold: float = param(
        0.8, "Confidence", "Behind a guess whose probability, before the filters, is below this "
        "the draft ends.", ge=0.0, le=1.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@method(
    title="SWIFT",
    family="speculation",
    paper="https://arxiv.org/abs/2410.06916",
    params=SwiftParams,
    claims={"lossless"},
    notes=(
        Note("left out", "attention (above) and feed-forward (below) of each block: 1 left out",
             shape="matrix", drawn_as="heatmap"),
        Note("matchness", "share of the window's tokens that the best set would have written, too"),
        Note("tried", "the same share of the set that was tried in this round"),
    ),
    presets={
        "the paper's defaults": preset(
            "A search that begins late and has patience.", window=50, trials=1000, patience=300,
            every=25, length=25,
        ),
        "greedy": preset("The target's greedy text, drafted by itself.", filters="temperature=0"),
        "no search": preset("The even spread drafts throughout.", trials=0),
        "break it": preset("All inner sublayers are left out: little stands.", ratio=1.0,
                           threshold=0.0),
    },
)  # fmt: skip
def swift(run: Run, p: SwiftParams) -> None:
    names = inner_sublayers(run.models["target"].depth)
    search = MaskSearch(names, round(p.ratio * len(names)), run.uniform)
    skipping = run.variant("skipping", skip=search.best)
    run.note("left out", drawn(search.best, names))
    trials = since_better = 0
    root = run.root
    for _ in run.steps():
        # 1. As long as the search goes on: try another set on what was written.
        going = trials < p.trials and since_better < p.patience and search.score <= p.enough
        if going and names and run.tree.depth(root) > p.window:
            surrogate = trials % p.every == p.every - 1
            z = search.promising() if surrogate else search.random()
            score = matchness(run, run.variant("trial", skip=z), root, p.window)
            run.note("tried", score)
            trials += 1
            since_better += 1
            if search.observe(z, score):
                since_better = 0
                skipping = run.variant("skipping", skip=z)
                run.note("left out", drawn(z, names))
            run.note("matchness", search.score)

        # 2. Draft with the best set: a chain with side branches, as long as the draft is sure.
        tip, guesses = root, {}
        for _ in range(min(p.length, run.remaining - 1)):
            (q,) = run.laws(p.filters, skipping([tip]), [tip], stream="skipping")
            guesses[tip] = with_siblings(run, q)
            x = guesses[tip][0]
            tip = x.node
            if run.is_eos(x.token) or float(q.raw[x.token].exp()) < p.threshold:
                break

        # 3. Verify with all sublayers.
        root, _ = check(run, root, guesses, p.filters, drawn_then_known)


def matchness(run: Run, trial: RecordingView, root: int, window: int) -> float:
    """The share of the text's first tokens that are the trial's most probable at their places."""
    first = run.tree.path(root)[:window]
    logits = trial([run.tree.parent(node) for node in first])
    hits = logits.argmax(-1).tolist()
    return sum(a == run.tree.token(b) for a, b in zip(hits, first, strict=True)) / len(first)


def with_siblings(run: Run, q: Law) -> list[Guess]:
    """A guess drawn from q, and the more siblings the less probable it was.

    Where q has one token alone, as at temperature 0, the others are the most probable ones before
    the filters: no law to draw from, but guesses all the same.
    """
    (first,) = draw_siblings(run, q, 1, by="skipping")
    level = sum(float(q.raw[first.token].exp()) <= sure for sure in SURE)
    guesses = draw_siblings(run, q, SIBLINGS[level], [first], by="skipping")
    if int((q.probs > 0).sum()) == 1:
        (raw,) = run.laws((), q.raw[None], [q.node], stream="skipping")
        others = [x for x in best_tokens(raw, SIBLINGS_GREEDY[level]) if x != first.token]
        run.choose_these([raw], [others])
        guesses += [Guess(run.add(q.node, x, by="skipping"), x) for x in others]
    return guesses
