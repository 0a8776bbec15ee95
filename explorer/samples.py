"""Texts written side by side: every step continues all that have not ended, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from explorer.law import Law
from explorer.run import Run
from explorer.sampling import Filter


@dataclass(slots=True)
class Sample:
    """A text: the node it ends at, and what the model's own law says of it.

    `logp` is a sum in nats over the tokens that were written here, before any filter.
    """

    node: int
    logp: float = 0.0


def write(
    run: Run,
    tips: Sequence[int],
    filters: Sequence[Filter],
    choose: Callable[[Sequence[Law]], Sequence[int]],
) -> list[Sample]:
    """Continue the text of every tip to its end; `choose` takes the next tokens from their laws.

    Tips may be the same node: each is a text of its own, and gets choices of its own.
    """
    samples = [Sample(tip) for tip in tips]
    going = [sample for sample in samples if not run.is_complete(sample.node)]
    for _ in run.steps() if going else ():
        nodes = list(dict.fromkeys(sample.node for sample in going))
        row = {node: i for i, node in enumerate(nodes)}
        logits = run.target(nodes)[[row[sample.node] for sample in going]]  # (len(going), V)
        laws = run.laws(filters, logits, [sample.node for sample in going])
        tokens = choose(laws)
        raw = torch.stack([law.raw for law in laws])[range(len(laws)), tokens].tolist()
        for sample, token, logp in zip(going, tokens, raw, strict=True):
            sample.logp += logp
            sample.node = run.add(sample.node, token)
        going = [sample for sample in going if not run.is_complete(sample.node)]
        run.keep(list(dict.fromkeys(sample.node for sample in going)))
        if not going:
            break
    return samples
