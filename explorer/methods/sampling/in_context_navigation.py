"""Show the model what it has said already, and take the next best beginnings it comes up with.

## What it does
The first round takes the most probable first tokens behind the prompt, each continued greedily.
The next round reads the first token anew behind a longer prompt, in which the texts so far stand as
examples, the latest that fit: that moves the model's query away from them, other tokens come up.
Those that were not tried yet begin new texts, again continued greedily behind the plain prompt.

## When to use it
Questions with many right answers, where the best-ranked tokens are near-doubles of each other, and
sampling returns to the same few. With voting: several ways to one answer.

## What to look at
The first-token laws of the rounds beside each other: what the list pushes down, what comes up
instead, and at which rank of the plain prompt's law it had been waiting.

## Guarantee
Deterministic; one round is chain-of-thought decoding's branches. No beginning is tried twice.

## Reference
Peng et al. 2024, “Correlation and Navigation in the Vocabulary Key Space of Language Models”,
https://arxiv.org/abs/2410.02284
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from explorer.answers import VOTE_NOTES, AnswerParams, Ballot, find_answers, vote
from explorer.registry import Note, method, param, preset
from explorer.run import Run
from explorer.samples import Sample, write
from explorer.similarity import cosines, rank_correlation

LINES = re.compile(r"\s*\n\s*")  # between the lines of a text that shall stand on one


class InContextNavigationParams(AnswerParams):
    """How many rounds, how many beginnings in each, and how the texts are compared."""

    rounds: int = param(
        3, "Rounds", "How often the list of explored texts is read.", symbol="n_iter", ge=1, le=10
    )
    heads: int = param(
        4, "Beginnings", "New first tokens in each round.", symbol="n_tol", unit="tokens",
        ge=1, le=30,
    )  # fmt: skip
    vote: bool = param(
        False, "Vote", "Let the texts vote on their answers; off: all come out, likeliest first."
    )


@method(
    title="In-context navigation",
    family="sampling",
    paper="https://arxiv.org/abs/2410.02284",
    params=InContextNavigationParams,
    claims={"deterministic"},
    notes=(
        Note("plain_ranks", "Where the round's first tokens stand in the plain prompt's ranking",
             shape="vector", unit="rank", drawn_as="bars"),
        Note("key_correlation", "How far the round ranks tokens as their keys resemble the first's",
             unit="Spearman's ρ"),
        *VOTE_NOTES,
    ),
    presets={
        "the paper's defaults": preset(
            "A hundred texts, about half a minute for 60 tokens each: how deep in the plain "
            "prompt's ranking the last beginnings stood.",
            rounds=10, heads=10,
        ),
        "three rounds of four": preset(
            "What the list of the first round brings up in the second.", rounds=3, heads=4
        ),
        "several ways, with votes": preset(
            "Whether the ways agree in their answer.", rounds=4, heads=1, vote=True
        ),
        "without navigation": preset(
            "One round: the branches of chain-of-thought decoding.", rounds=1, heads=10
        ),
        "break it": preset(
            "Ninety texts, about fifteen seconds for 60 tokens each: most beginnings have no "
            "chance, so the texts begin anywhere.",
            rounds=3, heads=30,
        ),
    },
)  # fmt: skip
def in_context_navigation(run: Run, p: InContextNavigationParams) -> None:
    explored: list[Sample] = []
    probed: set[str] = set()  # beginnings as they are written

    for k in range(p.rounds):
        # 1. The first-token law behind the list of what is explored.
        heads: list[int] = []
        for _ in run.steps():
            view = run.target if k == 0 else run.open("target", listing(run, explored), f"list {k}")
            (law,) = run.laws((), view([run.root]), [run.root], stream=view.name)
            if k == 0:
                plain = law

            # 2. Its best tokens that were not tried before.
            first: list[int] = []
            for token in law.logp.sort(descending=True, stable=True).indices.tolist():
                if len(first) < p.heads and run.token_text(token) not in probed:
                    first.append(token)
                    probed.add(run.token_text(token))
            if not first:
                break
            run.choose_these([law], [first])
            heads = [run.add(run.root, token) for token in first]
            run.keep(heads)
            run.note("key_correlation", key_correlation(law.raw, run.models["target"].keys()))
            run.note("plain_ranks", [1 + int((plain.raw > plain.raw[x]).sum()) for x in first])
            break
        if not heads:
            break

        # 3. Each is continued greedily behind the plain prompt.
        texts = write(run, heads, (), run.choose_best_of_each)
        for text, token in zip(texts, first, strict=True):
            text.logp += float(plain.raw[token])
        explored += texts

    # 4. All that was found, or what most of it says.
    if p.vote and explored:
        answers = find_answers([run.continuation(text.node) for text in explored], p)
        told = [answer.text if answer else None for answer in answers]
        run.answer(vote(run, [Ballot(x.node, a) for x, a in zip(explored, told, strict=True)]))
    elif explored:
        means = [(text.node, text.logp / run.tree.depth(text.node)) for text in explored]
        for node, mean in means:
            run.finish(node, mean)
        run.answer(sorted(means, key=lambda entry: -entry[1]))


def key_correlation(logp: Tensor, keys: Tensor) -> float:
    """Whether tokens rank as their keys `(V, d)` resemble that of the most probable one.

    Of all other tokens: Spearman's correlation of log-probability `(V,)` and cosine.
    """
    top = int(logp.argmax())
    others = torch.arange(len(logp)).to(logp.device) != top
    alike = cosines(keys[top : top + 1], keys[: len(logp)])[0]
    return rank_correlation(logp[others], alike[others])


def listing(run: Run, explored: Sequence[Sample]) -> list[int]:
    """Tokens of a prompt that shows each text behind the prompt, a line each, and asks once more.

    Where they do not all fit beside the tokens that are still to come, the latest do.
    """
    model = run.models["target"]
    lines = any("\n" in run.token_text(token) for token in range(model.vocab_size))
    between = "\n" if lines else ""
    told = [f"{run.prompt.text}{LINES.sub(' ', run.continuation(x.node))}" for x in explored]
    while True:
        ids = model.encode(between.join([*told, run.prompt.text]))
        if not told or model.room(len(ids)) >= run.limit:
            return ids
        told.pop(0)
