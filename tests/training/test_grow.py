import dataclasses

import pytest
import torch

from training.errors import TrainingError
from training.grow import grow, source_layers
from training.pretrain import build_model


def deeper(shape, layers, **changes):
    return dataclasses.replace(shape, layers=layers, **changes)


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_a_grown_model_is_the_same_function(tokenizer, tiny_recipe, layers):
    shallow = build_model(tiny_recipe.shape, tokenizer, seed=1).eval()
    deep = build_model(deeper(tiny_recipe.shape, layers), tokenizer, seed=2).eval()
    ids = torch.arange(20, 60)[None]
    with torch.no_grad():
        assert not torch.allclose(deep(ids).logits, shallow(ids).logits, atol=1e-3)
        grow(shallow, deep)
        torch.testing.assert_close(deep(ids).logits, shallow(ids).logits)


def test_new_layers_can_learn(tokenizer, tiny_recipe):
    deep = build_model(deeper(tiny_recipe.shape, 4), tokenizer, seed=2)
    grow(build_model(tiny_recipe.shape, tokenizer, seed=1), deep)
    deep(torch.arange(20, 60)[None], labels=torch.arange(20, 60)[None]).loss.backward()
    for layer in deep.model.layers:
        assert layer.mlp.down_proj.weight.grad.abs().sum() > 0


def test_new_layers_are_spread_evenly():
    assert source_layers(2, 5) == [(0, False), (0, True), (0, True), (1, False), (1, True)]
    assert source_layers(3, 3) == [(0, False), (1, False), (2, False)]


def test_models_that_differ_otherwise_are_refused(tokenizer, tiny_recipe):
    shallow = build_model(tiny_recipe.shape, tokenizer, seed=1)
    wide = build_model(deeper(tiny_recipe.shape, 3, mlp_width=32), tokenizer, seed=1)
    with pytest.raises(TrainingError, match="intermediate_size 24 cannot start"):
        grow(shallow, wide)
    flat = build_model(deeper(tiny_recipe.shape, 1), tokenizer, seed=1)
    with pytest.raises(TrainingError, match="not removed"):
        grow(shallow, flat)
