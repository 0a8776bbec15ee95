"""A law: the distribution of the next token at one node, before and after what changed it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from explorer.sampling import Filtered

CANDIDATES = 10  # how many of the most probable tokens a recorded choice lists


@dataclass(frozen=True)
class Mask:
    """Tokens `(V,)` that something other than a filter forbade, and the mass that it took."""

    cause: str
    gone: Tensor
    mass: float


@dataclass(frozen=True)
class Law:
    """The next-token law after `node`, as one stream (a view or a combination) gives it.

    `raw` and `logp` are log-probabilities `(V,)` in nats: before anything was forbidden, and what
    is drawn from. `filtered` remembers what each filter of the chain `names` did; `masks` come
    from the method itself (a plausibility mask, a residual).
    """

    node: int
    stream: str
    raw: Tensor
    logp: Tensor
    filtered: Filtered
    names: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()

    @cached_property
    def probs(self) -> Tensor:
        """Probabilities `(V,)` in float64; they sum to one."""
        return torch.softmax(self.logp, -1, dtype=torch.float64)

    @property
    def best(self) -> int:
        """The most probable token; the lowest id on ties."""
        return int(self.logp.argmax())

    def best_logp(self, without: Collection[int]) -> float:
        """The largest log-probability of a token that is not among `without`."""
        others = self.logp.clone()
        others[list(without)] = -torch.inf
        return float(others.max())

    def changed(self, probs: Tensor, cause: str) -> Law:
        """The same place under another law `(V,)`; what it forbids, `cause` removed."""
        gone = (probs <= 0) & (self.logp > -torch.inf)
        mask = Mask(cause, gone, float(self.probs[gone].sum()))
        return replace(self, logp=probs.log(), masks=(*self.masks, mask))

    def candidates(self, chosen: Sequence[int]) -> Candidates:
        """The most probable tokens before anything was forbidden, and the chosen ones."""
        top = self.raw.topk(min(CANDIDATES, len(self.raw))).indices
        listed = set(top.tolist())
        if others := [token for token in chosen if token not in listed]:
            top = torch.cat([top, top.new_tensor(others)])
        return Candidates(
            top.tolist(), self.raw[top].tolist(), self.logp[top].tolist(), self._causes(top)
        )

    def removed_mass(self) -> dict[str, float]:
        """What each filter and mask took from the law it was given."""
        taken = {mask.cause: mask.mass for mask in self.masks}
        if self.names:
            for name, mass in zip(self.names, self.filtered.removed_mass[0].tolist(), strict=True):
                taken[name] = taken.get(name, 0.0) + mass
        return taken

    def _causes(self, tokens: Tensor) -> list[str | None]:
        causes: list[str | None] = [None] * len(tokens)
        if not self.names and not self.masks:
            return causes
        if self.names:
            indices = self.filtered.removed_by[0, tokens].tolist()
            causes = [self.names[i] if i >= 0 else None for i in indices]
        for mask in self.masks:
            gone = mask.gone[tokens].tolist()
            causes = [
                cause or (mask.cause if g else None) for cause, g in zip(causes, gone, strict=True)
            ]
        return causes


@dataclass(frozen=True, slots=True)
class Candidates:
    """Columns of a recorded choice."""

    tokens: list[int]
    raw: list[float]
    final: list[float]
    removed_by: list[str | None]
