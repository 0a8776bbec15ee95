"""A law: the distribution of the next token at one node, before and after what changed it."""

from __future__ import annotations

from collections.abc import Sequence
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
    is drawn from. Row `row` of `filtered` remembers what each filter of the chain `names` did;
    `masks` come from the method itself (a plausibility mask, a residual).
    """

    node: int
    stream: str
    raw: Tensor
    logp: Tensor
    filtered: Filtered
    row: int
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

    def changed(self, probs: Tensor, cause: str) -> Law:
        """The same place under another law `(V,)`; what it forbids, `cause` removed."""
        gone = (probs <= 0) & (self.logp > -torch.inf)
        mask = Mask(cause, gone, float(self.probs[gone].sum()))
        return replace(self, logp=probs.log(), masks=(*self.masks, mask))

    @property
    def entered(self) -> Tensor | None:
        """Log-probabilities `(V,)` as the filters were given them.

        None where a method changed behind the filters what is drawn from: then they are not all
        that lies between the two.
        """
        given = self.filtered.logp[self.row].data_ptr() == self.logp.data_ptr()
        return self.filtered.raw[self.row] if given else None

    def removed_mass(self) -> dict[str, float]:
        """What each filter and mask took from the law it was given."""
        taken = {mask.cause: mask.mass for mask in self.masks}
        if self.names:
            masses = self.filtered.removed_mass[self.row].tolist()
            for name, mass in zip(self.names, masses, strict=True):
                taken[name] = taken.get(name, 0.0) + mass
        return taken

    def causes(self, tokens: Sequence[int], removed_by: Sequence[int]) -> list[str | None]:
        """What removed each of these tokens; None where it stayed.

        `removed_by` are the numbers of the filters that did, -1 where none did.
        """
        causes = [self.names[i] if i >= 0 else None for i in removed_by]
        for mask in self.masks:
            for i, gone in enumerate(mask.gone[tokens].tolist()):
                if gone and causes[i] is None:
                    causes[i] = mask.cause
        return causes


@dataclass(frozen=True, slots=True)
class Candidates:
    """Columns of a recorded choice."""

    tokens: list[int]
    raw: list[float]
    final: list[float]
    removed_by: list[str | None]


def candidates_of(laws: Sequence[Law], chosen: Sequence[Sequence[int]]) -> list[Candidates]:
    """For each law the most probable tokens before anything was forbidden, and the chosen ones.

    One pass over all laws: a wide search records many at every step.
    """
    raw = torch.stack([law.raw for law in laws])  # (n, V)
    values, indices = raw.topk(min(CANDIDATES, raw.shape[1]))
    finals = values
    if any(law.logp is not law.raw for law in laws):
        finals = torch.stack([law.logp for law in laws]).gather(1, indices)
    columns = list(zip(indices.tolist(), values.tolist(), finals.tolist(), strict=True))
    for law, picked, (tokens, before, after) in zip(laws, chosen, columns, strict=True):
        for token in picked:
            if token not in tokens:
                tokens.append(token)
                before.append(float(law.raw[token]))
                after.append(float(law.logp[token]))
    removed = _removed_by(laws, [tokens for tokens, _, _ in columns])
    return [
        Candidates(tokens, before, after, law.causes(tokens, numbers))
        for law, numbers, (tokens, before, after) in zip(laws, removed, columns, strict=True)
    ]


def _removed_by(laws: Sequence[Law], tokens: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each law the number of the filter that removed each of its tokens, -1 where none did.

    The laws of one question look it up together.
    """
    found = [[-1] * len(row) for row in tokens]
    asked: dict[int, list[int]] = {}
    for i, law in enumerate(laws):
        if law.names:
            asked.setdefault(id(law.filtered), []).append(i)
    for those in asked.values():
        rows = [laws[i].row for i in those for _ in tokens[i]]
        flat = [token for i in those for token in tokens[i]]
        numbers = iter(laws[those[0]].filtered.removed_by[rows, flat].tolist())
        for i in those:
            found[i] = [next(numbers) for _ in tokens[i]]
    return found
