"""Let the text walk freely to new tokens, and against growing resistance where it has walked.

## What it does
The text is a walk in a graph whose nodes are the tokens seen so far and whose edges are the steps
taken. A most probable token that is new is taken at once. Otherwise the k best are weighed: each
loses α times a resistance that grows with the length of the walked path which it would go on.

## When to use it
Open-ended text without randomness, at the price of greedy decoding: nothing is read but what is
chosen.

## What to look at
How far the text follows its own steps before the resistance throws it out, and which candidate
it takes then.

## Guarantee
Deterministic, by the formula; α = 0 is greedy. With an infinite resistance at L no run of L tokens
comes twice, unless every candidate would repeat one.

## Reference
Lan et al. 2022, "Momentum Decoding", https://arxiv.org/abs/2212.02175
"""

from __future__ import annotations

import torch
from pydantic import field_validator

from explorer.candidates import REVISITS, best_tokens, note_revisits, settle
from explorer.ngrams import walked_before
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain

INSUPERABLE = 1e6  # stands for an infinite resistance: no probability outweighs it


class MomentumParams(Params):
    """How many candidates, and what it costs to walk the same way again."""

    k: int = param(
        5, "Candidates", "Most probable tokens that are weighed.", symbol="k", unit="tokens",
        ge=1, le=50,
    )  # fmt: skip
    alpha: float = param(
        0.2, "Strength", "Weight of the resistance against the probability.", symbol="α",
        ge=0.0, le=5.0,
    )  # fmt: skip
    resistance: str = param(
        "1 2 3 4 5", "Resistance",
        "f(1), f(2), … for paths of 1, 2, … tokens; the last holds for longer ones, inf forbids.",
        symbol="f", max_length=200,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to the law before candidates are taken.", unit="chain"
    )

    @field_validator("resistance")
    @classmethod
    def _is_a_table(cls, text: str) -> str:
        try:
            values = [float(x) for x in text.split()]
        except ValueError:
            values = []
        if not values or any(not x >= 0 for x in values):
            raise ValueError("numbers of 0 or more with blanks between them, such as 1 2 3 inf")
        return text

    def table(self) -> list[float]:
        """f(0) = 0, f(1), f(2), …"""
        return [0.0, *(min(float(x), INSUPERABLE) for x in self.resistance.split())]


@method(
    title="Momentum decoding",
    family="repetition",
    paper="https://arxiv.org/abs/2212.02175",
    params=MomentumParams,
    claims={"deterministic"},
    notes=(
        Note("walked", "Tokens of the walked path that the chosen one goes on", unit="tokens"),
        REVISITS,
    ),
    presets={
        "the paper's defaults": preset(
            "How far the text follows its own steps before the resistance throws it out.",
            k=5,
            alpha=0.2,
            resistance="1 2 3 4 5",
        ),
        "Chinese": preset(
            "The authors' resistance for Chinese: later and milder.", resistance="1 1 2 3 4"
        ),
        "steep": preset("No run of five tokens comes twice.", resistance="1 3 4 5 inf"),
        "logarithmic": preset(
            "Long loops cost hardly more than short ones.", resistance="0.69 1.1 1.39 1.61 1.79"
        ),
        "exponential": preset(
            "Every further token of a loop doubles what it costs.", resistance="1 2 4 8 16"
        ),
        "constant": preset(
            "Every known step costs the same, however long the loop.", resistance="1"
        ),
        "break it": preset(
            "A single candidate: nowhere else to go, so this is greedy decoding with its loops.",
            k=1,
        ),
    },
)
def momentum(run: Run, p: MomentumParams) -> None:
    f = p.table()
    text = list(run.prompt.ids)
    node = run.root
    for _ in run.steps():
        # 1. A most probable token that is new needs no weighing.
        (law,) = run.laws(p.filters, run.target([node]), [node])
        C = best_tokens(law, p.k)
        if C[0] not in text:
            C = C[:1]

        # 2. Each candidate meets the resistance of the path that it would go on.
        walks = [walked_before(text, v, len(f) - 1) for v in C]
        L = [length for length, _ in walks]
        prob = law.probs[C]
        cost = p.alpha * torch.tensor([f[n] for n in L]).to(prob)
        score = prob - cost
        run.note("walked", L[int(score.argmax())], node)
        back = [(at - len(run.prompt.ids), n) if n else None for n, at in walks]
        note_revisits(run, law, C, back, cost)
        node = settle(run, law, C, score, p=prob, walked=L)
        text.append(run.tree.token(node))
