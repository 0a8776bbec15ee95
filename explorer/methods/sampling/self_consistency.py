"""Sample several ways to an answer, and take the answer that most of them reach.

## What it does
n texts are drawn independently, side by side. Each text's answer is read out (its last number, what
follows a marker, or the text itself), and the texts vote: the answer with most votes wins, of
equals the one that came first. Votes may weigh as much as their text is probable per token.

## When to use it
Questions with one short answer and many ways to it: sums, facts. Wrong ways scatter over many wrong
answers, right ones meet in the same.

## What to look at
The votes as they come in: how soon the winner leads, and how the rest scatters. Each text that came
out stands for one answer, with its votes as the score.

## Guarantee
Exact: the answer is the majority among n independent samples of the filtered law. As n grows it
becomes the most probable answer, all texts that give it taken together.

## Reference
Wang et al. 2022, https://arxiv.org/abs/2203.11171
"""

from __future__ import annotations

from math import exp
from typing import Literal

from explorer.answers import VOTE_NOTES, AnswerParams, Ballot, find_answers, vote
from explorer.registry import method, param, preset
from explorer.run import Run
from explorer.samples import write
from explorer.sampling import FilterChain, Temperature


class SelfConsistencyParams(AnswerParams):
    """How many texts vote, where their answers stand, and what a vote weighs."""

    n: int = param(16, "Samples", "Texts that vote.", symbol="n", unit="texts", ge=1, le=64)
    weights: Literal["equal", "probability"] = param(
        "equal",
        "Weights",
        "equal: one text, one vote; probability: a vote weighs exp of the text's mean "
        "log-probability.",
    )
    filters: FilterChain = param(
        (Temperature(t=0.7),), "Filters", "Chain applied before each draw.", unit="chain"
    )


@method(
    title="Self-consistency",
    family="sampling",
    paper="https://arxiv.org/abs/2203.11171",
    params=SelfConsistencyParams,
    claims={"exact"},
    notes=VOTE_NOTES,
    presets={
        "the paper's defaults": preset(
            "How soon the winner stands, and how many texts were needed for it.",
            n=40,
            filters="temperature=0.7,top_k=40",
        ),
        "sixteen": preset("The votes of sixteen texts.", n=16),
        "weighted": preset(
            "Where a few probable texts outvote many improbable ones.", weights="probability"
        ),
        "break it": preset(
            "Three wild texts: each answers something else, and the first of them wins the tie.",
            n=3,
            filters="temperature=2",
        ),
    },
)
def self_consistency(run: Run, p: SelfConsistencyParams) -> None:
    # 1. Sample.
    samples = write(run, [run.root] * p.n, p.filters, run.choose_each)

    # 2. Read out the answers.
    answers = find_answers([run.continuation(sample.node) for sample in samples], p)

    # 3. Vote.
    ballots = []
    for sample, answer in zip(samples, answers, strict=True):
        mean_logp = sample.logp / max(1, run.tree.depth(sample.node))
        weight = exp(mean_logp) if p.weights == "probability" else 1.0
        ballots.append(Ballot(sample.node, answer.text if answer else None, weight))
    run.answer(vote(run, ballots))
