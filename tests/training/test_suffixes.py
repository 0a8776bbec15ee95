import dataclasses

import pytest
import torch
from widened import SPAN, repeated, widened

from training.errors import TrainingError
from training.recipes import ModelShape
from training.suffixes import SAYING, begin_copying, keep_circuit, own_entries

NARROW = ModelShape(9, 128, 4, 2, 160, context=256, vocab_size=320)
WIDE = dataclasses.replace(NARROW, width=162, heads=6, kv_heads=3)
FIRST, SECOND = 4, 5  # the new heads


def wide(tokenizer):
    return widened(tokenizer, NARROW, WIDE)


def attentions(model, ids):
    model.set_attn_implementation("eager")
    with torch.no_grad():
        return model(ids, output_attentions=True).attentions


def test_new_heads_look_where_they_should(tokenizer):
    _, model = wide(tokenizer)
    begin_copying(model, 128, repeated())
    seen = attentions(model, repeated())
    here = torch.arange(3, 2 * SPAN)
    assert seen[0][:, FIRST, here, here - 1].min() > 0.9
    assert seen[0][:, SECOND, here, here - 2].min() > 0.9
    assert seen[1][:, FIRST, here, here - 1].mean() > 0.8
    again = torch.arange(SPAN + 3, 2 * SPAN - 1)
    for layer in SAYING:
        assert seen[layer][:, FIRST, again, again - SPAN + 1].mean() > 0.7


def test_a_place_is_found_by_more_than_its_last_token(tokenizer):
    """Lists of key, colon, value, and a key asked for: behind every key stands the same colon."""
    _, model = wide(tokenizer)
    pairs, colon, draw = 8, 19, torch.Generator().manual_seed(3)
    lists, at = [], torch.arange(40) % pairs
    for asked in at:
        keys = torch.randperm(100, generator=draw)[:pairs] + 20
        values = torch.randperm(100, generator=draw)[:pairs] + 120
        shown = torch.stack((keys, torch.full_like(keys, colon), values), 1).flatten()
        lists.append(torch.cat((shown, keys[asked, None], torch.tensor([colon]))))
    ids = torch.stack(lists)
    begin_copying(model, 128, ids)
    looks_at = attentions(model, ids)[SAYING[0]][:, FIRST, -1].argmax(-1)
    assert (looks_at == 3 * at + 2).float().mean() > 4 / pairs  # by chance 1 / pairs


def test_a_model_begins_to_copy(tokenizer):
    _, model = wide(tokenizer)

    def nats():
        with torch.no_grad():
            laws = model(repeated()).logits[:, SPAN + 3 : -1].log_softmax(-1)
        return float(-laws.gather(-1, repeated()[:, SPAN + 4 :, None]).mean())

    before = nats()
    begin_copying(model, 128, repeated())
    assert nats() < before - 0.1


def test_training_keeps_how_a_place_is_found_and_learns_what_is_said(tokenizer):
    _, model = wide(tokenizer)
    begin_copying(model, 128, repeated())
    keep_circuit(model, 128)
    model(repeated(), labels=repeated()).loss.backward()
    own, asks, shared = own_entries(128), slice(128, 160), slice(64, 96)
    assert model.model.embed_tokens.weight.grad[:, own].abs().sum() == 0
    for i, layer in enumerate(model.model.layers):
        attention = layer.self_attn
        q, k, v, o = (
            part.weight.grad
            for part in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
        )
        assert o[own].abs().sum() == layer.mlp.down_proj.weight.grad[own].abs().sum() == 0
        assert min(q[:128].abs().sum(), k[:64].abs().sum(), o[:128].abs().sum()) > 0
        if i in (0, 1, *SAYING):
            assert q[asks].abs().sum() == k[shared].abs().sum() == 0
            assert layer.input_layernorm.weight.grad[own].abs().sum() == 0
        if i in (0, 1):
            assert q[160:].abs().sum() == v[shared].abs().sum() == 0
        if i in SAYING:
            assert min(v[shared].abs().sum(), o[:128, asks].abs().sum()) > 0


def test_a_model_with_nothing_new_is_refused(tokenizer):
    small, _ = wide(tokenizer)
    with pytest.raises(TrainingError, match="33 new entries"):
        begin_copying(small, 128, repeated())
