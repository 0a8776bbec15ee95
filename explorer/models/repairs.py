"""Repairs for networks that take positions from somewhere else than `position_ids`.

Such a network would read a tree wrongly and say nothing. Each repair replaces, for the time of one
pass, the one function in which the network derives its positions by one that is told them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# (network, positions of the queries, positions of the keys) -> the repaired network, for a while
Repair = Callable[[nn.Module, Tensor, Tensor], AbstractContextManager[None]]


def repair_of(net: nn.Module) -> Repair | None:
    """The repair that this network needs, None where it follows `position_ids`."""
    return REPAIRS.get(net.config.model_type)


@contextmanager
def _replaced(module: nn.Module, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """An instance's method replaced for a while."""
    setattr(module, name, function)
    try:
        yield
    finally:
        delattr(module, name)


def _bloom(net: nn.Module, query: Tensor, key: Tensor) -> AbstractContextManager[None]:
    """ALiBi biases from the keys' positions; softmax is blind to a shift that is one a query."""
    from transformers.models.bloom import modeling_bloom

    def alibi(attention_mask: Tensor, num_heads: int, dtype: torch.dtype) -> Tensor:
        slopes = modeling_bloom._get_alibi_slopes(num_heads, key.device)
        return (slopes[:, None, None] * key).to(dtype)

    return _replaced(net.base_model, "build_alibi_tensor", alibi)


def _t5(net: nn.Module, query: Tensor, key: Tensor) -> AbstractContextManager[None]:
    """Relative position buckets from the positions of queries and keys."""
    attention = net.get_decoder().block[0].layer[0].SelfAttention

    def bias(query_length: int, key_length: int, device: Any = None, **_: Any) -> Tensor:
        buckets = attention._relative_position_bucket(
            key[None, :] - query[:, None],
            bidirectional=False,
            num_buckets=attention.relative_attention_num_buckets,
            max_distance=attention.relative_attention_max_distance,
        )
        return attention.relative_attention_bias(buckets).permute(2, 0, 1)[None]

    return _replaced(attention, "compute_bias", bias)


REPAIRS: dict[str, Repair] = {"bloom": _bloom, "t5": _t5, "mt5": _t5}
