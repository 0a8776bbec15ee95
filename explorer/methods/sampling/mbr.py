"""Draw texts, and return the one that is best on average if any of the others is right.

## What it does
n texts are drawn. Each is a candidate and a reference: a utility tells how good the one is where
the other is right. The candidate with the highest mean over all references wins: not the most
probable text but the one that most of the probability agrees with.

## When to use it
Translation, summaries, answers with one content and many wordings, where the most probable single
text is often odd.

## What to look at
The matrix of utilities (candidates by references): a block of texts that agree, and strangers. With
exact match as the utility it is a vote.

## Guarantee
Exact for its own law: the winner of n independent samples, the first of equals. The mean over
samples converges to the expected utility under the model as n grows.

## Reference
Kumar & Byrne 2004, "Minimum Bayes-Risk Decoding for Statistical Machine Translation"; Eikema & Aziz
2020, https://arxiv.org/abs/2005.10283
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from explorer.records import Utilities
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.samples import write
from explorer.sampling import Epsilon, FilterChain
from explorer.similarity import cosines
from explorer.utilities import UTILITIES, UtilityName, utility_matrix


class MbrParams(Params):
    """How many texts, and what agreement means."""

    n: int = param(
        8, "Samples", "Texts that are candidates and references.", symbol="n", unit="texts", ge=1,
        le=64,
    )  # fmt: skip
    utility: UtilityName = param(
        "chrf",
        "Utility",
        "chrf: character n-grams; bleu: word n-grams; token_f1: words; exact_match: a vote; "
        "embedding: the mean state of a text in the judge, or in the target.",
        symbol="u",
    )
    with_itself: bool = param(
        True,
        "With itself",
        "Whether a candidate is a reference of its own, as is usual.",
    )
    filters: FilterChain = param(
        (Epsilon(epsilon=0.02),), "Filters", "Chain applied before each draw.", unit="chain"
    )


@method(
    title="Minimum Bayes risk",
    family="sampling",
    paper="https://arxiv.org/abs/2005.10283",
    params=MbrParams,
    optional=("judge",),
    claims={"exact"},
    notes=(
        Note(
            "utility",
            "how good each candidate is where each reference is right, and on average",
            shape="record",
            drawn_as="utilities",
        ),
    ),
    presets={
        "eight": preset(
            "The text that is most like all the others wins, not the most probable.", n=8
        ),
        "thirty-two, words": preset(
            "Bright rows of the matrix: texts that stand for many.", n=32, utility="token_f1"
        ),
        "a vote": preset(
            "Only equal texts count for each other.",
            utility="exact_match",
            filters="temperature=0.5",
        ),
        "break it": preset(
            "Two texts are each other's only reference: a tie, and the first wins whatever it "
            "says.",
            n=2,
            with_itself=False,
        ),
    },
)
def mbr(run: Run, p: MbrParams) -> None:
    # 1. Sample.
    samples = write(run, [run.root] * p.n, p.filters, run.choose_each)

    # 2. Compare each with each.
    if p.utility == "embedding":
        matrix = alike(run, [s.node for s in samples])
    else:
        matrix = utility_matrix([run.text(s.node) for s in samples], UTILITIES[p.utility])

    # 3. The best on average wins.
    means = []
    for i, row in enumerate(matrix):
        others = [u for j, u in enumerate(row) if p.with_itself or j != i]
        means.append(sum(others) / max(1, len(others)))
    nodes = [sample.node for sample in samples]
    run.note("utility", Utilities(nodes=nodes, matrix=matrix, means=means).model_dump())
    for sample, mean in zip(samples, means, strict=True):
        run.finish(sample.node, mean)
    ranked = sorted(range(p.n), key=lambda i: -means[i])
    run.answer(list({samples[i].node: means[i] for i in ranked}.items()))


def alike(run: Run, nodes: Sequence[int]) -> list[list[float]]:
    """How alike the mean states of texts are, by their cosine moved to between 0 and 1.

    A state is the last one, after the final norm, of each token of the text.
    """
    role = "judge" if "judge" in run.models else "target"
    layer = run.models[role].depth
    view = run.open(role, name="embedding", hidden=[layer])
    paths = [run.tree.path(node) for node in nodes]
    view(list(dict.fromkeys(n for path in paths for n in path)))  # all texts in one pass
    means = torch.stack([view.hidden(path, layer).double().mean(0) for path in paths])
    found: list[list[float]] = ((1 + cosines(means, means)) / 2).tolist()
    return found
