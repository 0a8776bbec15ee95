"""A lean pass through networks of the Llama architecture: the same numbers, less Python.

At one token a pass about half the time of a small network goes to the layers' own bookkeeping.
Here q, k and v are one product, gate and up another, and positions are looked up in a table. On a
CPU the weights lie in memory column by column: a pass over a few tokens takes about two thirds of
the time then, and most passes are over a few tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.models.anatomy import Alteration
from explorer.models.rows import RowCache, Visibility

# Their tables do not depend on how long the text is.
STATIC_ROPE = ("default", "linear", "llama3")


class LeanLlama:
    """The pass of a `LlamaForCausalLM`, over rows without a batch dimension.

    The fused weights take the place of the separate ones, which become views of them: no memory
    is spent twice.
    """

    def __init__(self, net: nn.Module) -> None:
        config, model = net.config, net.model
        self._net = net
        self._kv_heads: int = config.num_key_value_heads
        self._width: int = model.layers[0].self_attn.head_dim
        if net.device.type == "cpu" and net.dtype == torch.float32:
            _lay_by_columns(net)
        self._qkv = [_fused(_of(b.self_attn, "q_proj", "k_proj", "v_proj")) for b in model.layers]
        self._gate_up = [_fused(_of(b.mlp, "gate_proj", "up_proj")) for b in model.layers]
        with torch.no_grad():
            positions = torch.arange(config.max_position_embeddings, device=net.device)[None]
            probe = model.embed_tokens.weight[:1, None]
            cos, sin = model.rotary_emb(probe, positions)
        # (context, 1, head width); the sign of a turn stands in the sine.
        self._cos, self._sin = cos[0, :, None], sin[0, :, None].clone()
        self._sin[..., : self._width // 2].neg_()
        self._root: float = config.hidden_size**0.5
        self._least = torch.tensor(self._root * config.rms_norm_eps**0.5, device=net.device)

    @staticmethod
    def fits(net: nn.Module) -> bool:
        """Whether this pass computes what the network's own does."""
        config = net.config
        rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
        return (
            type(net).__name__ == "LlamaForCausalLM"
            and rope in STATIC_ROPE
            and config.hidden_act == "silu"
            and config._attn_implementation == "sdpa"
            and not getattr(net, "hf_quantizer", None)
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
        """One pass over `tokens`, which take the cache rows `rows`, already claimed.

        Returns logits (len(asked), V), of those at the indices `asked`, and what the last block
        gives, (n, d).
        """
        model, device = self._net.model, self._net.device
        positions = torch.tensor(sees.positions_of(rows), device=device)
        cos, sin = self._cos[positions], self._sin[positions]
        n, kv, width = len(rows), self._kv_heads, self._width
        mask = None
        if sees.seen_by_all(rows) < rows.stop:  # as numbers (1, 1, n, rows), once for all layers
            seen = torch.from_numpy(sees.mask(rows))[None, None].to(device)
            mask = torch.zeros(seen.shape, dtype=cos.dtype, device=device)
            mask.masked_fill_(~seen, -torch.inf)
        h = model.embed_tokens(torch.tensor(list(tokens), device=device))  # (n, d)
        for i, block in enumerate(model.layers):
            if str(i) in how.skip or (how.upto is not None and i >= how.upto):
                continue
            if f"{i}.attention" not in how.skip:
                attention = block.self_attn
                x = self._norm(h, block.input_layernorm)
                qkv = F.linear(x, *self._qkv[i]).view(n, -1, width)
                qk, v = qkv[:, :-kv], qkv[:, -kv:]
                turned = torch.cat((qk[..., width // 2 :], qk[..., : width // 2]), -1)
                # (1, heads + kv, n, width)
                qk = torch.addcmul(qk * cos, turned, sin).transpose(0, 1)[None]
                q, k = qk[:, :-kv], qk[:, -kv:]
                keys, values = cache.layers[i].update(k, v.transpose(0, 1)[None])
                mixed = F.scaled_dot_product_attention(
                    q, keys, values, attn_mask=mask, scale=attention.scaling, enable_gqa=True
                )
                h = h + attention.o_proj(mixed[0].transpose(0, 1).reshape(n, -1))
            if f"{i}.mlp" not in how.skip:
                x = self._norm(h, block.post_attention_layernorm)
                gate, up = F.linear(x, *self._gate_up[i]).chunk(2, -1)
                h = h + block.mlp.down_proj(F.silu(gate) * up)
        return self.head(h[torch.tensor(list(asked), device=device)]), h

    def head(self, state: Tensor) -> Tensor:
        """Logits (n, V) from what the last block gave, (n, d)."""
        return self._net.lm_head(self._norm(state, self._net.model.norm))

    def _norm(self, h: Tensor, norm: nn.Module) -> Tensor:
        # h / √(|h|²/d + ε) by its length: half the steps of a mean of squares.
        x = h.float()
        length = torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), self._least)
        return (x * (self._root / length)).to(h.dtype) * norm.weight


def _of(module: nn.Module, *names: str) -> list[nn.Module]:
    return [getattr(module, name) for name in names]


def _lay_by_columns(net: nn.Module) -> None:
    """The same weights, each column's entries side by side in memory."""
    for module in net.modules():
        if isinstance(module, nn.Linear) and module.weight.is_contiguous():  # tied ones once
            module.weight.data = module.weight.data.t().contiguous().t()


def _fused(parts: list[nn.Module]) -> tuple[Tensor, Tensor | None]:
    """One weight (and bias) for several linear layers, which become views of it."""
    weights = [part.weight.detach() for part in parts]
    by_rows = weights[0].is_contiguous()
    weight = torch.cat(weights) if by_rows else torch.cat([w.t() for w in weights], 1).t()
    bias = torch.cat([p.bias.detach() for p in parts]) if parts[0].bias is not None else None
    begin = 0
    for part in parts:
        end = begin + part.weight.shape[0]
        part.weight = nn.Parameter(weight[begin:end], requires_grad=False)
        if bias is not None:
            part.bias = nn.Parameter(bias[begin:end], requires_grad=False)
        begin = end
    return weight, bias
