"""Find the most probable text of all, by depth-first search with a bound.

## What it does
A beam search gives a first complete text, and its score γ is a bound: no prefix whose own score is
not above γ can lead to anything better, because further tokens only cost. The search goes down
along the most probable tokens first, raises γ whenever a complete text beats it, and turns back
where the bound says so. When nothing is left to try, the best text is proved to be the optimum.

## When to use it
To see what beam search misses, and whether more search is even wanted: the most probable text of
many models is short, empty or repetitive.

## What to look at
γ below, and what could still be reached above: where both meet, the answer is proved. How many
prefixes that took, by how much the beam search had missed it, and how the optimum reads.

## Guarantee
Deterministic. Exact if it says "proved"; otherwise the best text found within the budget. The
objective may be the sum of log-probabilities, divided by a power of the length, and less a
penalty for uneven surprisal.

## Reference
Stahlberg and Byrne 2019, "On NMT Search Errors and Model Errors: Cat Got Your Tongue?",
https://arxiv.org/abs/1908.10090
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.law import Law
from explorer.methods.search.uid_beam_search import UniformParams, search_evenly
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.surprisal import Evenness, Surprisals


class ExactParams(Params):
    """Where to start, what is maximised, how long to try."""

    num_beams: int = param(
        4, "First beams", "Width of the beam search that gives the first bound; 0: none.",
        symbol="B", unit="hypotheses", ge=0, le=64,
    )  # fmt: skip
    budget: int = param(
        200, "Budget", "Prefixes read at most after the beam search.", unit="prefixes",
        ge=1, le=1_000_000,
    )  # fmt: skip
    length_penalty: float = param(
        0.0, "Length penalty", "Exponent of the length that divides the objective.", symbol="α",
        ge=0.0, le=5.0,
    )  # fmt: skip
    regulariser: Evenness = param(
        "square", "Regulariser", "What uneven surprisal is, where its weight is above 0.",
        symbol="R",
    )  # fmt: skip
    weight: float = param(
        0.0, "Weight", "What unevenness costs against log-probability.", symbol="λ",
        ge=0.0, le=1000.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each prefix' log-probabilities.", unit="chain"
    )


@dataclass(slots=True)
class Prefix:
    """A prefix on the way down: its law, its text, and its tokens still to try, best first.

    `bounds` is what each of them can still reach at best.
    """

    law: Law
    text: Surprisals
    tokens: Tensor
    bounds: Tensor
    tried: int = 0

    @property
    def bound(self) -> float:
        return float(self.bounds[self.tried]) if self.tried < len(self.bounds) else -torch.inf


@method(
    title="Exact search for the most probable text",
    family="search",
    paper="https://arxiv.org/abs/1908.10090",
    params=ExactParams,
    claims={"deterministic"},
    notes=(
        Note("bound", "γ: the score of the best complete text so far", unit="nats / length^α"),
        Note("reachable", "The best that an untried prefix can reach", unit="nats / length^α"),
        Note("verdict", "Whether the answer is proved", "text", drawn_as="label"),
    ),
    presets={
        "two hundred prefixes": preset(
            "Where the bound and what is still reachable meet, the answer is proved."
        ),
        "lengths compared": preset(
            "The optimum is not the shortest text any more.", length_penalty=1.0
        ),
        "even surprisal": preset(
            "The optimum moves towards the greedy text.", regulariser="greedy", weight=5.0
        ),
        "break it": preset(
            "No first bound and hardly a budget: the answer is whatever was complete by then.",
            num_beams=0,
            budget=10,
        ),
    },
)
def exact_map(run: Run, p: ExactParams) -> None:
    # 1. A beam search gives the first bound γ.
    best, bound = run.root, -torch.inf
    if p.num_beams:
        shared = p.model_dump(exclude={"budget"})
        best, bound = search_evenly(run, UniformParams(**shared))[0]
    searched, first = best, bound

    way: list[Prefix] = []  # the prefixes from the root down to the one that is looked at
    node, text = run.root, Surprisals()
    verdict = "not proved: the run was stopped"
    for read, _ in enumerate(run.steps(), 1):
        # 2. Read one prefix: what ends here, and what each other token can still reach.
        (law,) = run.laws(p.filters, run.target([node]), [node])
        depth = run.tree.depth(node) + 1
        scores = text.objective(law.logp, p.regulariser, p.weight) / depth**p.length_penalty
        ending = ends_here(run, scores, depth)
        bounds = (text.logp + law.logp.double()) / run.limit**p.length_penalty
        bounds[ending] = -torch.inf

        # 3. A complete text that beats the bound raises it. The beam search's own text is no better
        # for being read again in another batch, where its score may be rounded up.
        token = int(scores.where(ending, -torch.inf).argmax())
        known = run.tree.find(node, token) == searched
        if ending.any() and scores[token] > bound and not known:
            run.choose_these([law], [[token]])
            best, bound = run.add(node, token), float(scores[token])
            run.finish(best, bound)

        # 4. Go down, or back to where something can still beat the bound.
        order = bounds.argsort(descending=True, stable=True)[: int((bounds > bound).sum())]
        way.append(Prefix(law, text, order, bounds[order]))
        run.note("bound", bound)
        run.note("reachable", max(bound, *(prefix.bound for prefix in way)))
        while way and way[-1].bound <= bound:
            done = way.pop().law.node
            if done not in (run.root, *run.tree.upward(best)):
                run.prune([done], "nothing below can beat the bound", bound=bound)
        if not way:
            verdict = f"proved with {read} prefixes read"
            break
        if read == p.budget:
            verdict = f"not proved: {read} prefixes read, the budget"
            break
        above = way[-1]
        token = int(above.tokens[above.tried])
        above.tried += 1
        run.choose_these([above.law], [[token]])
        node, text = run.add(above.law.node, token), above.text.then(above.law.logp, token)

    if p.num_beams:
        missed = "found this text" if best == searched else f"missed it by {bound - first:.3g}"
        verdict += f"; the beam search had {missed}"
    run.note("verdict", verdict)
    run.answer([(best, bound)] if bound > -torch.inf else [(node, None)])


def ends_here(run: Run, scores: Tensor, depth: int) -> Tensor:
    """The tokens `(V,)` that make a text of this length complete."""
    ending = torch.full_like(scores, depth == run.limit, dtype=torch.bool)
    ending[sorted(run.eos_ids)] = True
    return ending & (scores > -torch.inf)
