"""Guess that what followed the last few tokens before follows them again.

## What it does
The last n tokens are looked for earlier in prompt and text, n from the largest down to one. What
stood behind the first such place is the guess. The target reads it in one pass: as long as it
would have written the same tokens, they stand; then it adds one of its own.

## When to use it
Whenever the text repeats its input: corrections, summaries, questions about a passage, code that is
changed a little. It needs no second model and costs next to nothing where it finds nothing.

## What to look at
Which spans were copied and from where (the note “source”), on how long a match (the note “match”),
how long they held, and that a small model under greedy decoding, which repeats itself, is sped up
for that very reason.

## Guarantee
Lossless: the guesses are a function of what stands there already, so drawing the target's token
and looking whether it was guessed keeps the target's law. At temperature 0, the default here, it
is the target's greedy text, in as many passes as `transformers` 5.23 needs.

## Reference
Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding
"""

from __future__ import annotations

from collections.abc import Sequence

from explorer.drafting import GREEDY, copied_from, draft_paths, text_so_far
from explorer.registry import Generate, Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, generate_options
from explorer.verification import check, sample_and_match


class LookupParams(Params):
    """How much must match, how much is copied, and the target's filters."""

    max_ngram: int = param(
        3,
        "Longest match",
        "Tokens at the end of the text that are looked for, at most.",
        symbol="n",
        unit="tokens",
        ge=1,
        le=16,
    )
    length: int = param(
        10,
        "Draft length",
        "Tokens copied behind a match, at most.",
        symbol="γ",
        unit="tokens",
        ge=1,
        le=64,
    )
    filters: FilterChain = param(
        GREEDY, "Filters", "Chain applied to the target's law.", unit="chain"
    )


@method(
    title="Prompt lookup",
    family="speculation",
    paper="https://github.com/apoorvumang/prompt-lookup-decoding",
    params=LookupParams,
    claims={"lossless"},
    notes=(
        Note("match", "tokens at the end of the text that stand earlier, too", unit="tokens"),
        Note("source", "what was copied and where it stands", shape="text", drawn_as="label"),
    ),
    presets={
        "the paper's defaults": preset(
            "Where the text copies from the prompt, or from itself.", max_ngram=3, length=10
        ),
        "sampling": preset(
            "Copies that agree with a draw, not with the best token.", filters="none"
        ),
        "break it": preset(
            "One equal token is enough for a copy of sixty-four: nearly all are rejected.",
            max_ngram=1,
            length=64,
        ),
    },
    generate=lambda p: Generate.of(
        generate_options(p.filters),
        prompt_lookup_num_tokens=p.length,
        max_matching_ngram_size=p.max_ngram,
    ),
)
def prompt_lookup(run: Run, p: LookupParams) -> None:
    root = run.root
    for _ in run.steps():
        text = text_so_far(run, root)
        at, matched = lookup(text, p.max_ngram)
        found = text[at : at + p.length]
        guesses = draft_paths(run, root, [found], by="lookup")
        run.note("match", matched)
        if guesses:
            run.note("source", copied_from(run, found[: len(guesses)], at, "prompt and text"))
        root, _ = check(run, root, guesses, p.filters, sample_and_match)


def lookup(text: Sequence[int], max_ngram: int) -> tuple[int, int]:
    """Where the last n tokens' first earlier place ends, and n, tried from `max_ngram` down.

    The end of the text and 0 where there is none.
    """
    for n in range(min(max_ngram, len(text) - 1), 0, -1):
        ending = text[-n:]
        for end in range(n, len(text)):
            if text[end - n : end] == ending:
                return end, n
    return len(text), 0
