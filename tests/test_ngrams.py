"""Shares of n-grams, counted by hand and the long way."""

from __future__ import annotations

import random

import pytest

from explorer.ngrams import distinct_share, repeated_share, walked_before


def test_repetition_is_the_share_of_grams_seen_before():
    assert repeated_share(list(range(10))) == 0.0
    assert repeated_share([1] * 13) == pytest.approx(0.9)
    assert repeated_share([1, 2, 3, 4, 5, 1, 2, 3, 4, 5]) == pytest.approx(2 / 7)


def test_distinct_grams_of_a_small_text():
    text = [1, 2, 1, 2, 3]  # pairs 12 21 12 23, triples 121 212 123
    assert [distinct_share(text, n) for n in (1, 2, 3)] == [3 / 5, 3 / 4, 1.0]


def test_a_text_without_such_grams_has_no_share():
    assert repeated_share([1, 2, 3]) is None
    assert distinct_share([], 1) is None
    assert repeated_share([1, 2, 3, 4]) == 0.0


def test_shares_agree_with_counting_each_gram_by_looking_back():
    chance = random.Random(0)
    for _ in range(200):
        text = [chance.randrange(3) for _ in range(chance.randrange(1, 15))]
        n = chance.randrange(1, 5)
        grams = [text[i : i + n] for i in range(len(text) - n + 1)]
        seen = [gram in grams[:i] for i, gram in enumerate(grams)]
        expected = sum(seen) / len(seen) if seen else None
        assert repeated_share(text, n) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "token", "most", "found"),
    [
        ([1, 2, 3, 1, 2], 3, 5, (3, 2)),
        ([1, 2, 3, 1, 2], 1, 5, (1, 3)),
        ([1, 2, 3, 1, 2], 4, 5, (0, -1)),
        ([1, 1, 1, 1], 1, 5, (4, 3)),
        ([1, 1, 1, 1], 1, 2, (2, 3)),
        ([2, 1, 3, 2, 1, 3, 2], 1, 2, (2, 4)),
        ([], 1, 2, (0, -1)),
    ],
)
def test_the_walked_path_is_found_the_longest_and_of_equals_the_latest(text, token, most, found):
    assert walked_before(text, token, most) == found
