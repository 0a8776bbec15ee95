"""A random Llama of a few numbers that both we and `transformers` decode with."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch

transformers = pytest.importorskip("transformers")


class Tiny:
    """A random peaky Llama, behind our network and behind `generate` alike."""

    def __init__(self, seed, eos=(0,), noise=0.0, blocks=2):
        from explorer.models.network import Network
        from explorer.models.text import Text

        torch.manual_seed(seed)
        config = transformers.LlamaConfig(
            vocab_size=13,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=blocks,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=64,
        )
        net = transformers.LlamaForCausalLM(config)
        with torch.no_grad():
            for weight in net.parameters():
                if weight.dim() > 1:
                    weight *= 6
        with torch.no_grad():  # the same network, a little astray
            for weight in net.parameters():
                weight += noise * torch.randn_like(weight)
        net.generation_config = transformers.GenerationConfig(
            eos_token_id=list(eos), pad_token_id=eos[0]
        )
        text = Text.__new__(Text)
        text.eos_ids = frozenset(eos)
        text.decode = lambda ids, after=(): " ".join(map(str, ids))
        text.token_text = str
        self.net = net.eval()
        self.model = Network(net, text, f"tiny-{seed}")

    def generate(self, ids, **options):
        """What `transformers` makes of it: new tokens of each text, and all it returns."""
        out = self.net.generate(
            torch.tensor([ids]), return_dict_in_generate=True, output_scores=True, **options
        )
        return out.sequences[:, len(ids) :].tolist(), out

    @contextmanager
    def counted(self):
        """A list that grows with each forward pass of `transformers`."""
        passes = []
        hook = self.net.register_forward_pre_hook(lambda *_: passes.append(1))
        yield passes
        hook.remove()
