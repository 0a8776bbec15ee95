"""Start a deep model from a trained shallow one, as the same function.

New layers are copies of the ones before them with the outputs of attention and feed-forward set to
zero, so each adds nothing until it has learnt something: block expansion, Wu et al., "LLaMA Pro"
(2024). The training spent on the shallow model is kept.
"""

import torch
from transformers import LlamaForCausalLM

from training.errors import TrainingError


def source_layers(shallow: int, deep: int) -> list[tuple[int, bool]]:
    """For each deep layer: which shallow layer it copies, and whether it is a new one.

    New layers are spread evenly behind old ones: 2 → 5 gives 0, 0new, 0new, 1, 1new.
    """
    counts = [deep // shallow + (i < deep % shallow) for i in range(shallow)]
    return [(i, copy > 0) for i, count in enumerate(counts) for copy in range(count)]


@torch.no_grad()
def grow(shallow: LlamaForCausalLM, deep: LlamaForCausalLM) -> LlamaForCausalLM:
    """Give `deep` the function of `shallow`; they may differ in the number of layers alone."""
    old, new = shallow.config, deep.config
    for name in ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads",
                 "vocab_size"):  # fmt: skip
        if getattr(old, name) != getattr(new, name):
            raise TrainingError(
                f"A model of {name} {getattr(old, name)} cannot start one of {name} "
                f"{getattr(new, name)}: only the number of layers may differ."
            )
    if new.num_hidden_layers < old.num_hidden_layers:
        raise TrainingError(
            f"A model of {old.num_hidden_layers} layers cannot start one of "
            f"{new.num_hidden_layers}: layers can be added, not removed."
        )
    deep.model.embed_tokens.load_state_dict(shallow.model.embed_tokens.state_dict())
    deep.model.norm.load_state_dict(shallow.model.norm.state_dict())
    origins = source_layers(old.num_hidden_layers, new.num_hidden_layers)
    for layer, (origin, is_new) in zip(deep.model.layers, origins, strict=True):
        layer.load_state_dict(shallow.model.layers[origin].state_dict())
        if is_new:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    return deep
