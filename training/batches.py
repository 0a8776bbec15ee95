"""Training windows as a pure function of (seed, stage, step): a resumed run is the same run.

Every source of tokens is one long stream, documents separated by the end token. A pass cuts the
stream into windows from a random offset and shuffles them; nothing repeats within a pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from training.errors import TrainingError


@dataclass(frozen=True)
class Source:
    """A stream of token ids and how often it is read: its share is `len(tokens) · repeat`."""

    name: str
    tokens: np.ndarray  # (n,) uint16
    repeat: float


class Batches:
    """Batches of one stage: `batch(step)` is a (B, C + 1) tensor of token ids."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        context: int,
        batch_size: int,
        steps: int,
        seed: Sequence[int],
    ) -> None:
        self.sources = [s for s in sources if len(s.tokens) > 2 * (context + 1)]
        if not self.sources:
            raise TrainingError(
                f"No source is long enough for windows of {context} tokens. "
                "Give more text or a shorter context."
            )
        self.context, self.batch_size, self.seed = context, batch_size, tuple(seed)
        weights = np.array([len(s.tokens) * s.repeat for s in self.sources], dtype=np.float64)
        draw = np.random.default_rng(self.seed)
        self.choice = draw.choice(
            len(self.sources), size=steps * batch_size, p=weights / weights.sum()
        )
        # rank[i]: how many earlier windows came from the same source.
        self.rank = np.empty_like(self.choice)
        for k in range(len(self.sources)):
            mine = self.choice == k
            self.rank[mine] = np.arange(mine.sum())
        self._pass_order = lru_cache(maxsize=2 * len(self.sources))(self._make_pass_order)

    def _make_pass_order(self, k: int, pass_: int) -> np.ndarray:
        """Window starts of source k in the order of its `pass_`-th reading."""
        draw = np.random.default_rng((*self.seed, 1 + k, pass_))
        offset = int(draw.integers(self.context))
        starts = np.arange(offset, len(self.sources[k].tokens) - self.context - 1, self.context)
        return draw.permutation(starts)

    def _window(self, i: int) -> np.ndarray:
        k, rank = int(self.choice[i]), int(self.rank[i])
        pass_ = 0
        # Passes differ by at most one window, because their offsets differ.
        while rank >= len(self._pass_order(k, pass_)):
            rank -= len(self._pass_order(k, pass_))
            pass_ += 1
        start = self._pass_order(k, pass_)[rank]
        return self.sources[k].tokens[start : start + self.context + 1]

    def batch(self, step: int) -> torch.Tensor:
        """Token ids of one step, (B, C + 1) int64; inputs are [:, :-1], labels [:, 1:]."""
        first = step * self.batch_size
        rows = [self._window(i) for i in range(first, first + self.batch_size)]
        return torch.from_numpy(np.stack(rows).astype(np.int64))
