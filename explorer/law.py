"""A law: the distribution of the next token at one node, before and after what changed it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from explorer.sampling import Filtered, removed_masses, removers

T = TypeVar("T")
CANDIDATES = 10  # how many of the most probable tokens a recorded choice lists


@dataclass(frozen=True)
class Mask:
    """What something other than a filter made of a law.

    It was given log-probabilities `given` (V,), and left the tokens at which `left` (V,) is
    positive. What that means is worked out on demand: where nothing is recorded nobody asks.
    """

    cause: str
    given: Tensor
    left: Tensor

    @cached_property
    def gone(self) -> Tensor:
        """Which tokens `(V,)` it forbade."""
        return (self.left <= 0) & (self.given > -torch.inf)

    @property
    def mass(self) -> float:
        """How much of the law it took."""
        return float((self.given.softmax(-1, dtype=torch.float64) * self.gone).sum())


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
    known: Tensor | None = None  # the probabilities, where the law was made from them

    @cached_property
    def probs(self) -> Tensor:
        """Probabilities `(V,)` in float64; they sum to one."""
        if self.known is not None:
            return self.known
        return torch.softmax(self.logp, -1, dtype=torch.float64)

    @property
    def best(self) -> int:
        """The most probable token; the lowest id on ties."""
        return int(self.logp.argmax())

    def changed(self, probs: Tensor, cause: str) -> Law:
        """The same place under another law `(V,)`; what it forbids, `cause` removed."""
        masks = (*self.masks, Mask(cause, self.logp, probs))
        return replace(self, logp=probs.log(), masks=masks, known=probs)

    @property
    def entered(self) -> Tensor | None:
        """Log-probabilities `(V,)` as the filters were given them.

        None where a method changed behind the filters what is drawn from: then they are not all
        that lies between the two.
        """
        given = self.filtered.logp[self.row].data_ptr() == self.logp.data_ptr()
        return self.filtered.raw[self.row] if given else None

    def removed_mass(self, by_filters: Sequence[float]) -> dict[str, float]:
        """What each filter and mask took from the law it was given."""
        taken = {mask.cause: mask.mass for mask in self.masks}
        for name, mass in zip(self.names, by_filters, strict=True):
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
    removed_mass: dict[str, float]


def alike(those: Iterable[T], tensor: Callable[[T], Tensor]) -> Iterable[list[T]]:
    """Those whose tensors have one vocabulary, type and device, together."""
    groups: dict[object, list[T]] = {}
    for one in those:
        x = tensor(one)
        groups.setdefault((x.shape[-1], x.dtype, x.device), []).append(one)
    return groups.values()


def candidates_of(laws: Sequence[Law], chosen: Sequence[Sequence[int]]) -> list[Candidates]:
    """For each law the most probable tokens before anything was forbidden, and the chosen ones.

    One pass over all laws, which are `alike`.
    """
    raw = torch.stack([law.raw for law in laws])  # (n, V)
    best = raw.topk(min(CANDIDATES, raw.shape[1])).indices.tolist()
    tokens = [list(dict.fromkeys([*b, *c])) for b, c in zip(best, chosen, strict=True)]
    places = (
        torch.tensor([i for i, row in enumerate(tokens) for _ in row]),
        torch.tensor([token for row in tokens for token in row]),
    )
    before = after = raw[places].tolist()
    if any(law.logp is not law.raw for law in laws):
        after = torch.stack([law.logp for law in laws])[places].tolist()
    entries = [(law.filtered, law.row) for law in laws]
    removed, masses = removers(entries, *places), removed_masses(entries)
    found, begin = [], 0
    for law, row, mass in zip(laws, tokens, masses, strict=True):
        its = slice(begin, begin := begin + len(row))
        causes, taken = law.causes(row, removed[its]), law.removed_mass(mass)
        found.append(Candidates(row, before[its], after[its], causes, taken))
    return found
