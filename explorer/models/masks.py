"""Attention masks of a tree for every kind of layer.

A mask given as one tensor is used for every layer type, silently wrongly where windows and full
layers alternate; so the mask is made for each type the configuration names.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

FULL, SLIDING, CHUNKED = "full_attention", "sliding_attention", "chunked_attention"


class MaskMaker:
    """Turns "which row sees which" into what a network's layers expect.

    `one_for_all` gives the network a single tensor in place of one a layer type.
    """

    def __init__(self, config: Any, *, one_for_all: bool, dtype: torch.dtype) -> None:
        self._window = getattr(config, "sliding_window", None)
        if getattr(config, "use_sliding_window", True) is False:
            self._window = None
        self._chunk = getattr(config, "attention_chunk_size", None)
        types = getattr(config, "layer_types", None)
        self._types = sorted(set(types)) if types and not one_for_all else None
        # SDPA takes booleans, free of any dtype's extremes; eager attention adds the mask.
        self._additive = config._attn_implementation == "eager"
        self._dtype = dtype

    def make(self, sees: np.ndarray, query: np.ndarray, key: np.ndarray, device: Any) -> Any:
        """Masks from `sees` `(n, rows)` and the positions of queries `(n,)` and keys `(rows,)`."""
        if self._types is None:
            kind = SLIDING if self._window else FULL
            return self._tensor(self._limit(kind, sees, query, key), device)
        return {
            kind: self._tensor(self._limit(kind, sees, query, key), device) for kind in self._types
        }

    def _limit(self, kind: str, sees: np.ndarray, query: np.ndarray, key: np.ndarray) -> np.ndarray:
        if kind == SLIDING and self._window:
            return sees & (key[None, :] > query[:, None] - self._window)
        if kind == CHUNKED and self._chunk:
            return sees & (key[None, :] // self._chunk == query[:, None] // self._chunk)
        return sees

    def _tensor(self, sees: np.ndarray, device: Any) -> Tensor:
        mask = torch.from_numpy(sees)[None, None].to(device)
        if not self._additive:
            return mask
        least = torch.finfo(self._dtype).min
        return torch.zeros(mask.shape, dtype=self._dtype, device=device).masked_fill(~mask, least)
