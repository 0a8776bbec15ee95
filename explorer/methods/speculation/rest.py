"""Look the end of the text up in a book, and guess what follows there most often.

## What it does
The datastore is a text whose places are sorted by what follows them. The longest ending of prompt
and text that stands somewhere in it is found by binary search, from sixteen tokens down to two.
What followed at all those places becomes one tree, of which the most frequent nodes are kept: those
are the guesses. The target reads them in one pass and keeps what it would have written. Where
nothing is found, the round is a plain step.

## When to use it
Where much of what will be written stands somewhere already: code beside its library, answers from
a manual, a style with fixed phrases. It needs no second model and no training.

## What to look at
Which ending was found, how often and in which passage (the notes), and that long endings guess
better than short ones. Another datastore for the same prompt shows what the book is worth.

## Guarantee
Lossless: the guesses are a function of the text and of the datastore. At temperature 0, the default
here, it is the target's greedy text.

## Reference
He et al. 2023, "REST: Retrieval-Based Speculative Decoding", https://arxiv.org/abs/2311.08252
"""

from __future__ import annotations

from explorer.datastore import DatastoreParams, Place, datastore_of, most_frequent
from explorer.drafting import GREEDY, draft_paths, text_so_far
from explorer.registry import Note, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import check, sample_and_match


class RestParams(DatastoreParams):
    """Where is looked, how much must match, the size of the tree, and the target's filters."""

    longest: int = param(
        16, "Longest ending", "Tokens at the end of the text that are looked for, at most.",
        symbol="n", unit="tokens", ge=1, le=32,
    )  # fmt: skip
    shortest: int = param(
        2, "Shortest ending", "Fewer tokens than that are not looked for.", unit="tokens", ge=1,
        le=32,
    )  # fmt: skip
    length: int = param(
        10, "Draft length", "Tokens taken over behind each place, at most.", symbol="γ",
        unit="tokens", ge=1, le=64,
    )  # fmt: skip
    nodes: int = param(64, "Tree size", "Guesses in a round, at most.", unit="nodes", ge=1, le=128)
    filters: FilterChain = param(
        GREEDY, "Filters", "Chain applied to the target's law.", unit="chain"
    )


@method(
    title="REST",
    family="speculation",
    paper="https://arxiv.org/abs/2311.08252",
    params=RestParams,
    claims={"lossless"},
    notes=(
        Note("match", "tokens of the ending that was found in the datastore", unit="tokens"),
        Note("places", "places of the datastore where it stands", unit="places"),
        Note("source", "the ending and where it stands first", shape="text", drawn_as="label"),
    ),
    presets={
        "the paper's defaults": preset(
            "How long the endings are that the book knows, and how it goes on there.",
            longest=16,
            shortest=2,
            nodes=64,
        ),
        "one word is enough": preset("More is found, and less of it stands.", shortest=1),
        "sampling": preset(
            "Guesses that agree with a draw, not with the best token.", filters="none"
        ),
        "break it": preset(
            "One equal token is enough for a long copy out of the book: nearly all are rejected.",
            longest=1,
            shortest=1,
            length=64,
            nodes=128,
        ),
    },
)
def rest(run: Run, p: RestParams) -> None:
    root = run.root
    store = datastore_of(run.models["target"], p.text)
    for _ in run.steps():
        text = text_so_far(run, root)
        n, places = store.longest_match(text, p.longest, p.shortest)
        found = most_frequent((store.following(place, p.length) for place in places), p.nodes)
        guesses = draft_paths(run, root, found, by="datastore")
        run.note("match", n)
        run.note("places", len(places))
        if places:
            run.note("source", told(run, text[-n:], places))
        root, _ = check(run, root, guesses, p.filters, sample_and_match)


def told(run: Run, ending: list[int], places: list[Place]) -> str:
    """The ending that was found, and where it stands first."""
    words = run.models["target"].decode(ending)
    return f"“{words}” in passage {places[0].passage + 1}, token {places[0].at - len(ending) + 1}"
