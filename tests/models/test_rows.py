"""Cache rows and who sees whom, without any network."""

import random

import numpy as np
import pytest
import torch

from explorer.models.rows import FIRST_CAPACITY, RowCache, Visibility


def random_rows(count, seed=0):
    """A visibility of `count` rows, and the parents that were drawn."""
    chance = random.Random(seed)
    sees, parents, positions = Visibility(), [], []
    for row in range(count):
        parent = chance.randrange(-1, row)
        position = positions[parent] + 1 if parent >= 0 else 0
        assert sees.add(parent, position) == row
        parents.append(parent)
        positions.append(position)
    return sees, parents, positions


def seen_from(row, parents):
    seen = set()
    while row >= 0:
        seen.add(row)
        row = parents[row]
    return seen


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 65, 300])
def test_a_row_sees_itself_and_what_its_parent_sees(count):
    sees, parents, positions = random_rows(count)
    mask = sees.mask(range(count))
    assert (mask.shape, mask.dtype) == ((count, count), np.bool_)
    for row in range(count):
        assert set(np.flatnonzero(mask[row])) == seen_from(row, parents)
    assert sees.positions().tolist() == positions
    last = range(count // 2, count)
    assert (sees.mask(last) == mask[count // 2 :]).all()
    for rows in (last, range(count - 1, count)):
        hidden = ~mask[rows.start : rows.stop].all(0)
        assert sees.seen_by_all(rows) == (hidden.argmax() if hidden.any() else count)


def test_selected_rows_see_what_they_saw():
    sees, parents, positions = random_rows(100)
    kept = sorted({row for tip in (40, 77, 99) for row in seen_from(tip, parents)})
    before = sees.mask(range(100))[np.ix_(kept, kept)]
    sees.select(kept)
    assert (sees.mask(range(len(kept))) == before).all()
    assert sees.positions().tolist() == [positions[row] for row in kept]


def numbered(first, count):
    """Keys and values `(1, 2, count, 3)` that carry their row's number."""
    numbers = torch.arange(first, first + count, dtype=torch.float32)[None, None, :, None]
    return numbers.expand(1, 2, count, 3), -numbers.expand(1, 2, count, 3)


def test_buffers_grow_by_doubling_and_keep_what_they_hold():
    cache = RowCache(2)
    for count in (1, FIRST_CAPACITY - 1, 1, 5, 3 * FIRST_CAPACITY, 7):
        rows = cache.claim(count)
        for layer in cache.layers:
            keys, values = layer.update(*numbered(rows.start, count))
            assert keys[0, 0, :, 0].tolist() == list(range(rows.stop))
            assert values[0, 1, :, 2].tolist() == [-row for row in range(rows.stop)]
    assert cache.capacity == 8 * FIRST_CAPACITY
    assert torch.isfinite(cache.layers[0].keys).all()


def test_rows_are_written_alike_from_torch_and_numpy():
    cache = RowCache(2)
    for count in (3, 1, 2 * FIRST_CAPACITY):
        rows = cache.claim(count)
        keys, values = numbered(rows.start, count)
        from_torch = cache.layers[0].update(keys, values)
        from_numpy = cache.layers[1].write(keys[0].numpy(), values[0].numpy())
        for one, other in zip(from_torch, from_numpy, strict=True):
            assert one[0].tolist() == other.tolist()


def test_a_layer_that_was_skipped_catches_up_and_holds_zeros_in_between():
    cache = RowCache(2)
    used, skipped = cache.layers
    for layer in (used, skipped):
        if layer is used:
            rows = cache.claim(4)
        layer.update(*numbered(rows.start, 4))
    rows = cache.claim(2 * FIRST_CAPACITY)
    used.update(*numbered(rows.start, len(rows)))
    cache.select([0, 3, 2 * FIRST_CAPACITY])  # beyond what the skipped layer has ever held
    assert used.keys[0, 0, :3, 0].tolist() == [0, 3, 2 * FIRST_CAPACITY]
    assert skipped.keys[0, 0, :3, 0].tolist() == [0, 3, 0]
    rows = cache.claim(1)
    assert rows == range(3, 4)
    assert skipped.update(*numbered(50, 1))[0][0, 0, :, 0].tolist() == [0, 3, 0, 50]


def test_rows_are_copied_from_where_they_stand():
    one, other = RowCache(1), RowCache(1)
    one.claim(6)
    one.layers[0].update(*numbered(0, 6))
    other.claim(2)
    other.layers[0].update(*numbered(100, 2))
    other.claim(3)
    other.copy_from(one, range(2, 5))
    assert other.layers[0].keys[0, 0, :5, 0].tolist() == [100, 101, 2, 3, 4]
    assert other.layers[0].get_seq_length() == 2
    assert other.layers[0].get_mask_sizes(3) == (5, 0)
