"""The lean pass of small networks on a CPU: mostly numpy, and weights packed once in 16 bits.

At a few tokens a pass, a small network's time goes to two things. Every step that PyTorch takes
costs some microseconds before it computes anything; numpy's costs a fraction of that. And a matrix
product first copies the whole weights into the order in which it reads them, at every call. Where
all entries are 16-bit numbers, as published weights are, that copy is made once, in half the
memory. Sums and everything else are in float32.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.models.anatomy import Alteration
from explorer.models.hardware import SMALL_BYTES
from explorer.models.lean import LeanLlama
from explorer.models.rows import RowCache, RowLayer, Visibility

Array = np.ndarray[Any, np.dtype[np.float32]]
PACKS = "fbgemm" in torch.backends.quantized.supported_engines and hasattr(
    torch, "fbgemm_linear_fp16_weight_fp32_activation"
)


class SmallLlama(LeanLlama):
    """The pass of a small `LlamaForCausalLM` in float32 on a CPU."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        model = net.model
        self._qkv_of = [product(*fused) for fused in self._qkv]
        self._out_of = [_product_of(block.self_attn.o_proj) for block in model.layers]
        self._gate_up_of = [product(*fused) for fused in self._gate_up]
        self._down_of = [_product_of(block.mlp.down_proj) for block in model.layers]
        self._logits_of = _product_of(net.lm_head)
        self._norms = [
            (_array(block.input_layernorm.weight), _array(block.post_attention_layernorm.weight))
            for block in model.layers
        ]
        self._last_norm = _array(model.norm.weight)
        # Each token's entries side by side, which the columns of a tied head are not.
        self._embedding = np.ascontiguousarray(_array(model.embed_tokens.weight))
        self._scale: float = model.layers[0].self_attn.scaling
        self._epsilon: float = net.config.rms_norm_eps
        # Turning a half of a head needs the other one: (context, 1, halves, width / 2).
        halves = (-1, 1, 2, self._width // 2)
        self._turns = _array(self._cos).reshape(halves), _array(self._sin).reshape(halves)

    @staticmethod
    def fits(net: nn.Module) -> bool:
        """Whether this pass computes what the network's own does, and is the faster one."""
        return (
            LeanLlama.fits(net)
            and net.device.type == "cpu"
            and net.dtype == torch.float32
            and sum(weight.nbytes for weight in net.parameters()) < SMALL_BYTES
        )

    def __call__(
        self,
        tokens: Sequence[int],
        rows: range,
        sees: Visibility,
        cache: RowCache,
        asked: Sequence[int],
        how: Alteration,
    ) -> tuple[Tensor, Tensor]:
        """See `LeanLlama`."""
        positions = sees.positions_of(rows)
        turns = [table[positions] for table in self._turns]
        unseen = _unseen(sees, rows)
        h = self._embedding[list(tokens)]  # (n, d)
        for i, layer in enumerate(cache.layers[: how.upto]):
            if str(i) in how.skip:
                continue
            before, between = self._norms[i]
            if f"{i}.attention" not in how.skip:
                qkv = self._qkv_of[i](self._normed(h, before))
                h = h + self._out_of[i](self._mixed(qkv.numpy(), layer, turns, unseen)).numpy()
            if f"{i}.mlp" not in how.skip:
                gate, up = self._gate_up_of[i](self._normed(h, between)).chunk(2, -1)
                h = h + self._down_of[i](F.silu(gate).mul_(up)).numpy()
        return self._logits(h[list(asked)]), torch.from_numpy(h)

    def head(self, state: Tensor) -> Tensor:
        """Logits (n, V) from what the last block gave, (n, d)."""
        return self._logits(state.numpy())

    def _logits(self, h: Array) -> Tensor:
        return self._logits_of(self._normed(h, self._last_norm))

    def _normed(self, h: Array, weight: Array) -> Tensor:
        x = h / np.sqrt(np.vecdot(h, h) / h.shape[1] + self._epsilon)[:, None]
        x *= weight
        return torch.from_numpy(x)

    def _mixed(
        self, qkv: Array, layer: RowLayer, turns: Sequence[Array], unseen: Unseen | None
    ) -> Tensor:
        """Attention: what each of n tokens takes from the rows that it sees, (n, heads · width)."""
        n, kv, width = len(qkv), self._kv_heads, self._width
        qkv = qkv.reshape(n, -1, 2, width // 2)
        cos, sin = turns
        qk = qkv[:, :-kv] * cos
        qk += qkv[:, :-kv, ::-1] * sin
        qk = qk.reshape(n, -1, width)
        v = qkv[:, -kv:].reshape(n, kv, width)
        keys, values = layer.write(qk[:, -kv:].swapaxes(0, 1), v.swapaxes(0, 1))
        # (kv, heads a kv · n, width): heads that share keys and values are rows of one product.
        q = (qk[:, :-kv] * self._scale).reshape(n, kv, -1, width).transpose(1, 2, 0, 3)
        groups = q.shape[1]
        if n == 1:  # a product with one vector reads the keys where they lie
            scores = keys[:, None] @ q.swapaxes(2, 3)
        else:
            scores = q.reshape(kv, -1, width) @ keys.swapaxes(1, 2)
        scores = scores.reshape(kv, groups, n, -1)
        if unseen:
            scores[..., unseen.first :] += unseen.penalty
        weights = torch.softmax(torch.from_numpy(scores), -1).numpy()
        if n == 1:
            mixed = weights @ values[:, None]
        else:
            mixed = weights.reshape(kv, groups * n, -1) @ values
        mixed = mixed.reshape(kv, groups, n, width).transpose(2, 0, 1, 3)
        return torch.from_numpy(mixed.reshape(n, -1))


@dataclass(frozen=True, slots=True)
class Unseen:
    """What not every one of n tokens sees: all see the rows before `first`."""

    first: int
    penalty: Array  # on scores of the others, 0 or minus infinity, (n, rows - first)


def _unseen(sees: Visibility, rows: range) -> Unseen | None:
    first = sees.seen_by_all(rows)
    if first == rows.stop:
        return None
    seen = sees.mask(rows)[:, first:]
    return Unseen(first, np.where(seen, np.float32(0), np.float32(-np.inf)))


def product(weight: Tensor, bias: Tensor | None) -> Callable[[Tensor], Tensor]:
    """The linear map x (n, i) -> x · weightᵀ + bias (n, o), of a weight (o, i)."""
    bias = torch.zeros(len(weight)) if bias is None else bias.detach()
    if torch.equal(weight.half().float(), weight) and PACKS:
        with warnings.catch_warnings():
            # PyTorch calls these two deprecated; what it names instead takes four times as long.
            warnings.simplefilter("ignore")
            packed = torch.fbgemm_pack_gemm_matrix_fp16(weight)
            multiply = torch.fbgemm_linear_fp16_weight_fp32_activation
            multiply(torch.zeros(1, weight.shape[1]), packed, bias)  # it warns at the first call
        return lambda x: multiply(x, packed, bias)
    columns, added = weight.t().numpy(), bias.numpy()
    return lambda x: torch.from_numpy(x.numpy() @ columns + added)


def _product_of(linear: nn.Module) -> Callable[[Tensor], Tensor]:
    return product(linear.weight.detach(), linear.bias)


def _array(x: Tensor) -> Array:
    return x.detach().numpy()
