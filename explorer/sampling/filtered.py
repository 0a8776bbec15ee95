"""The law of the next token before and after a chain of filters, and who removed what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan

import torch
from torch import Tensor

from explorer.sampling.base import REMOVED, Filter, Seen


@dataclass(slots=True)
class Filtered:
    """n next-token laws, before and after a chain.

    raw   (n, V) log-probabilities in nats before any filter, normalised
    logp  (n, V) log-probabilities in nats after the chain, renormalised, −∞ where removed;
          the same tensor as raw when nothing was done
    offset (n,) what was taken off the logits to have raw; no law depends on it, but the
          repetition penalty does
    Raw and logp have the precision of the logits (float32 for half-precision logits).
    """

    raw: Tensor
    logp: Tensor
    offset: Tensor
    # For each filter its scores (n, V) before and after, None for one that removed nothing.
    stages: tuple[tuple[Tensor, Tensor] | None, ...] = field(repr=False)

    @property
    def probs(self) -> Tensor:
        """(n, V) float64 probabilities after the chain; rows sum to 1, exactly 0 where removed."""
        return torch.softmax(self.logp, -1, dtype=torch.float64)

    @property
    def removed_by(self) -> Tensor:
        """(n, V) int8: index in the chain of the filter that removed the token.

        −1 = no filter did: the token was kept, or was impossible in raw already.
        """
        found = torch.full_like(self.raw, -1, dtype=torch.int8)
        # Backwards: of all filters after which a token is gone, the first has the last word.
        for i, pair in reversed(list(enumerate(self.stages))):
            if pair:
                found.masked_fill_(pair[1] == REMOVED, i)
        return found.masked_fill_(self.raw == REMOVED, -1)

    @property
    def removed_mass(self) -> Tensor:
        """(n, len(chain)) float64: mass each filter took away, under the law it was given."""
        rows = [(self, i) for i in range(len(self.raw))]
        return torch.tensor(removed_masses(rows), dtype=torch.float64).reshape(len(rows), -1)

    def row(self, i: int) -> Filtered:
        """The i-th law alone (n = 1)."""
        stages = tuple(pair and (pair[0][i][None], pair[1][i][None]) for pair in self.stages)
        return Filtered(self.raw[i][None], self.logp[i][None], self.offset[i][None], stages)


# The same for rows of several tables at once, which costs less than row by row.
Rows = Sequence[tuple[Filtered, int]]


def removers(those: Rows, which: Tensor, tokens: Tensor) -> list[int]:
    """`Filtered.removed_by` of single tokens, each in that row of `those` which `which` names."""
    found = torch.full_like(tokens, -1)
    for i in reversed(range(_longest(those))):
        pairs = [_stage(table, i) for table, _ in those]
        if any(pairs):
            after = [pair[1] if pair else table.raw
                     for pair, (table, _) in zip(pairs, those, strict=True)]  # fmt: skip
            scores = torch.stack([x[row] for x, (_, row) in zip(after, those, strict=True)])
            found[scores[which, tokens].cpu() == REMOVED] = i
    if (found >= 0).any():
        raw = torch.stack([table.raw[row] for table, row in those])
        found[raw[which, tokens].cpu() == REMOVED] = -1
    return list(found.tolist())


def removed_masses(those: Rows) -> list[list[float]]:
    """`Filtered.removed_mass` of each row."""
    found = [[0.0] * len(table.stages) for table, _ in those]
    for i in range(_longest(those)):
        pairs = {j: (pair[0][row], pair[1][row])
                 for j, (table, row) in enumerate(those) if (pair := _stage(table, i))}  # fmt: skip
        if pairs:
            before, after = (torch.stack(side) for side in zip(*pairs.values(), strict=True))
            taken = (before.softmax(-1) * (after == REMOVED)).sum(-1, dtype=torch.float64)
            for j, mass in zip(pairs, taken.tolist(), strict=True):
                found[j][i] = mass
    return found


def _longest(those: Rows) -> int:
    """Filters of the longest chain."""
    return max(len(table.stages) for table, _ in those)


def _stage(table: Filtered, i: int) -> tuple[Tensor, Tensor] | None:
    """Scores before and after the i-th filter; None where it is not there, or removed nothing."""
    return table.stages[i] if i < len(table.stages) else None


def apply(chain: Sequence[Filter], logits: Tensor, seen: Sequence[Seen] = ()) -> Filtered:
    """Send logits (n, V) through a chain.

    `seen` has one entry per row; it may be left out when no filter of the chain reads it
    (`reads_seen`). Logits may already have −∞ entries, but each row needs a finite one.
    """
    if logits.dim() != 2 or logits.numel() == 0:
        shape = tuple(logits.shape)
        raise ValueError(f"Logits must be a table of rows × vocabulary, but have shape {shape}.")
    if logits.element_size() < 4:
        logits = logits.float()
    raw = torch.log_softmax(logits, -1)
    best = raw.amax(-1)
    if isnan(best.sum().item()):
        bad = raw.isnan().any(-1).nonzero()[0].item()
        raise ValueError(
            f"Row {bad} of the logits is no law: it has a NaN or +∞, or every token is at −∞."
        )

    scores = logits
    stages: list[tuple[Tensor, Tensor] | None] = []
    for rule in chain:
        if rule.reads_seen and len(seen) != len(logits):
            raise ValueError(
                f"{rule.name} needs what each of the {len(logits)} rows has seen, "
                f"but `seen` has {len(seen)} entries."
            )
        after = rule(scores, seen)
        # What is kept for the ledgers is raw and not the caller's logits: same law, same
        # impossible tokens, and nobody else can overwrite it.
        before = raw if scores is logits else scores
        stages.append((before, after) if rule.removes and after is not scores else None)
        scores = after
    logp = raw if scores is logits else torch.log_softmax(scores, -1)
    return Filtered(raw, logp, logits.amax(-1) - best, tuple(stages))
