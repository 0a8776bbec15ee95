"""Grow the draft tree whose expected accepted length is the largest for its size.

## What it does
A guess is worth the product of the draft's probabilities on its path: about how likely it is to be
accepted with all above it. Layer by layer the n most valuable continuations are kept, until one
layer more would add less than a threshold to the expected accepted length. The n most valuable
nodes of all layers are the tree; it is closed, since a child is never worth more than its parent.
The target reads it in one pass and takes what it would have written.

## When to use it
Where a pass over many tokens is cheap and the right shape of the tree changes with the text: wide
where the draft is unsure, deep where it is sure.

## What to look at
How the shape follows the draft's certainty, and the expected against the accepted length (the
notes).

## Guarantee
Lossless: the tree is a function of the draft's laws, so drawing the target's token and looking
whether it was guessed keeps the target's law. The tree is the best one by the draft's own estimate,
as far as the layers hold it.

## Reference
Wang et al. 2024, "OPT-Tree: Speculative Decoding with Adaptive Draft Tree Structure",
https://arxiv.org/abs/2406.17276
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from explorer.drafting import GREEDY
from explorer.hypotheses import Hypothesis, best_extensions, sums
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import Guess, check, sample_and_match


class OptTreeParams(Params):
    """The size of the tree, when it stops growing, and the filters of the target."""

    nodes: int = param(
        16, "Tree size", "Guesses in a round.", symbol="n", unit="nodes", ge=1, le=128
    )
    gain: float = param(
        0.2,
        "Least gain",
        "Expected accepted tokens that one more layer must add; about the time of a draft pass "
        "over the time of a target pass.",
        symbol="δ",
        unit="tokens",
        ge=0.0,
        le=10.0,
    )
    depth: int = param(
        8, "Depth", "Layers of the tree, at most.", symbol="D", unit="tokens", ge=1, le=32
    )
    filters: FilterChain = param(
        GREEDY, "Filters", "Chain applied to the target's law.", unit="chain"
    )


@dataclass(frozen=True, slots=True)
class Valued:
    """A guess and the sum of the draft's log-probabilities down to it."""

    parent: int
    node: int
    token: int
    logp: float


@method(
    title="OPT-Tree",
    family="speculation",
    paper="https://arxiv.org/abs/2406.17276",
    params=OptTreeParams,
    models=("target", "draft"),
    claims={"lossless"},
    notes=(
        Note("expected", "accepted guesses that the draft expects", unit="tokens"),
        Note("accepted", "guesses that were accepted", unit="tokens"),
    ),
    presets={
        "the paper's defaults": preset(
            "How the tree's shape follows the draft's confidence.", nodes=50, gain=0.5, depth=10
        ),
        "small": preset("Eight guesses: mostly a chain.", nodes=8),
        "sampling": preset(
            "Guesses that agree with a draw, not with the best token.", filters="none"
        ),
        "break it": preset(
            "No second level is worth its price: the draft guesses one token a round.", gain=10.0
        ),
    },
)
def opt_tree(run: Run, p: OptTreeParams) -> None:
    root = run.root
    for _ in run.steps():
        tree = grow(run, root, p)
        run.note("expected", expected(tree))
        guesses: dict[int, list[Guess]] = {}
        for guess in tree:
            guesses.setdefault(guess.parent, []).append(Guess(guess.node, guess.token))
        before = run.tree.depth(root)
        root, _ = check(run, root, guesses, p.filters, sample_and_match)
        run.note("accepted", run.tree.depth(root) - before - 1)


def grow(run: Run, root: int, p: OptTreeParams) -> list[Valued]:
    """The n most valuable guesses, parents first."""
    best: list[Valued] = []
    layer = [Valued(-1, root, -1, 0.0)]
    for _ in range(min(p.depth, run.remaining - 1)):
        open_ = [guess for guess in layer if not run.is_eos(guess.token)]
        if not open_:
            break
        nodes = [guess.node for guess in open_]
        laws = run.laws((), run.draft(nodes), nodes, stream="draft")
        running = [Hypothesis(guess.node, guess.logp) for guess in open_]
        found = best_extensions(laws, sums(running, laws), p.nodes)
        tokens: dict[int, list[int]] = {node: [] for node in nodes}
        for x in found:
            tokens[x.node].append(x.token)
        run.choose_these(laws, list(tokens.values()))
        layer = [Valued(x.node, run.add(x.node, x.token, by="draft"), x.token, x.score)
                 for x in found]  # fmt: skip
        was = expected(best)
        ranked = sorted(best + layer, key=lambda guess: -guess.logp)
        best, left = ranked[: p.nodes], ranked[p.nodes :]
        for guess in left:
            if run.tree.alive(guess.node):
                run.discard(guess.node, why="not among the n most valuable guesses")
        if expected(best) - was <= p.gain:
            break
        kept = {guess.node for guess in best}
        layer = [guess for guess in layer if guess.node in kept]
    return sorted(best, key=lambda guess: guess.node)


def expected(tree: list[Valued]) -> float:
    """Guesses that will be accepted, if each is as often as the draft says."""
    return sum(exp(guess.logp) for guess in tree)
