import dataclasses
import math

import numpy as np
import pytest
import torch

from training.evaluate import ngram_bits, score_documents, token_nats
from training.pretrain import build_model


@pytest.fixture(scope="module")
def model(tokenizer, tiny_recipe):
    # Large weights, so that positions differ.
    model = build_model(tiny_recipe.shape, tokenizer, seed=3).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3)
    return model


@pytest.mark.parametrize("n", [2, 31, 32, 33, 100])
def test_each_token_is_scored_once_with_enough_before_it(model, n):
    """Against one forward pass per token."""
    context, stride = 32, 8
    ids = np.random.default_rng(0).integers(18, 320, n)
    got = token_nats(model, ids, context=context, stride=stride)
    assert got.shape == (n - 1,)
    matches_some_long_context = 0
    for i in range(1, n):
        starts = range(max(0, i - context + 1), max(0, i - (context - stride)) + 1)
        values = []
        for s in starts:
            with torch.no_grad():
                logits = model(input_ids=torch.from_numpy(ids[s:i])[None]).logits[0, -1]
            values.append(-logits.log_softmax(-1)[ids[i]].item())
        matches_some_long_context += np.isclose(got[i - 1], values, atol=1e-4).any()
    assert matches_some_long_context == n - 1


def test_a_uniform_model_needs_log2_v_bits_per_token(tokenizer, tiny_recipe):
    model = build_model(tiny_recipe.shape, tokenizer, seed=3)
    torch.nn.init.zeros_(model.model.embed_tokens.weight)
    text = "One day the fox found a ring."
    bits, characters = score_documents(model, tokenizer, [text, text], context=16, stride=8)
    assert characters == 2 * len(text)
    assert bits == pytest.approx(2 * len(tokenizer(text)["input_ids"]) * math.log2(320), rel=1e-5)


def test_ngrams_learn_from_the_other_books_alone(tokenizer, books):
    bits = ngram_bits(books, tokenizer)
    held_out = [b.name for b in books if b.held_out]
    assert set(bits) == {*held_out, "all"}
    # The tiny library is easy; counting the held-out books too would make it easier still.
    cheating = [*books, *(dataclasses.replace(b, name="youth__Copy") for b in books if b.held_out)]
    assert ngram_bits(cheating, tokenizer)["all"] < bits["all"] < 1.0
