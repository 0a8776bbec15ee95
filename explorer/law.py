"""A law: the distribution of the next token at one node, before and after what changed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from explorer.sampling import Filtered

CANDIDATES = 10  # how many of the most probable tokens a recorded choice lists


@dataclass(frozen=True)
class Law:
    """The next-token law after `node` as one stream (a view or a combination) gives it.

    `raw` and `logp` are log-probabilities `(V,)` in nats before and after the filters;
    `removed_by` `(V,)` is the index into `causes` of what removed a token, -1 where it stayed.
    """

    node: int
    stream: str
    raw: Tensor
    logp: Tensor
    removed_by: Tensor
    causes: tuple[str, ...] = ()
    removed_mass: dict[str, float] = field(default_factory=dict)

    @cached_property
    def probs(self) -> Tensor:
        """Probabilities `(V,)` in float64; they sum to one."""
        p = self.logp.double().exp()
        return p / p.sum()

    @property
    def best(self) -> int:
        """The most probable token; the lowest id on ties."""
        return int(self.logp.argmax())

    def changed(self, probs: Tensor, cause: str) -> Law:
        """The same place under another law `(V,)`; what it no longer allows, `cause` removed."""
        logp = probs.log()
        index = len(self.causes)
        removed = torch.where((probs <= 0) & (self.removed_by < 0), index, self.removed_by.long())
        mass = float(self.probs[probs <= 0].sum())
        return replace(
            self,
            logp=logp,
            removed_by=removed,
            causes=(*self.causes, cause),
            removed_mass={**self.removed_mass, cause: mass},
        )

    def candidates(self, chosen: int) -> tuple[list[int], list[float], list[float], list[int]]:
        """The most probable tokens before the filters, and the chosen one among them.

        Returns columns: token ids, raw and final log-probabilities, indices of causes.
        """
        top = self.raw.topk(min(CANDIDATES, len(self.raw))).indices
        if chosen not in top.tolist():
            top = torch.cat([top, top.new_tensor([chosen])])
        return (
            top.tolist(),
            self.raw[top].tolist(),
            self.logp[top].tolist(),
            self.removed_by[top].tolist(),
        )


def laws_of(
    filtered: Filtered, nodes: Sequence[int], stream: str, names: Sequence[str]
) -> list[Law]:
    """One law a row of a filtered batch."""
    masses = filtered.removed_mass.tolist() if names else [()] * len(nodes)
    return [
        Law(
            node,
            stream,
            filtered.raw[i],
            filtered.logp[i],
            filtered.removed_by[i],
            tuple(names),
            dict(zip(names, masses[i], strict=True)),
        )
        for i, node in enumerate(nodes)
    ]
