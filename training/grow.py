"""Start a large model from a trained small one, as the same function: the training is kept.

A deeper one: new layers are copies of the ones before them with the outputs of attention and
feed-forward set to zero, so each adds nothing until it has learnt something (block expansion, Wu et
al., "LLaMA Pro", 2024). A wider one: the residual stream gets entries that nothing writes to yet,
and attention and feed-forward get heads and units whose outputs are zero (Chen et al., "Net2Net",
2016, has the idea).
"""

import torch
from torch import nn
from transformers import LlamaForCausalLM

from training.errors import TrainingError

SIZES = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads",
         "num_hidden_layers")  # fmt: skip
# What writes into the residual stream: all that is new of it begins as zero.
WRITERS = ("embed_tokens", "o_proj", "down_proj")


def source_layers(shallow: int, deep: int) -> list[tuple[int, bool]]:
    """For each deep layer: which shallow layer it copies, and whether it is a new one.

    New layers are spread evenly behind old ones: 2 → 5 gives 0, 0new, 0new, 1, 1new.
    """
    counts = [deep // shallow + (i < deep % shallow) for i in range(shallow)]
    return [(i, copy > 0) for i, count in enumerate(counts) for copy in range(count)]


def _check(old, new) -> None:
    """Refuse shapes that the same function does not fit into; both are configurations."""
    for name in SIZES:
        if getattr(new, name) < getattr(old, name):
            raise TrainingError(
                f"A model of {name} {getattr(old, name)} cannot start one of {name} "
                f"{getattr(new, name)}: sizes can be added to, not taken from."
            )
    kept = {
        "vocab_size": lambda config: config.vocab_size,
        "width of a head": lambda config: config.head_dim,
        "number of heads that share keys": lambda config: (
            config.num_attention_heads // config.num_key_value_heads
        ),
    }
    for name, of in kept.items():
        if of(old) != of(new):
            raise TrainingError(
                f"A model whose {name} is {of(old)} cannot start one whose {name} is {of(new)}."
            )


def _put(small: nn.Module, large: nn.Module, scale: float) -> None:
    """Copy the weights of a part into the first rows and columns of the large one.

    `scale` is what norms are multiplied by: the mean square that they divide by is taken over more
    entries, of which the new ones are zero.
    """
    for (name, old), new in zip(small.named_parameters(), large.parameters(), strict=True):
        if old.ndim == 1:
            new.fill_(float(old.mean()) * scale)
            new[: len(old)] = old * scale
            continue
        if any(writer in name for writer in WRITERS):
            new.zero_()
        # What reads the new entries keeps its first weights: it has to be able to learn.
        new[: old.shape[0], : old.shape[1]] = old


@torch.no_grad()
def grow(small: LlamaForCausalLM, large: LlamaForCausalLM) -> LlamaForCausalLM:
    """Give `large` the function of `small`; it may have more layers, or be wider.

    Raises TrainingError if it is smaller in anything, or has another vocabulary or other heads.
    """
    old, new = small.config, large.config
    _check(old, new)
    scale = (old.hidden_size / new.hidden_size) ** 0.5
    origins = source_layers(old.num_hidden_layers, new.num_hidden_layers)
    for layer, (origin, is_new) in zip(large.model.layers, origins, strict=True):
        _put(small.model.layers[origin], layer, scale)
        if is_new:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    for part in ("embed_tokens", "norm"):
        _put(nn.ModuleDict({part: getattr(small.model, part)}),
             nn.ModuleDict({part: getattr(large.model, part)}), scale)  # fmt: skip
    return large
