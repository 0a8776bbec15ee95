"""Take the candidate that is probable and yet unlike everything that stands there.

## What it does
Each step looks at the k most probable tokens and reads each of them as if it were chosen. A
candidate loses by how much its hidden state resembles the most similar one of the text, the
prompt included: (1 - α) · probability - α · greatest cosine. What would repeat the text has states
that the text has already.

## When to use it
Open-ended text without randomness, from models whose states point in many directions. Whether
they do is measured: the isotropy, one minus the mean cosine of the text's states.

## What to look at
The candidates with probability, penalty and score; the isotropy of each layer, near 0 for models
with which this fails; the cosines of all tokens with each other, where repetition shows as stripes.

## Guarantee
Deterministic, by the formula. α = 0 or k = 1 is greedy. One pass reads all candidates, and the
winner's is the next step's.

## Reference
Su et al. 2022, "A Contrastive Framework for Neural Text Generation",
https://arxiv.org/abs/2202.06417; on isotropy Su and Collier 2023, https://arxiv.org/abs/2210.14140
"""

from __future__ import annotations

import torch

from explorer.candidates import REVISITS, best_tokens, note_revisits, settle
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.similarity import cosines, isotropy, states_so_far

SHOWN = 64  # tokens at the end of the text whose cosines are noted


class ContrastiveSearchParams(Params):
    """How many candidates, and what resemblance costs."""

    k: int = param(
        5, "Candidates", "Most probable tokens that are read.", symbol="k", unit="tokens",
        ge=1, le=50,
    )  # fmt: skip
    alpha: float = param(
        0.6, "Penalty", "Weight of the resemblance; the probability has the rest.", symbol="α",
        ge=0.0, le=1.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to the law before candidates are taken.", unit="chain"
    )


@method(
    title="Contrastive search",
    family="repetition",
    paper="https://arxiv.org/abs/2202.06417",
    params=ContrastiveSearchParams,
    claims={"deterministic"},
    notes=(
        Note("penalty", "Greatest cosine of the chosen token with the text", unit="cosine"),
        REVISITS,
        Note("isotropy", "Isotropy of the text by layer, the embedding first", "vector",
             drawn_as="bars"),
        Note("similarity", "Cosines of the text's last tokens with each other", "matrix",
             "cosine", "heatmap"),
    ),
    presets={
        "the paper's defaults": preset(
            "The candidate whose state is too much like an earlier one, and what is taken in its "
            "place.",
            k=5, alpha=0.6,
        ),
        "mild": preset("Closer to greedy decoding.", alpha=0.3),
        "break it": preset(
            "Probability does not count at all: whatever is unlike everything before is taken, "
            "sense or not.",
            k=50, alpha=1.0,
        ),
    },
)  # fmt: skip
def contrastive_search(run: Run, p: ContrastiveSearchParams) -> None:
    L = run.models["target"].depth
    view = run.open("target", hidden=range(L + 1))
    node = run.root
    for _ in run.steps():
        # 1. The k most probable tokens, each read as if it were chosen.
        (law,) = run.laws(p.filters, view([node]), [node])
        C = best_tokens(law, p.k)
        fan = [run.add(node, v) for v in C]
        view(fan)

        # 2. How much each resembles what stands there.
        h = states_so_far(run, view, L)  # (P + T, d)
        penalty, nearest = cosines(view.hidden(fan, L), h).max(1)  # (k,), (k,)

        # 3. Probable, and unlike.
        prob = law.probs[C].to(penalty)
        score = (1 - p.alpha) * prob - p.alpha * penalty
        run.note("penalty", float(penalty[score.argmax()]), node)
        first = len(h) - run.tree.depth(node)  # of the new tokens
        back = [(i - first, 1) for i in nearest.tolist()]
        note_revisits(run, law, C, back, p.alpha * penalty)
        node = settle(run, law, C, score, p=prob, penalty=penalty)

    text = [states_so_far(run, view, layer) for layer in range(L + 1)]
    if len(text[L]) > 1:
        run.note("isotropy", [isotropy(states) for states in text])
    last = text[L][-SHOWN:]
    run.note("similarity", torch.round(cosines(last, last), decimals=3).tolist())
