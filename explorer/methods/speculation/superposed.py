"""Write several drafts at the price of one: the model reads the mixture of their last tokens.

## What it does
The k most probable first tokens begin k drafts. From then on the model is not given a token but a
superposition: the mean of the embeddings of the drafts' last tokens, each weighted by how probable
its draft is so far. One pass over it gives one law P for all drafts. Which of P's best tokens suits
which draft, the n-grams of a book tell: to a draft's score a token adds (1 − α) ln P + α ln P_ng,
where P_ng counts what followed the draft's last one to five tokens in the book; where it never did,
(1 − α) ln P less a penalty. Of all pairs of a draft and a token the best k go on, and are mixed.

## When to use it
Where several short continuations are wanted at once and nearly right is enough: suggestions while
somebody types. It takes as many passes as one text of that length; a beam search of the same width
reads every hypothesis by itself.

## What to look at
The shares of each superposition (in the tree a node □ stands for one, and its tooltip says what was
mixed), how the drafts part and which die, and how the vote of the model and that of the n-grams
differ. With “Compare” each draft is read by itself too: how far P is from the drafts' own laws.

## Guarantee
None for the text: the model never reads a draft as it stands, so a draft is neither a sample nor
the most probable one. With one draft and α = 0 nothing is mixed, and until it ends its words are
those of greedy decoding. Nothing is random: the same prompt gives the same drafts.

## Reference
Shen et al. 2024, "Superposed Decoding: Multiple Generations from a Single Autoregressive Inference
Pass", https://arxiv.org/abs/2405.18400
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from explorer.datastore import Datastore, DatastoreParams, datastore_of
from explorer.drafting import text_so_far
from explorer.hypotheses import FinishedPool, Hypothesis, advance, best_extensions, ends
from explorer.law import Law
from explorer.registry import Note, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain, Temperature, TopK

LAMBDAS = (0.01, 0.04, 0.15, 0.18, 0.12)  # of contexts of 1 to 5 tokens, as in the paper


class SuperposedParams(DatastoreParams):
    """How many drafts, how much the n-grams count, and which tokens are looked at."""

    drafts: int = param(
        3, "Drafts", "Texts that are written at once.", symbol="k", unit="texts", ge=1, le=16
    )
    alpha: float = param(
        0.54, "Weight of the n-grams", "Their share of a token's score, the model has the rest; "
        "0: they are not asked.", symbol="α", ge=0.0, lt=1.0,
    )  # fmt: skip
    penalty: float = param(
        200.0, "Penalty", "Taken from a token's score where it never followed the draft's last "
        "tokens in the datastore.", unit="nats", ge=0.0, le=1000.0,
    )  # fmt: skip
    compare: bool = param(
        False, "Compare", "Read each draft by itself too, one more pass a step, to tell how far "
        "the superposition is from them; the text stays the same.",
    )  # fmt: skip
    filters: FilterChain = param(
        (Temperature(t=0.06), TopK(k=9)), "Filters", "Chain applied to the one law P: its "
        "temperature, and how many tokens of it are looked at (the paper takes k²).", unit="chain",
    )  # fmt: skip


@method(
    title="Superposed decoding",
    family="speculation",
    paper="https://arxiv.org/abs/2405.18400",
    params=SuperposedParams,
    claims={"deterministic"},
    notes=(
        Note("shares", "each draft's share of the superposition, the best draft first",
             shape="vector", drawn_as="bars"),
        Note("distance", "KL from the drafts' own laws to P, its mean by their shares",
             unit="nats"),
        Note("distance of their mean", "KL from the mean of the drafts' own laws, by their shares, "
             "to P", unit="nats"),
    ),
    presets={
        "the paper's defaults": preset(
            "Three drafts, and which of them the n-grams keep alive.", drafts=3, alpha=0.54
        ),
        "warmer": preset(
            "Shares that stay even, and the distances that grow with them.",
            alpha=0.3,
            penalty=3.0,
            compare=True,
            filters="temperature=1,top_k=9",
        ),
        "the model alone": preset(
            "Without n-grams all drafts like the same tokens, whether they fit them or not.",
            alpha=0.0,
            compare=True,
            filters="temperature=1,top_k=9",
        ),
        "break it": preset(
            "Twelve drafts in one vector: what the model reads is no text any more.",
            drafts=12,
            alpha=0.0,
            compare=True,
            filters="temperature=1,top_k=144",
        ),
    },
)  # fmt: skip
def superposed(run: Run, p: SuperposedParams) -> None:
    k = p.drafts
    store = datastore_of(run.models["target"], p.text)
    alone = run.open("target", name="each draft alone") if p.compare else None
    pool = FinishedPool(k, length_penalty=1.0)
    drafts, shares = [Hypothesis(run.root, 0.0)], [1.0]
    place = run.root  # where all drafts stand at once

    for _ in run.steps():
        # 1. One pass over the superposition: P.
        logits = run.target([place])
        (P,) = run.laws(p.filters, logits, [place])
        if alone is not None:
            own = alone([draft.node for draft in drafts])
            note_distances(run, logits[0].log_softmax(-1), own.log_softmax(-1), shares)

        # 2. The scores of all pairs of a draft and a token, (k, V).
        model = (1 - p.alpha) * P.logp
        ngrams = torch.stack([votes(store, text_so_far(run, d.node), P, p) for d in drafts])
        scores = model + ngrams + torch.tensor([[d.score] for d in drafts]).to(ngrams)
        laws = [
            run.combined((), row[None], d.node, "superposed", P.raw[None], "filters of P")
            for d, row in zip(drafts, scores, strict=True)
        ]

        # 3. Of the best 2k pairs those that end leave; of the others the best k go on.
        ranked = best_extensions(laws, scores, 2 * k)
        ended = [x for x in ranked if ends(run, x)]
        going = [x for x in ranked if not ends(run, x)][:k]
        run.choose_these([P], [sorted({x.token for x in (*ended, *going)})])
        pool.take(run, ended)
        shares = torch.tensor([x.score for x in going]).double().softmax(-1).tolist()
        rows = [next(i for i, law in enumerate(laws) if law is x.law) for x in going]
        drafts = advance(
            run, laws, scores, going, ended,
            share=shares,
            model=[float(model[x.token]) for x in going],
            ngrams=[float(ngrams[i, x.token]) for i, x in zip(rows, going, strict=True)],
        )  # fmt: skip
        if not drafts:
            break

        # 4. Their last tokens are mixed; what ends alike adds up.
        weights: Counter[int] = Counter()
        for x, share in zip(going, shares, strict=True):
            weights[x.token] += share
        place = run.mix(place, weights)
        run.note("shares", shares, place)
    best = sorted(pool.ranked(run, drafts), key=lambda draft: -draft[1])
    run.answer(best[:k])


def votes(store: Datastore, text: Sequence[int], P: Law, p: SuperposedParams) -> Tensor:
    """What the n-grams add to each token's score behind `text`, `(V,)` in nats."""
    found = P.logp.new_zeros(len(P.logp))
    if not p.alpha:
        return found
    for token, share in by_ngrams(store, text).items():
        found[token] = share
    return torch.where(found > 0, p.alpha * found.log(), -p.penalty)


def by_ngrams(store: Datastore, text: Sequence[int]) -> dict[int, float]:
    """P_ng: of each token that followed an ending of `text` in the datastore its share.

    Endings of one to five tokens, weighted by λ; the λ of those that are not there is lost.
    """
    found: dict[int, float] = {}
    for n, weight in enumerate(LAMBDAS[: len(text)], 1):
        followed = store.successors(text[-n:])
        for token, count in followed.items():
            found[token] = found.get(token, 0.0) + weight * count / followed.total()
    return found


def note_distances(run: Run, P: Tensor, own: Tensor, shares: Sequence[float]) -> None:
    """How far P (V,) is from the drafts' own laws (k, V) and from their mean, all in nats."""
    weights = own.new_tensor(shares)
    mean = torch.logsumexp(own + weights.log()[:, None], 0)
    run.note("distance", float(weights @ kl(own, P)))
    run.note("distance of their mean", float(kl(mean, P)))


def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) in nats over the last dimension, of log-probabilities."""
    return torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1)
