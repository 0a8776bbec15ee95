"""Guess that the rest of the input follows unchanged; where it did not, find the way back to it.

## What it does
The whole rest of the source, behind the place reached so far, is the guess. The target reads it in
one pass and keeps as much as it would have written itself; then it adds a token of its own. To find
the place again, the shortest ending of the new text is looked for that stands exactly once in the
source: copying goes on behind it. As long as there is none, the target writes token by token.

## When to use it
Corrections and rewritings, whose result is mostly the input: sentences with a mistake, code that is
changed in one place.

## What to look at
How long the copied stretches are, where in the source they stand (the note “source”), and what
stands where they break off: those are the corrections.

## Guarantee
Lossless: the guess is a function of source and text. At temperature 0, the default here, it is the
target's greedy text.

## Reference
Ge et al. 2022, "Lossless Acceleration for Seq2seq Generation with Aggressive Decoding",
https://arxiv.org/abs/2205.10350
"""

from __future__ import annotations

from collections.abc import Sequence

from explorer.drafting import GREEDY, copied_from, draft_paths
from explorer.phrases import own_tokens
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import check, sample_and_match


class InputGuidedParams(Params):
    """What is copied from, how much at once, and the target's filters."""

    source: str = param(
        "", "Source", "The text that the new one repeats, and begins with; if empty, the prompt, "
        "wherever the new text is found in it.", unit="text", max_length=20_000,
    )  # fmt: skip
    length: int = param(
        48, "Draft length", "Tokens copied in a round, at most.", symbol="γ", unit="tokens", ge=1,
        le=256,
    )  # fmt: skip
    filters: FilterChain = param(
        GREEDY, "Filters", "Chain applied to the target's law.", unit="chain"
    )


@method(
    title="Input-guided aggressive decoding",
    family="speculation",
    paper="https://arxiv.org/abs/2205.10350",
    params=InputGuidedParams,
    claims={"lossless"},
    notes=(
        Note("match", "tokens of the ending that stands once in the source", unit="tokens"),
        Note("source", "what was copied and where it stands", shape="text", drawn_as="label"),
    ),
    presets={
        "the paper's defaults": preset(
            "The whole rest of the source is guessed, and guessed again behind each change.",
            length=256,
        ),
        "a few words": preset("Less is wasted where the source is left.", length=4),
        "sampling": preset(
            "Guesses that agree with a draw, not with the best token.", filters="none"
        ),
        "break it": preset(
            "Hot draws leave the source at once: hundreds of guesses read for nothing.",
            filters="temperature=2",
            length=256,
        ),
    },
)
def input_guided_aggressive(run: Run, p: InputGuidedParams) -> None:
    root = run.root
    source = own_tokens(run.models["target"], p.source) if p.source else list(run.prompt.ids)
    for _ in run.steps():
        text = run.tree.tokens(root)
        at, matched = place(text, source)
        if not text and p.source:
            at = 0  # the text begins as its source does
        run.note("match", matched)
        copied = [] if at is None else source[at : at + p.length]
        guesses = draft_paths(run, root, [copied], by="source")
        if at is not None and guesses:
            run.note("source", copied_from(run, copied[: len(guesses)], at, "the source"))
        root, _ = check(run, root, guesses, p.filters, sample_and_match)


def place(text: Sequence[int], source: Sequence[int]) -> tuple[int | None, int]:
    """Where in the source the text has come to, and the tokens of the ending that told it.

    That is behind the only place of the shortest ending of `text` that stands there once; None
    where no ending does.
    """
    places = range(1, len(source) + 1)  # behind each token of the source
    for n in range(1, len(text) + 1):
        places = [end for end in places if n <= end and source[end - n] == text[-n]]
        if len(places) <= 1:
            return (places[0], n) if places else (None, 0)
    return None, 0
