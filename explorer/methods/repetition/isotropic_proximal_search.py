"""Stay close to the answer so far and apart from what was said before: for dialogue.

## What it does
Each step reads the k most probable tokens as if they were chosen. A candidate gains where its
hidden state resembles the answer's other tokens (proximal), and loses where the answer with it
resembles the utterances of the prompt (isotropic), for each of which the state at its end stands:
α · probability + (1 - α) · (proximal - isotropic). The first tokens are greedy, as there is no
answer yet.

## When to use it
Answers in a dialogue whose utterances stand on lines of their own.

## What to look at
Proximal and isotropic of each candidate beside its probability, and how the answer drifts from
the prompt's utterances over time.

## Guarantee
Deterministic, by the formula; α = 1 is greedy under the filters.

## Reference
Yao et al. 2023, "Fine-grained Conversational Decoding via Isotropic and Proximal Search",
https://arxiv.org/abs/2310.08130
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.candidates import REVISITS, best_tokens, note_revisits, settle
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, parse_chain
from explorer.similarity import cosines


class IsotropicProximalParams(Params):
    """How many candidates, what counts how much, and where utterances end."""

    k: int = param(
        8, "Candidates", "Most probable tokens that are read.", symbol="k", unit="tokens",
        ge=1, le=50,
    )  # fmt: skip
    alpha: float = param(
        0.6, "Probability", "Weight of the probability; the states have the rest.", symbol="α",
        ge=0.0, le=1.0,
    )  # fmt: skip
    first: int = param(
        2, "Greedy tokens", "So many tokens are taken greedily at the beginning.", unit="tokens",
        ge=1, le=100,
    )  # fmt: skip
    separator: str = param(
        "\n", "End of an utterance", "Text at which an utterance of the prompt ends.", unit="text",
        min_length=1, max_length=100,
    )  # fmt: skip
    filters: FilterChain = param(
        parse_chain("no_repeat_ngram=2"), "Filters",
        "Chain applied to the law before candidates are taken.", unit="chain",
    )  # fmt: skip


@method(
    title="Isotropic and proximal search",
    family="repetition",
    paper="https://arxiv.org/abs/2310.08130",
    params=IsotropicProximalParams,
    claims={"deterministic"},
    notes=(
        Note("proximal", "Mean cosine of the chosen token with the answer so far", unit="cosine"),
        Note("isotropic", "Mean cosine of the answer with the prompt's utterances", unit="cosine"),
        REVISITS,
    ),
    presets={
        "the paper's defaults": preset(
            "Candidates close to the answer so far and far from the prompt's utterances.",
            k=8,
            alpha=0.6,
            first=2,
        ),
        "states alone": preset(
            "Probability only chooses the candidates; the states decide among them.", alpha=0.0
        ),
        "sentences as utterances": preset(
            "Each sentence of the prompt is something to keep away from.", separator="."
        ),
        "break it": preset(
            "Among fifty candidates the one most like the text so far: it goes round in circles.",
            k=50,
            alpha=0.0,
            filters="none",
        ),
    },
)
def isotropic_proximal_search(run: Run, p: IsotropicProximalParams) -> None:
    L = run.models["target"].depth
    view = run.open("target", hidden=(L,))
    said = view.prompt_hidden(L)  # (P, d)
    ends = utterance_ends(run, said, p.separator)
    node = run.root
    for _ in run.steps():
        # 1. The most probable tokens; one of them as long as there is no answer to be close to.
        (law,) = run.laws(p.filters, view([node]), [node])
        answer = run.tree.path(node)
        C = best_tokens(law, p.k if len(answer) >= p.first else 1)
        prob = law.probs[C].cpu()
        proximal = isotropic = torch.zeros_like(prob)
        back: list[tuple[int, int] | None] = [None] * len(C)

        # 2. How close each is to the answer, and the answer with it to the prompt's utterances.
        if len(answer) >= p.first:
            fan = [run.add(node, v) for v in C]
            view(fan)
            h_v, h_y = view.hidden(fan, L), view.hidden(answer, L)  # (k, d), (T, d)
            proximal = cosines(h_v, h_y).mean(1).cpu()
            if ends:
                mean = (h_y.sum(0) + h_v) / (len(answer) + 1)  # (k, d): the answer's with each
                alike = cosines(mean, said[ends])  # (k, utterances)
                isotropic = alike.mean(1).cpu()
                back = [(ends[i] - len(said), 1) for i in alike.argmax(1).tolist()]

        # 3. Probable, close to the answer, apart from what was said.
        score = p.alpha * prob + (1 - p.alpha) * (proximal - isotropic)
        best = int(score.argmax())
        run.note("proximal", float(proximal[best]), node)
        run.note("isotropic", float(isotropic[best]), node)
        note_revisits(run, law, C, back, (1 - p.alpha) * isotropic)
        node = settle(run, law, C, score, p=prob, proximal=proximal, isotropic=isotropic)


def utterance_ends(run: Run, said: Tensor, separator: str) -> list[int]:
    """The places of the prompt's tokens that complete a separator.

    None where its tokens have no states in `said` (P, d): an encoder-decoder's.
    """
    model, ids = run.models["target"], run.prompt.ids
    ends = []
    for i in range(len(ids) if len(said) == len(ids) else 0):
        start = max(0, i - len(separator.encode()))  # a token has at least a byte
        before, now = (model.decode(ids[start:end]) for end in (i, i + 1))
        if now.count(separator) > before.count(separator):
            ends.append(i)
    return ends
