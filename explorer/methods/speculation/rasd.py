"""Lay a tree that was looked up in a book over the draft's own, and check both in one pass.

## What it does
The draft draws a tree, siblings without replacement. Beside it, what followed the longest ending of
the text that stands in the datastore becomes a second tree: branches whose first token the draft
does not hold likely are pruned, of the rest the most frequent nodes stay. The second tree is laid
over the first: as long as tokens coincide they are one branch, what is left is attached. At each
node the drawn guesses are tried first, by recursive rejection; then a token is drawn from what they
leave, and if it is one of those looked up, that one stands.

## When to use it
Where a draft is there and so is a text near to what will be written: the book helps with names and
fixed phrases that the draft is too small to know, the draft with everything else.

## What to look at
Who proposed the accepted guesses, and how that changes between a prompt in the manner of the book
and one that is far from it.

## Guarantee
Lossless: drawn guesses by recursive rejection, then a draw from the residual; what was looked up is
a function of text, datastore and the draft's first law.

## Reference
Quan et al. 2025, "RASD: Retrieval-Augmented Speculative Decoding",
https://arxiv.org/abs/2503.03434
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from explorer.datastore import DatastoreParams, datastore_of, most_frequent
from explorer.drafting import draft_paths, drawn_tree, text_so_far
from explorer.registry import Note, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import check, drawn_then_known

Branches = Annotated[int, Field(ge=1, le=8)]
LONGEST = 16  # tokens of an ending that is looked for
SHORTEST = 2


class RasdParams(DatastoreParams):
    """Where is looked, the size of both trees, and the filters of both models."""

    branching: tuple[Branches, ...] = param(
        (2, 1, 1, 1), "Branching", "Children drawn below each guess, one number a depth.",
        symbol="b", unit="children", min_length=1, max_length=8,
    )  # fmt: skip
    nodes: int = param(
        16, "Looked up", "Nodes of the tree that is looked up, at most.", symbol="n",
        unit="nodes", ge=0, le=128,
    )  # fmt: skip
    likely: int = param(
        10, "Likely", "A looked-up branch stays if its first token is among so many of the draft's "
        "most probable.", symbol="k", unit="tokens", ge=1, le=100,
    )  # fmt: skip
    length: int = param(
        10, "Length", "Tokens taken over behind each place, at most.", unit="tokens", ge=1, le=64
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@method(
    title="RASD",
    family="speculation",
    paper="https://arxiv.org/abs/2503.03434",
    params=RasdParams,
    models=("target", "draft"),
    claims={"lossless"},
    notes=(
        Note("match", "tokens of the ending that was found in the datastore", unit="tokens"),
        Note("pruned", "looked-up nodes whose first token the draft holds unlikely", unit="nodes"),
    ),
    presets={
        "both": preset("Which guesses come from the draft, and which out of the book."),
        "the draft alone": preset("A speculative tree, without the book.", nodes=0),
        "greedy": preset("The target's greedy text, in fewer passes.", filters="temperature=0"),
        "break it": preset(
            "One guess of the draft and a hundred out of the book: most of them belong elsewhere.",
            branching=(1,),
            nodes=128,
            likely=100,
            length=64,
        ),
    },
)
def rasd(run: Run, p: RasdParams) -> None:
    root = run.root
    store = datastore_of(run.models["target"], p.text)
    for _ in run.steps():
        # 1. The draft's tree.
        guesses = drawn_tree(run, root, p.branching, p.filters)

        # 2. The tree that is looked up, pruned by the draft's first law, laid over the draft's.
        text = text_so_far(run, root)
        n, places = store.longest_match(text, LONGEST, SHORTEST)
        paths = [store.following(place, p.length) for place in places]
        (q,) = run.draft([root])
        likely = set(q.topk(min(p.likely, len(q))).indices.tolist())
        kept = [path for path in paths if path[0] in likely]
        found = most_frequent(kept, p.nodes)
        guesses = draft_paths(run, root, found, by="datastore", among=guesses)
        run.note("match", n)
        run.note("pruned", sum(len(path) for path in paths if path[0] not in likely))

        # 3. One pass for both.
        root, _ = check(run, root, guesses, p.filters, drawn_then_known)
