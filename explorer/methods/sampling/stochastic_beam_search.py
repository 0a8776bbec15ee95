"""Draw k different texts, without replacement, by a beam search on perturbed log-probabilities.

## What it does
If every text's log-probability φ got its own Gumbel noise, the k largest sums G would be k draws
without replacement. The noise is handed down the tree instead: a prefix carries the largest G of
all texts below it, its children get G's of their own whose maximum is just that. Keeping the
largest prefixes at each step, as a beam search does, then finds the k largest texts.

## When to use it
Several texts that must differ, from the model's own law; estimates of an average over all texts
(length, surprise, a score) from few of them.

## What to look at
Perturbed scores G beside log-probabilities, the threshold κ (the G just outside the k), and the
weights, which say how many texts each of the k stands for.

## Guarantee
Exact: the texts are drawn without replacement, the first is a plain sample. An average weighted by
p / q, where q = P(G > κ), is unbiased; with weights that are made to sum to one it is consistent.

## Reference
Kool et al. 2019, https://arxiv.org/abs/1903.06059
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, log

import torch
from torch import Tensor

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain


class StochasticBeamParams(Params):
    """How many texts, and from which law."""

    k: int = param(4, "Texts", "How many different texts are drawn.", symbol="k", ge=1, le=64)
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each law before it is perturbed.", unit="chain"
    )


@dataclass(frozen=True, slots=True)
class Leaf:
    """A prefix or a finished text: its log-probability φ and its perturbed one G, in nats."""

    node: int
    phi: float
    G: float


@method(
    title="Stochastic beam search",
    family="sampling",
    paper="https://arxiv.org/abs/1903.06059",
    params=StochasticBeamParams,
    claims={"exact"},
    notes=(
        Note("perturbed", "Perturbed scores G of the texts that are followed, largest first",
             shape="vector", unit="nats", drawn_as="bars"),
        Note("threshold", "κ: the largest G that is left out", unit="nats"),
        Note("log_weights", "ln p/q of each text that came out: its weight in an average",
             shape="vector", unit="nats", drawn_as="bars"),
        Note("expected_length", "Estimate of the mean length of a text", unit="tokens"),
        Note("expected_surprise", "Estimate of the mean of -log p of a text", unit="nats"),
    ),
    presets={
        "four": preset("Four different texts, and the perturbed scores that chose them.", k=4),
        "one, a plain sample": preset("A single text is an ordinary sample.", k=1),
        "many, cooler": preset(
            "The later a text stands in the list, the less probable it tends to be.",
            k=32, filters="temperature=0.7",
        ),
        "break it": preset(
            "One text has all the probability: without replacement there is no second one to draw.",
            k=8, filters="temperature=0",
        ),
    },
)  # fmt: skip
def stochastic_beam_search(run: Run, p: StochasticBeamParams) -> None:
    leaves = [Leaf(run.root, 0.0, float(run.gumbel(1)))]
    for _ in run.steps():
        # 1. The children of every open leaf, their noise such that its largest G is the leaf's.
        going = [leaf for leaf in leaves if not run.is_complete(leaf.node)]
        nodes = [leaf.node for leaf in going]
        laws = run.laws(p.filters, run.target(nodes), nodes)
        above = torch.tensor([[leaf.phi, leaf.G] for leaf in going], dtype=torch.float64)  # (B, 2)
        logp = torch.stack([law.logp for law in laws]).cpu().double()
        phi = above[:, :1] + logp.log_softmax(-1)  # (B, V)
        noise = run.gumbel(phi.numel()).reshape(phi.shape)
        # Handed down, what is larger stays so: only k + 1 of a leaf's children can be among all's.
        g, children = (phi + noise).topk(min(p.k + 1, phi.shape[1]))
        G = hand_down(above[:, 1:], g)

        # 2. The k + 1 largest of all; a finished text keeps its G.
        ended = [leaf for leaf in leaves if run.is_complete(leaf.node)]
        every = torch.cat([G.flatten(), torch.tensor([leaf.G for leaf in ended])])
        cut = every.topk(min(p.k + 1, len(every))).values[-1]
        leaves = [leaf for leaf in ended if cut <= leaf.G]
        tokens: list[list[int]] = [[] for _ in laws]
        for row, i in ((cut <= G) & (-torch.inf < G)).nonzero().tolist():
            x = int(children[row, i])
            tokens[row].append(x)
            leaves.append(Leaf(run.add(nodes[row], x), float(phi[row, x]), float(G[row, i])))
        leaves.sort(key=lambda leaf: -leaf.G)
        run.choose_these(laws, tokens)
        lost = [leaf.node for leaf in ended if leaf not in leaves]
        lost += [node for node, some in zip(nodes, tokens, strict=True) if not some]
        run.prune(lost, why="below the k + 1 largest")
        run.keep(
            [leaf.node for leaf in leaves],
            logp=[leaf.phi for leaf in leaves],
            perturbed=[leaf.G for leaf in leaves],
        )
        run.note("perturbed", [leaf.G for leaf in leaves])
        if len(leaves) > p.k:
            run.note("threshold", leaves[p.k].G)
        if all(run.is_complete(leaf.node) for leaf in leaves):
            break

    # 3. The k largest; the one behind them is the threshold of the weights.
    kappa = leaves[p.k].G if len(leaves) > p.k else -torch.inf
    for leaf in leaves[p.k :]:
        run.prune([leaf.node], why="sets the threshold", perturbed=leaf.G)
    drawn = leaves[: p.k]
    log_w = torch.tensor([log_weight(leaf.phi, kappa) for leaf in drawn])
    share = log_w.softmax(0).tolist()  # weights that sum to one
    run.note("log_weights", log_w.tolist())
    weighted = list(zip(share, drawn, strict=True))
    run.note("expected_length", sum(w * run.tree.depth(leaf.node) for w, leaf in weighted))
    run.note("expected_surprise", sum(-w * leaf.phi for w, leaf in weighted))
    for w, leaf in weighted:
        run.finish(leaf.node, w, why="drawn")
    run.answer([(leaf.node, w) for w, leaf in weighted])


def hand_down(G: Tensor, g: Tensor) -> Tensor:
    """Perturbed scores of children `(B, n)`: Gumbel around φ as `g` is, their maximum G `(B, 1)`.

    The largest `g` of all children of a leaf is among the n.
    """
    v = G - g + torch.log1p(-torch.exp(g - g.amax(-1, keepdim=True)))
    return G - v.clamp(min=0) - torch.log1p(torch.exp(-v.abs()))


def log_weight(phi: float, kappa: float) -> float:
    """ln p / q of a text with log-probability φ: q is the chance that its G is above κ."""
    x = phi - kappa
    if x > 700:  # q is 1
        return phi
    return phi - (x if x < -30 else log(-expm1(-exp(x))))  # q is e^x where that is small
