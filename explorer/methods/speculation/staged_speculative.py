"""The draft guesses a tree for the target, and an n-gram table guesses ahead for the draft.

## What it does
The outer stage grows a tree of the draft's most probable tokens: the guess with the largest
probability down to it is continued next, with fewer children the deeper it stands. To continue a
guess the draft has to read it. The inner stage makes that cheaper: a table of the text's own
n-grams guesses what the draft will want to continue, and the draft reads those guesses in the same
pass. Where the table was right, the draft's answer is there before it is asked for. In the end the
target reads the tree in one pass.

## When to use it
Where the draft itself is slow, so that its passes count too, and the text repeats itself.

## What to look at
Guesses of two colours: those that the n-gram table put forward first and the draft took over, and
those of the draft. How many of the draft's passes were saved in each round (the notes).

## Guarantee
Lossless: the tree is a function of the draft's laws and of the text, so drawing the target's token
and looking whether it was guessed keeps the target's law. The inner stage changes nothing but the
number of the draft's passes: the tree is the same without it.

## Reference
Spector and Ré 2023, "Accelerating LLM Inference with Staged Speculative Decoding",
https://arxiv.org/abs/2308.04623
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import log

from explorer.candidates import best_tokens
from explorer.drafting import GREEDY, text_so_far
from explorer.law import Law
from explorer.ngrams import NgramCounts
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import Guess, check, sample_and_match


class StagedParams(Params):
    """The outer tree, the inner guesses, and the target's filters."""

    nodes: int = param(
        12, "Tree size", "Guesses that the target checks in a round.", symbol="n", unit="nodes",
        ge=1, le=128,
    )  # fmt: skip
    width: int = param(
        3, "Width", "Children of the first guess; each level has one fewer, at least one.",
        symbol="w", unit="children", ge=1, le=16,
    )  # fmt: skip
    ahead: int = param(
        4, "Inner draft length", "Tokens that the n-gram table guesses for the draft, at most; 0 "
        "turns the inner stage off.", symbol="γ", unit="tokens", ge=0, le=32,
    )  # fmt: skip
    order: int = param(
        3, "Order", "Tokens of the table's longest n-gram, its last one included.", symbol="N",
        unit="tokens", ge=2, le=8,
    )  # fmt: skip
    filters: FilterChain = param(
        GREEDY, "Filters", "Chain applied to the target's law.", unit="chain"
    )


@method(
    title="Staged speculative decoding",
    family="speculation",
    paper="https://arxiv.org/abs/2308.04623",
    params=StagedParams,
    models=("target", "draft"),
    claims={"lossless"},
    notes=(
        Note("draft passes", "passes that the draft made for this round's tree", unit="passes"),
        Note("saved passes", "guesses continued without a pass of their own", unit="passes"),
    ),
    presets={
        "the paper's trigrams": preset("How many passes the trigrams save the draft.", order=3),
        "two stages": preset("No trigrams: a pass of the draft for each level.", ahead=0),
        "sampling": preset(
            "Guesses that agree with a draw, not with the best token.", filters="none"
        ),
        "break it": preset(
            "A chain of sixty-four guesses, a pass of the draft for each: slower than no draft.",
            nodes=64,
            width=1,
            ahead=0,
        ),
    },
)
def staged_speculative(run: Run, p: StagedParams) -> None:
    root = run.root
    counts = NgramCounts(p.order)
    for _ in run.steps():
        counts.read(text_so_far(run, root))
        guesses = grow(run, root, p, counts)
        root, _ = check(run, root, guesses, p.filters, sample_and_match)


def grow(run: Run, root: int, p: StagedParams, counts: NgramCounts) -> dict[int, list[Guess]]:
    """The outer tree: the likeliest guess is continued first, by the draft's best tokens."""
    top = run.tree.depth(root)
    deepest = top + run.remaining - 1
    laws: dict[int, Law] = {}
    guesses: dict[int, list[Guess]] = {}
    size = passes = continued = 0
    waiting = [(0.0, root)]  # minus the log-probability of a guess down from the root, and its node
    while waiting and size < p.nodes:
        surprise, node = heappop(waiting)
        depth = run.tree.depth(node)
        if depth >= deepest:
            continue
        if node not in laws:
            laws |= read_ahead(run, node, min(p.ahead, deepest - depth), counts)
            passes += 1
        continued += 1
        law = laws[node]
        best = best_tokens(law, min(max(1, p.width - (depth - top)), p.nodes - size))
        run.choose_these([law], [best])
        for x in best:
            child = run.add(node, x, by="draft")
            guesses.setdefault(node, []).append(Guess(child, x))
            if not run.is_eos(x):
                heappush(waiting, (surprise - log(float(law.probs[x])), child))
        size += len(best)
    run.note("draft passes", passes)
    run.note("saved passes", continued - passes)
    _drop_the_rest(run, root, laws, guesses)
    return guesses


def read_ahead(run: Run, node: int, ahead: int, counts: NgramCounts) -> dict[int, Law]:
    """The inner stage: the draft reads `node`, and what the table guesses behind it, in a pass."""
    nodes = [node]
    for token in counts.guess(text_so_far(run, node), ahead)[0]:
        if run.is_eos(token):
            break
        nodes.append(run.add(nodes[-1], token, by="n-grams"))
    laws = run.laws((), run.draft(nodes), nodes, stream="draft")
    return dict(zip(nodes, laws, strict=True))


def _drop_the_rest(
    run: Run, root: int, laws: dict[int, Law], guesses: dict[int, list[Guess]]
) -> None:
    """Discard what the table guessed and the draft did not."""
    taken = {root, *(guess.node for children in guesses.values() for guess in children)}
    for node in laws:
        if node not in taken and run.tree.alive(node):
            run.discard(node, why="the draft would not have guessed it")
