import dataclasses

import pytest
import torch
from widened import SPAN, repeated, widened

from training.errors import TrainingError
from training.induction import begin_copying, keep_circuit, own_entries
from training.recipes import ModelShape

NARROW = ModelShape(2, 128, 4, 2, 160, context=256, vocab_size=320)
WIDE = dataclasses.replace(NARROW, width=192, heads=6, kv_heads=3)


def wide(tokenizer):
    return widened(tokenizer, NARROW, WIDE)


def second_copy(model, ids):
    """Nats of a token of the second copies, and of the first."""
    with torch.no_grad():
        nats = -model(ids).logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    return float(nats[:, SPAN:].mean()), float(nats[:, : SPAN - 1].mean())


def test_new_heads_look_where_they_should(tokenizer):
    _, model = wide(tokenizer)
    begin_copying(model, 128, repeated())
    model.set_attn_implementation("eager")
    with torch.no_grad():
        first, second = model(repeated(), output_attentions=True).attentions
    here = torch.arange(2, 2 * SPAN)
    assert first[:, 4, here, here - 1].min() > 0.9
    assert first[:, 5, here, here].min() > 0.9
    again = torch.arange(SPAN, 2 * SPAN - 1)
    assert second[:, 4, again, again - SPAN + 1].mean() > 0.7
    assert second[:, 5, again, again - SPAN + 1].mean() < 0.3  # and not just any head


def test_a_model_begins_to_copy(tokenizer):
    small, model = wide(tokenizer)
    again, new = second_copy(small, repeated())
    assert second_copy(model, repeated()) == pytest.approx((again, new), abs=1e-2)
    begin_copying(model, 128, repeated())
    begun, still_new = second_copy(model, repeated())
    assert begun < again - 0.3
    assert still_new == pytest.approx(new, abs=0.3)


def test_training_leaves_the_circuits_entries_alone(tokenizer):
    _, model = wide(tokenizer)
    begin_copying(model, 128, repeated())
    keep_circuit(model, 128)
    model(repeated(), labels=repeated()).loss.backward()
    own, others = own_entries(128), slice(0, 128)
    first = model.model.layers[0]
    for gradient in (
        model.model.embed_tokens.weight.grad.T,
        first.self_attn.o_proj.weight.grad,
        first.mlp.down_proj.weight.grad,
    ):
        assert gradient[own].abs().sum() == 0
        assert gradient[others].abs().sum() > 0


def test_a_model_with_nothing_new_is_refused(tokenizer):
    small, _ = wide(tokenizer)
    with pytest.raises(TrainingError, match="49 new entries"):
        begin_copying(small, 128, repeated())
