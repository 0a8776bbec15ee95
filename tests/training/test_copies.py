import numpy as np
import pytest
import torch

from training.batches import Source
from training.copies import FIRST_ORDINARY, Copies, copied_right
from training.pretrain import build_model

VOCAB_SIZE = 320


@pytest.fixture
def copies():
    draw = np.random.default_rng(3)
    sources = [Source("book", draw.integers(20, VOCAB_SIZE, 4000).astype(np.uint16), 1.0)]
    return Copies(sources, VOCAB_SIZE, context=96, rows=40, seed=1)


def test_what_counts_has_been_seen_behind_the_same_token(copies):
    ids, labels, counts = copies.batch(0)
    assert ids.shape == labels.shape == counts.shape == (40, 96)
    assert torch.equal(ids[:, 1:], labels[:, :-1])
    assert 0.2 < float((counts > 0).float().mean()) < 0.8
    for row, said, count in zip(ids.tolist(), labels.tolist(), counts.tolist(), strict=True):
        for i in np.flatnonzero(count):
            assert (row[i], said[i]) in zip(row[:i], said[:i], strict=True)


def test_what_does_not_count_is_mostly_new(copies):
    """The negative control of the test above."""
    ids, labels, counts = copies.batch(0)
    known = [
        (row[i], said[i]) in zip(row[:i], said[:i], strict=True)
        for row, said, count in zip(ids.tolist(), labels.tolist(), counts.tolist(), strict=True)
        for i in np.flatnonzero(np.array(count) == 0)
    ]
    assert sum(known) < 0.2 * len(known)


def test_rows_are_a_function_of_seed_and_step(copies):
    other = Copies(copies.sources, VOCAB_SIZE, context=96, rows=40, seed=2)
    assert all(map(torch.equal, copies.batch(3), copies.batch(3)))
    assert not torch.equal(copies.batch(3)[0], copies.batch(4)[0])
    assert not torch.equal(copies.batch(3)[0], other.batch(3)[0])


def test_random_spans_hold_no_special_token(copies, tokenizer):
    assert max(tokenizer.all_special_ids) < FIRST_ORDINARY
    assert min(tokenizer.get_vocab()[t] for t in ("!", "a", "Z")) >= FIRST_ORDINARY
    for step in range(3):
        assert int(copies.batch(step)[0].min()) >= FIRST_ORDINARY


def test_a_model_that_has_learnt_nothing_copies_nothing(tokenizer, tiny_recipe):
    model = build_model(tiny_recipe.shape, tokenizer, seed=1).eval()
    model.config.max_position_embeddings = 128
    held_out = np.random.default_rng(0).integers(20, VOCAB_SIZE, 2000)
    shares = copied_right(model, held_out)
    assert set(shares) == {"random", "prose"}
    assert max(shares.values()) < 0.1
