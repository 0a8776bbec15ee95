"""Masks by layer type: windows and chunks are measured in positions, not in rows."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from explorer.models.masks import MaskMaker

# Two texts that share positions 0 and 1: rows 2 3 are one, rows 4 5 the other.
POSITIONS = np.array([0, 1, 2, 3, 2, 3])
SEES = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 1, 1]], dtype=bool)
QUERY = np.array([3, 3])


def made(one_for_all=False, attention="sdpa", dtype=torch.float32, **config):
    maker = MaskMaker(
        SimpleNamespace(_attn_implementation=attention, **config),
        one_for_all=one_for_all,
        dtype=dtype,
    )
    return maker.make(SEES, QUERY, POSITIONS, "cpu")


def test_without_a_window_the_mask_is_who_sees_whom():
    assert (made()[0, 0].numpy() == SEES).all()
    assert made().dtype == torch.bool


def test_each_layer_type_has_its_own_limit():
    masks = made(
        layer_types=["sliding_attention", "full_attention", "chunked_attention"],
        sliding_window=3,
        attention_chunk_size=2,
    )
    assert (masks["full_attention"][0, 0].numpy() == SEES).all()
    expected = [[0, 1, 1, 1, 0, 0], [0, 1, 0, 0, 1, 1]]
    assert masks["sliding_attention"][0, 0].int().tolist() == expected
    expected = [[0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]]
    assert masks["chunked_attention"][0, 0].int().tolist() == expected


def test_a_window_without_layer_types_holds_for_all_layers():
    assert made(sliding_window=2)[0, 0].int().tolist() == [[0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]]


def test_a_window_that_is_switched_off_is_none():
    assert (made(sliding_window=2, use_sliding_window=False)[0, 0].numpy() == SEES).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_additive_masks_stay_finite(dtype):
    """Minus infinity in a whole row would be a NaN."""
    mask = made(attention="eager", dtype=dtype)
    assert mask.dtype == dtype
    assert torch.isfinite(mask).all()
    assert ((mask[0, 0] == 0).numpy() == SEES).all()
    assert (mask[0, 0][~torch.from_numpy(SEES)] < -60_000).all()
