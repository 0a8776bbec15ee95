"""The law of the next token before and after a chain of filters, and who removed what."""

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    # For each filter its scores (n, V) before and after, None for one that removed nothing. The
    # two ledgers are made from them on first demand.
    stages: tuple[tuple[Tensor, Tensor] | None, ...] = field(repr=False)
    _ledgers: tuple[Tensor, Tensor] | None = field(default=None, repr=False)

    @property
    def probs(self) -> Tensor:
        """(n, V) float64 probabilities after the chain; rows sum to 1, exactly 0 where removed."""
        return torch.softmax(self.logp, -1, dtype=torch.float64)

    @property
    def removed_by(self) -> Tensor:
        """(n, V) int8: index in the chain of the filter that removed the token.

        −1 = no filter did: the token was kept, or was impossible in raw already.
        """
        return self._settled()[0]

    @property
    def removed_mass(self) -> Tensor:
        """(n, len(chain)) float64: mass each filter took away, under the law it was given."""
        return self._settled()[1]

    def row(self, i: int) -> "Filtered":
        """The i-th law alone (n = 1)."""
        ledgers = self._ledgers and (self._ledgers[0][i][None], self._ledgers[1][i][None])
        stages = tuple(pair and (pair[0][i][None], pair[1][i][None]) for pair in self.stages)
        return Filtered(
            self.raw[i][None], self.logp[i][None], self.offset[i][None], stages, ledgers
        )

    def _settled(self) -> tuple[Tensor, Tensor]:
        if self._ledgers is None:
            removed_by = torch.full_like(self.raw, -1, dtype=torch.int8)
            mass = self.raw.new_zeros(len(self.raw), len(self.stages), dtype=torch.float64)
            # Backwards: of all filters after which a token is gone, the first has the last word.
            for i, pair in reversed(list(enumerate(self.stages))):
                if pair is None:
                    continue
                before, after = pair
                gone = after == REMOVED
                removed_by.masked_fill_(gone, i)
                mass[:, i] = (before.softmax(-1) * gone).sum(-1, dtype=torch.float64)
            removed_by.masked_fill_(self.raw == REMOVED, -1)
            self._ledgers = (removed_by, mass)
        return self._ledgers


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
    if best.isnan().any():
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
