import itertools

import numpy as np
import pytest

from training.ngram import KneserNey


@pytest.fixture(scope="module")
def stream():
    return np.random.default_rng(0).choice(5, 300, p=[0.5, 0.2, 0.15, 0.1, 0.05])


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_next_token_law_sums_to_one(stream, order):
    model = KneserNey([stream], vocab_size=6, order=order)
    for context in itertools.product(range(6), repeat=2):
        total = sum(model.probabilities(np.array([*context, w]))[-1] for w in range(6))
        assert total == pytest.approx(1.0)


def test_bigrams_agree_with_the_formula_by_hand():
    model = KneserNey([np.array([0, 1, 0, 1, 0, 2])], vocab_size=4, order=2)
    # Bigrams 01 ×2, 10 ×2, 02 ×1: D = 1/(1 + 2·2). Unigrams by distinct left contexts: 1 each, so
    # D = 3/(3 + 0) = 1 and p1 is uniform over four.
    p1 = (1 - 1) / 3 + 1 * 3 / 3 * 0.25
    d = 1 / 5
    assert model.probabilities(np.array([0, 1]))[1] == pytest.approx((2 - d) / 3 + d * 2 / 3 * p1)
    assert model.probabilities(np.array([3, 1]))[1] == pytest.approx(p1)


def test_longer_contexts_help_on_text_that_repeats():
    stream = np.tile([0, 1, 0, 2, 0, 3], 50)
    bits = [
        -np.log2(KneserNey([stream], 4, order).probabilities(stream)[10:]).mean()
        for order in (1, 2, 3)
    ]
    assert bits[0] > bits[1] > bits[2]


def test_several_streams_have_no_grams_across_their_border():
    model = KneserNey([np.array([0, 1]), np.array([2, 3])], 4, order=2)
    assert {(0, 1), (2, 3)} == {(int(g) >> 12, int(g) & 4095) for g in model.orders[1].grams}


def test_a_vocabulary_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="at most 4096"):
        KneserNey([np.array([0, 1])], 5000)
