"""A 5-gram model on the same tokens: what counting alone reaches, to compare bits with.

Interpolated Kneser–Ney with one discount per order (Kneser & Ney 1995; Chen & Goodman 1999). With
a vocabulary of at most 4,096, five tokens fit in the bits of one integer, so that the whole model
is a few sorted arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TOKEN_BITS = 12
MAX_ORDER = 5


def codes(ids: np.ndarray, order: int) -> np.ndarray:
    """All n-grams of `ids` as integers, the last token in the lowest bits; (n − order + 1,)."""
    ids = ids.astype(np.int64)
    n = max(0, len(ids) - order + 1)
    out = np.zeros(n, dtype=np.int64)
    for i in range(order):
        out = (out << TOKEN_BITS) | ids[i : i + n]
    return out


@dataclass(frozen=True)
class _Order:
    """Counts of one order: grams with their counts, contexts with their totals and types."""

    grams: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    types: np.ndarray
    discount: float

    @staticmethod
    def of(grams: np.ndarray, counts: np.ndarray) -> "_Order":
        contexts, first, types = np.unique(
            grams >> TOKEN_BITS, return_index=True, return_counts=True
        )
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        return _Order(
            grams,
            counts,
            contexts,
            np.add.reduceat(counts, first),
            types,
            once / (once + 2 * twice) if once else 0.0,
        )


def _find(sorted_keys: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of `keys` in `sorted_keys`, and which of them are really there."""
    at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return at, sorted_keys[at] == keys


class KneserNey:
    """p(token | up to four tokens before it)."""

    def __init__(self, streams: Sequence[np.ndarray], vocab_size: int, order: int = MAX_ORDER):
        if vocab_size > 1 << TOKEN_BITS or not 1 <= order <= MAX_ORDER:
            raise ValueError(
                f"A vocabulary of {vocab_size} at order {order} does not fit: at most "
                f"{1 << TOKEN_BITS} tokens and order 1 to {MAX_ORDER}."
            )
        self.vocab_size, self.order = vocab_size, order
        grams, counts = np.unique(
            np.concatenate([codes(s, order) for s in streams]), return_counts=True
        )
        orders = [_Order.of(grams, counts)]
        for n in range(order - 1, 0, -1):
            # A lower order counts in how many different contexts a gram was seen, not how often.
            grams, counts = np.unique(grams & ((1 << TOKEN_BITS * n) - 1), return_counts=True)
            orders.append(_Order.of(grams, counts))
        self.orders = orders[::-1]  # unigrams first

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """p(ids[i] | the tokens before it) for every i; (n,) float64. The first has no context."""
        p = np.full(len(ids), 1.0 / self.vocab_size)
        for n, order in enumerate(self.orders, start=1):
            keys = codes(ids, n)
            at, seen = _find(order.grams, keys)
            context_at, known = _find(order.contexts, keys >> TOKEN_BITS)
            total = order.totals[context_at]
            count = np.where(seen, order.counts[at], 0)
            own = np.maximum(count - order.discount, 0) / total
            left_over = order.discount * order.types[context_at] / total
            lower = p[n - 1 :]
            p[n - 1 :] = np.where(known, own + left_over * lower, lower)
        return p
