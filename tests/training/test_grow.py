import dataclasses

import pytest
import torch

from training.errors import TrainingError
from training.grow import grow, source_layers
from training.pretrain import build_model


def larger(shape, **changes):
    return dataclasses.replace(shape, **changes)


WIDER = {"width": 24, "heads": 6, "kv_heads": 3, "mlp_width": 32}


def strong(shape, tokenizer, seed):
    """Weights so large that the function is no formality."""
    model = build_model(shape, tokenizer, seed=seed).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(torch.rand_like(p) * 30)
    return model


@pytest.mark.parametrize(
    "changes", [{"layers": 2}, {"layers": 3}, {"layers": 5}, WIDER, {**WIDER, "layers": 3}]
)
def test_a_grown_model_is_the_same_function(tokenizer, tiny_recipe, changes):
    small = strong(tiny_recipe.shape, tokenizer, 1)
    large = build_model(larger(tiny_recipe.shape, **changes), tokenizer, seed=2).eval()
    ids = torch.arange(20, 60)[None]
    with torch.no_grad():
        assert not torch.allclose(large(ids).logits, small(ids).logits, atol=1.0)
        grow(small, large)
        torch.testing.assert_close(large(ids).logits, small(ids).logits, atol=1e-2, rtol=1e-3)


def learn_a_little(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    ids = torch.arange(20, 60)[None]
    for _ in range(2):
        optimizer.zero_grad()
        model(ids, labels=ids).loss.backward()
        optimizer.step()


def test_new_layers_can_learn(tokenizer, tiny_recipe):
    deep = build_model(larger(tiny_recipe.shape, layers=4), tokenizer, seed=2)
    grow(build_model(tiny_recipe.shape, tokenizer, seed=1), deep)
    learn_a_little(deep)
    for layer in deep.model.layers:
        assert layer.mlp.down_proj.weight.abs().sum() > 0
        assert layer.mlp.gate_proj.weight.grad.abs().sum() > 0


def test_new_width_can_learn(tokenizer, tiny_recipe):
    wide = build_model(larger(tiny_recipe.shape, **WIDER), tokenizer, seed=2)
    grow(build_model(tiny_recipe.shape, tokenizer, seed=1), wide)
    assert wide.model.embed_tokens.weight[:, 16:].abs().sum() == 0
    learn_a_little(wide)
    assert wide.model.embed_tokens.weight[:, 16:].abs().sum() > 0
    for layer in wide.model.layers:
        for new in (
            layer.self_attn.o_proj.weight.grad[:, 16:],
            layer.self_attn.o_proj.weight.grad[16:],
            layer.self_attn.k_proj.weight.grad[8:],
            layer.mlp.down_proj.weight.grad[:, 24:],
            layer.mlp.up_proj.weight.grad[:, 16:],
        ):
            assert new.abs().sum() > 0


def test_new_layers_are_spread_evenly():
    assert source_layers(2, 5) == [(0, False), (0, True), (0, True), (1, False), (1, True)]
    assert source_layers(3, 3) == [(0, False), (1, False), (2, False)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layers": 1}, "num_hidden_layers 2 cannot start one of num_hidden_layers 1"),
        ({"mlp_width": 20}, "intermediate_size 24 cannot start"),
        ({"head_width": 8}, "width of a head is 4 cannot start one whose width of a head is 8"),
        ({"kv_heads": 4}, "number of heads that share keys is 2"),
        ({"vocab_size": 400}, "vocab_size is 320"),
    ],
)
def test_models_that_it_does_not_fit_into_are_refused(tokenizer, tiny_recipe, changes, said):
    small = build_model(tiny_recipe.shape, tokenizer, seed=1)
    other = build_model(larger(tiny_recipe.shape, **changes), tokenizer, seed=1)
    with pytest.raises(TrainingError, match=said):
        grow(small, other)
