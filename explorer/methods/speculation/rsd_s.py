"""The draft draws several different continuations level by level; siblings keep their order.

## What it does
Imagine the draft writing continuations without end, each by itself. On every level the first W
different beginnings that turn up are kept: that is a stochastic beam search, W draws without
replacement from the draft's law of whole beginnings. Probable beginnings get several children,
improbable ones none, and they stay in the tree as leaves. The target reads the tree in one pass.
At each node the children are tried in the order in which they turned up, by recursive rejection.

## When to use it
As the speculative tree, whose shape is fixed: here the same number of guesses goes where the
draft's probability is.

## What to look at
Which beams die on which level; how the tree is narrow where the draft is sure; the probability of
the kept beginnings (the note “beams”).

## Guarantee
Lossless: children of a node turn up in the order of draws without replacement, and whether there is
one more depends on those before it, never on itself.

## Reference
Jeon et al. 2024, "Recursive Speculative Decoding", https://arxiv.org/abs/2402.14160 (RSD-S); Kool
et al. 2019, https://arxiv.org/abs/1903.06059
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log

import torch

from explorer.law import Law
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.verification import Guess, check, without, without_replacement


class StochasticTreeParams(Params):
    """The size of the tree, and the filters of both models."""

    width: int = param(
        3, "Beam width", "Different beginnings kept on each level.", symbol="W", unit="beams",
        ge=1, le=16,
    )  # fmt: skip
    length: int = param(
        4, "Draft length", "Levels of the tree.", symbol="L", unit="tokens", ge=1, le=16
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to target and draft alike.", unit="chain"
    )


@dataclass(slots=True)
class Beam:
    """A kept beginning: its probability φ under the draft, and the children drawn below it."""

    node: int
    phi: float
    ended: bool = False
    tried: list[int] = field(default_factory=list)


@method(
    title="RSD-S",
    family="speculation",
    paper="https://arxiv.org/abs/2402.14160",
    params=StochasticTreeParams,
    models=("target", "draft"),
    claims={"lossless"},
    notes=(
        Note(
            "beams",
            "the draft's log-probability of each beginning on the last level, as they turned up",
            shape="vector",
            unit="nats",
            drawn_as="bars",
        ),
    ),
    presets={
        "three beams": preset("Beams that die leave guesses behind, too.", width=3, length=4),
        "wide and short": preset("Late siblings that are accepted.", width=8, length=2),
        "greedy": preset("The target's greedy text, in fewer passes.", filters="temperature=0"),
        "break it": preset(
            "One long beam without siblings: behind its first mistake all is lost.",
            width=1,
            length=16,
        ),
    },
)
def rsd_s(run: Run, p: StochasticTreeParams) -> None:
    root = run.root
    for _ in run.steps():
        # 1. The draft draws W different beginnings, level by level, one pass a level.
        beams, guesses = [Beam(root, 1.0)], {}
        for _ in range(min(p.length, run.remaining - 1)):
            going = [beam.node for beam in beams if not beam.ended]
            if not going:
                break
            laws = run.laws(p.filters, run.draft(going), going, stream="draft")
            beams = next_level(run, beams, {law.node: law for law in laws}, p.width, guesses)
        run.note("beams", [log(beam.phi) for beam in beams])

        # 2. The target reads all levels in one pass; siblings are tried as they turned up.
        root, _ = check(run, root, guesses, p.filters, without_replacement)


def next_level(
    run: Run,
    beams: list[Beam],
    laws: dict[int, Law],
    width: int,
    guesses: dict[int, list[Guess]],
) -> list[Beam]:
    """The first `width` different continuations of the beams in an endless stream of draws.

    The stream shows the beams in their order, each for the first time with some continuation;
    between two first times it shows new continuations of the beams seen already. What is drawn is
    written down in `guesses`.
    """
    kept: list[Beam] = []
    seen = 0
    while len(kept) < width:
        # 1. Does the next new continuation belong to the next beam, or to one that was seen?
        left = torch.tensor([_left(beam, laws) for beam in beams[:seen]], dtype=torch.float64)
        unseen = 1.0 - sum(beam.phi for beam in beams[:seen])
        unseen = max(unseen, sum(beam.phi for beam in beams[seen:]))
        known = float(left.sum())
        if seen < len(beams) and run.coin(unseen / (unseen + known)):
            beam = beams[seen]
            seen += 1
        elif known > 0:
            beam = beams[run.draw(left / known)]
        else:
            break  # nothing is left that was not drawn
        if beam.ended:
            kept.append(beam)
            continue

        # 2. Its continuation, among those not drawn yet.
        law = laws[beam.node]
        x = run.choose(law.changed(without(law.probs, beam.tried), "drawn before")
                       if beam.tried else law)  # fmt: skip
        child = run.add(beam.node, x, by="draft")
        guesses.setdefault(beam.node, []).append(Guess(child, x, law.probs))
        beam.tried.append(x)
        kept.append(Beam(child, beam.phi * float(law.probs[x]), run.is_eos(x)))
    return kept


def _left(beam: Beam, laws: dict[int, Law]) -> float:
    """The mass of a beam's continuations that were not drawn yet."""
    if beam.ended:
        return 0.0
    left = laws[beam.node].probs.clone()
    left[beam.tried] = 0
    return beam.phi * float(left.sum())
