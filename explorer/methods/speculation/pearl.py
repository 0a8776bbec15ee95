"""Draft and target work at the same time: one goes on guessing while the other checks.

## What it does
In a tick the draft writes γ more tokens while the target reads what was guessed before. With
nothing guessed before, the target's law after the text judges the first of the new tokens
(pre-verify): if it falls, the other γ - 1 are dropped before anything was wasted on them; if it
stands, they wait. With γ - 1 tokens waiting, the target's laws judge them all and the first of the
new ones (post-verify): if all stand, the next γ - 1 wait already, and neither model has paused. At
the first that falls a token of the residual takes its place, and all behind it is dropped. The
target adds no token of its own: the draft has already gone on.

## When to use it
On hardware where both models can really work at once, and a draft step takes about 1/γ of a target
pass. Here they take turns, and a clock counts what it would take side by side.

## What to look at
The two clocks (the notes): side by side, and one after another. How long runs of ticks without a
rejection get: that is the draft's length, which adapts by itself. Tokens that wait from one tick to
the next.

## Guarantee
Lossless: each token is judged by the target's law after all that stands before it, in order, by the
rule for a chain.

## Reference
Liu T. et al. 2024, "PEARL: Parallel Speculative Decoding with Adaptive Draft Length",
https://arxiv.org/abs/2408.11850
"""

from __future__ import annotations

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import Guess, chain


class PearlParams(Params):
    """How far to guess in a tick, what a draft step costs, and the filters of both models."""

    gamma: int = param(
        4, "Draft length", "Tokens that the draft writes while the target reads once.", symbol="γ",
        unit="tokens", ge=1, le=32,
    )  # fmt: skip
    cost: float = param(
        0.25, "Draft cost", "Time of a draft step in target passes, for the clocks; γ · c near 1 "
        "keeps both busy.", symbol="c", unit="target passes", ge=0.0, le=10.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@method(
    title="PEARL",
    family="speculation",
    paper="https://arxiv.org/abs/2408.11850",
    params=PearlParams,
    models=("target", "draft"),
    claims={"lossless"},
    notes=(
        Note("side by side", "time so far if both models work at once", unit="target passes"),
        Note("one after another", "time so far if they take turns", unit="target passes"),
        Note("waiting", "guesses that the target was reading in this tick; none: pre-verify",
             unit="tokens"),
    ),
    presets={
        "both busy": preset("The two clocks part with every tick.", gamma=4, cost=0.25),
        "greedy": preset("The target's greedy text, with runs of ticks that never pause.",
                         filters="temperature=0"),
        "a slow draft": preset("The target waits for the draft.", gamma=4, cost=1.0),
        "break it": preset("Long drafts, dropped at each rejection: most of the work is lost.",
                           gamma=32, cost=0.25),
    },
)  # fmt: skip
def pearl(run: Run, p: PearlParams) -> None:
    root = run.root
    waiting: list[Guess] = []  # P: guessed in the last tick, not judged yet
    together = in_turns = 0.0
    for _ in run.steps():
        # 1. At the same time: γ more tokens of the draft, and the target's laws down to the last
        # token that waits.
        new = draft_on(run, waiting[-1] if waiting else Guess(root, -1), len(waiting), p)
        nodes = [root, *(guess.node for guess in waiting)]
        laws = dict(zip(nodes, run.laws(p.filters, run.target(nodes), nodes), strict=True))
        together += max(len(new) * p.cost, 1.0)
        in_turns += len(new) * p.cost + 1.0
        run.note("waiting", len(waiting))
        run.note("side by side", together)
        run.note("one after another", in_turns)

        # 2. Judge what waited and the first of the new: in pre-verify that one alone.
        at, fell = root, False
        for guess in [*waiting, *new[:1]]:
            verdict = chain(run, laws[at], [guess])
            fell = verdict.accepted is None
            if verdict.accepted is None:
                assert verdict.token is not None
                at = run.add(at, verdict.token)
                break
            at = guess.node

        # 3. What stands is text; the other new ones wait, unless something fell before them.
        root = run.emit(at)
        waiting = [] if fell else new[1:]


def draft_on(run: Run, last: Guess, waiting: int, p: PearlParams) -> list[Guess]:
    """Up to γ more guesses behind the last one; none behind an end or beyond the token limit."""
    new: list[Guess] = []
    while len(new) < min(p.gamma, run.remaining - waiting) and not run.is_eos(last.token):
        (q,) = run.laws(p.filters, run.draft([last.node]), [last.node], stream="draft")
        x = run.choose(q)
        last = Guess(run.add(last.node, x, by="draft"), x, q.probs)
        new.append(last)
    return new
