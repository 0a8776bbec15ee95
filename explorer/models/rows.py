"""Cache rows: where the keys and values of each computed position stand.

One row a (reading, position). Row numbers are kept here, centrally; each layer writes to the rows
of the current pass, so a skipped layer simply does not write and compaction is one selection.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

FIRST_CAPACITY = 128


class RowLayer(DynamicLayer):
    """One layer's keys and values `(1, heads, capacity, d)`, written at the current pass's rows."""

    def __init__(self, rows: RowCache) -> None:
        super().__init__()
        self._rows = rows

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        # Zeros, not empty memory: a NaN in a masked row would leak through 0 * NaN.
        self.keys = _grown(key_states[:, :, :0], self._rows.capacity)
        self.values = _grown(value_states[:, :, :0], self._rows.capacity)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self._make_room()
        rows = self._rows
        self.keys[:, :, rows.begin : rows.end] = key_states
        self.values[:, :, rows.begin : rows.end] = value_states
        return self.keys[:, :, : rows.end], self.values[:, :, : rows.end]

    def write(self, keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`update` in numpy, on a CPU: `(heads, n, d)` in, `(heads, rows, d)` out."""
        if not self.is_initialized:
            first = torch.from_numpy(keys)[None]
            self.lazy_initialization(first, first)
        self._make_room()
        rows = self._rows
        all_keys, all_values = self.keys.numpy()[0], self.values.numpy()[0]
        all_keys[:, rows.begin : rows.end] = keys
        all_values[:, rows.begin : rows.end] = values
        return all_keys[:, : rows.end], all_values[:, : rows.end]

    def get_seq_length(self) -> int:
        return self._rows.begin

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._rows.end, 0

    def select(self, kept: Tensor) -> None:
        if self.is_initialized:
            self._make_room()  # a layer that the last passes skipped has fallen behind
            count = len(kept)
            # Rows behind the living ones must stay finite; what stood there before is.
            self.keys[:, :, :count] = self.keys.index_select(2, kept)
            self.values[:, :, :count] = self.values.index_select(2, kept)

    def _make_room(self) -> None:
        if self.keys.shape[2] < self._rows.end:
            self.keys = _grown(self.keys, self._rows.capacity)
            self.values = _grown(self.values, self._rows.capacity)


class RowCache(Cache):
    """What a network sees of the rows: a cache whose current pass writes `begin` to `end`."""

    def __init__(self, layers: int) -> None:
        self.begin = 0
        self.end = 0
        self.capacity = FIRST_CAPACITY
        super().__init__(layers=[RowLayer(self) for _ in range(layers)])

    def claim(self, count: int) -> range:
        """The next `count` rows, for the pass about to run."""
        self.begin, self.end = self.end, self.end + count
        while self.capacity < self.end:
            self.capacity *= 2
        return range(self.begin, self.end)

    def select(self, kept: Sequence[int]) -> None:
        """Keep these rows alone, in this order."""
        index = torch.as_tensor(kept, dtype=torch.long)
        for layer in self.layers:
            layer.select(index.to(layer.device) if layer.is_initialized else index)
        self.begin = self.end = len(kept)

    def copy_from(self, other: RowCache, rows: Sequence[int]) -> None:
        """Fill the rows claimed last with as many rows of another cache."""
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            if theirs.is_initialized:
                taken = torch.as_tensor(rows, device=theirs.keys.device)
                keys, values = theirs.keys, theirs.values
                mine.update(keys.index_select(2, taken), values.index_select(2, taken))


class Visibility:
    """Which rows each row sees, as one integer of bits a row, and each row's position.

    A row sees what its parent's row sees, and itself. Integers keep a search of many thousand
    nodes at a few hundred bytes a node, where a square of booleans would take megabytes.
    """

    def __init__(self) -> None:
        self._bits: list[int] = []
        self._parents: list[int] = []
        self._positions: list[int] = []

    def __len__(self) -> int:
        return len(self._bits)

    def add(self, parent_row: int, position: int) -> int:
        """A new row below `parent_row` (-1: nothing before it); returns its number."""
        row = len(self._bits)
        before = self._bits[parent_row] if parent_row >= 0 else 0
        self._bits.append(before | 1 << row)
        self._parents.append(parent_row)
        self._positions.append(position)
        return row

    def parent(self, row: int) -> int:
        """The row below which `row` was added, -1 for none."""
        return self._parents[row]

    def mask(self, rows: range) -> np.ndarray:
        """Booleans `(len(rows), len(self))`: which row sees which."""
        width = -(-len(self) // 8)
        packed = b"".join(self._bits[row].to_bytes(width, "little") for row in rows)
        bits = np.frombuffer(packed, np.uint8).reshape(len(rows), width)
        return np.unpackbits(bits, axis=1, count=len(self), bitorder="little").astype(bool)

    def seen_by_all(self, rows: range) -> int:
        """How many rows, from the first, each of these sees: where it is all, no mask is needed."""
        common = reduce(and_, (self._bits[row] for row in rows))
        return (~common & (common + 1)).bit_length() - 1

    def positions_of(self, rows: range) -> list[int]:
        """The positions of these rows alone."""
        return self._positions[rows.start : rows.stop]

    def positions(self) -> np.ndarray:
        """Each row's position in its text, the prompt's first token being 0."""
        return np.asarray(self._positions)

    def select(self, kept: Sequence[int]) -> None:
        """Keep these rows alone. Every kept row's parent must be kept, and stand before it."""
        renumbered = {old: new for new, old in enumerate(kept)}
        parents = [renumbered.get(self._parents[old], -1) for old in kept]
        positions = [self._positions[old] for old in kept]
        self._bits, self._parents, self._positions = [], [], []
        for parent, position in zip(parents, positions, strict=True):
            self.add(parent, position)


def _grown(buffer: Tensor, capacity: int) -> Tensor:
    batch, heads, used, width = buffer.shape
    grown = buffer.new_zeros(batch, heads, max(capacity, used), width)
    grown[:, :, :used] = buffer
    return grown
