"""Repairs for networks that take positions from somewhere else than `position_ids`.

Such a network would read a tree wrongly and say nothing. Each repair replaces, for the time of one
pass, the one function or buffer in which the network derives its positions by one that is told
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from inspect import ismethod
from typing import Any

import torch
from torch import Tensor, nn

# (network, positions of the queries, positions of the keys) -> the repaired network, for a while
Repair = Callable[[nn.Module, Tensor, Tensor], AbstractContextManager[None]]


def repair_of(net: nn.Module) -> Repair | None:
    """The repair that this network needs, None where it follows `position_ids`."""
    if net.config.model_type == "falcon" and not net.config.alibi:
        return None
    return REPAIRS.get(net.config.model_type)


@contextmanager
def _replaced(owner: Any, name: str, by: Any) -> Iterator[None]:
    """A method, a module's function or a buffer, replaced for a while."""
    before = getattr(owner, name)
    setattr(owner, name, by)
    try:
        yield
    finally:
        if ismethod(before):
            delattr(owner, name)  # the class's own shows again
        else:
            setattr(owner, name, before)


# ALiBi adds a bias that grows with the key's position; softmax is blind to a shift that is the same
# for all keys. The networks' own builders count rows of the cache: each is asked for a plain text
# as long as the deepest position, and every row takes the bias of its position.


def _bloom(net: nn.Module, query: Tensor, key: Tensor) -> AbstractContextManager[None]:
    return _alibi_of_mask(net.base_model, key)


def _falcon(net: nn.Module, query: Tensor, key: Tensor) -> AbstractContextManager[None]:
    from transformers.models.falcon import modeling_falcon

    return _alibi_of_mask(modeling_falcon, key)


def _alibi_of_mask(owner: Any, key: Tensor) -> AbstractContextManager[None]:
    build = owner.build_alibi_tensor

    def alibi(attention_mask: Tensor, num_heads: int, dtype: torch.dtype) -> Tensor:
        text = key.new_ones(1, int(key.max()) + 1)
        return build(text, num_heads, dtype)[..., key]

    return _replaced(owner, "build_alibi_tensor", alibi)


def _mpt(net: nn.Module, query: Tensor, key: Tensor) -> AbstractContextManager[None]:
    build = net.base_model.build_mpt_alibi_tensor

    def alibi(num_heads: int, sequence_length: int, **rest: Any) -> Tensor:
        return build(num_heads, int(key.max()) + 1, **rest)[..., key]

    return _replaced(net.base_model, "build_mpt_alibi_tensor", alibi)


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


@contextmanager
def _bart(net: nn.Module, query: Tensor, key: Tensor) -> Iterator[None]:
    """Learned or sinusoidal embeddings of the positions in place of those of the rows."""

    def told(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        return args, kwargs | {"position_ids": query}

    embedding = net.get_decoder().embed_positions
    handle = embedding.register_forward_pre_hook(told, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _gpt_neo(net: nn.Module, query: Tensor, key: Tensor) -> Iterator[None]:
    """The causal buffer holds the window of local layers alone; what is causal the mask says."""
    near = (key > key[:, None] - net.config.window_size)[None, None]
    with ExitStack() as stack:
        for block in net.base_model.h:
            attention = block.attn.attention
            local = attention.attention_type == "local"
            visible = near if local else torch.ones_like(near)
            stack.enter_context(_replaced(attention, "bias", visible))
        yield


REPAIRS: dict[str, Repair] = {
    "bart": _bart,
    "blenderbot": _bart,
    "blenderbot-small": _bart,
    "bloom": _bloom,
    "falcon": _falcon,
    "gpt_neo": _gpt_neo,
    "marian": _bart,
    "mbart": _bart,
    "mpt": _mpt,
    "mt5": _t5,
    "pegasus": _bart,
    "plbart": _bart,
    "t5": _t5,
}
