"""Guess with n-gram counts of the text itself, long contexts first.

## What it does
Every n-gram of the prompt is counted, for all orders up to N. A guess is made token by token: the
longest context that was seen before tells its most frequent successor, backing off to shorter
contexts; where not even the shortest was seen, guessing stops. The target reads the guesses in one
pass, and what it commits is counted too.

## When to use it
As prompt lookup, where the text repeats its input or itself, but with frequencies in place of the
first match.

## What to look at
Which order each guess came from (the note “order”), which orders are to be trusted (the note
“acceptance by order”), and how acceptance grows as the tables fill (the note “contexts”).

## Guarantee
Lossless: the guesses are a function of what stands there already. At temperature 0, the default
here, it is the target's greedy text.

## Reference
Ou et al. 2024, "Lossless Acceleration of Large Language Model via Adaptive N-gram Parallel
Decoding", https://arxiv.org/abs/2404.08698
"""

from __future__ import annotations

from explorer.drafting import GREEDY, draft_paths, text_so_far
from explorer.ngrams import NgramCounts
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import check, sample_and_match


class NgramParams(Params):
    """How long the contexts are, how far to guess, and the target's filters."""

    order: int = param(
        4, "Highest order", "Tokens of the longest n-gram, its last one included.", symbol="N",
        unit="tokens", ge=2, le=8,
    )  # fmt: skip
    length: int = param(
        6, "Draft length", "Tokens guessed in a round, at most.", symbol="K", unit="tokens",
        ge=1, le=64,
    )  # fmt: skip
    filters: FilterChain = param(
        GREEDY, "Filters", "Chain applied to the target's law.", unit="chain"
    )


@method(
    title="Adaptive n-grams",
    family="speculation",
    paper="https://arxiv.org/abs/2404.08698",
    params=NgramParams,
    claims={"lossless"},
    notes=(
        Note("order", "order of the n-gram that told each guess", shape="vector", drawn_as="bars"),
        Note("contexts", "different contexts that were counted", unit="contexts"),
        Note(
            "acceptance by order",
            "share of the judged guesses so far that stood, by the order that told them",
            shape="vector",
            drawn_as="bars",
        ),
    ),
    presets={
        "the paper's defaults": preset(
            "How the guesses get better as the text repeats itself.", order=4, length=6
        ),
        "bigrams": preset("More to find, and more of it wrong.", order=2, length=6),
        "sampling": preset(
            "Guesses that agree with a draw, not with the best token.", filters="none"
        ),
        "break it": preset(
            "Long guesses out of bigrams: the target reads sixty-four tokens to keep two or three.",
            order=2,
            length=64,
        ),
    },
)
def adaptive_ngram(run: Run, p: NgramParams) -> None:
    root = run.root
    counts = NgramCounts(p.order)
    stood, judged = [0] * (p.order + 1), [0] * (p.order + 1)
    for _ in run.steps():
        text = text_so_far(run, root)
        counts.read(text)
        run.note("contexts", len(counts))
        tokens, orders = counts.guess(text, p.length)
        guesses = draft_paths(run, root, [tokens], by="n-grams")
        if guesses:
            run.note("order", orders[: len(guesses)])
        root, _ = check(run, root, guesses, p.filters, sample_and_match)
        came = text_so_far(run, root)[len(text) :]
        for token, own, order in zip(tokens[: len(guesses)], came, orders, strict=False):
            judged[order] += 1
            if token != own:
                break
            stood[order] += 1
        if guesses:
            pairs = zip(stood, judged, strict=True)
            run.note("acceptance by order", [a / n if n else 0.0 for a, n in pairs])
