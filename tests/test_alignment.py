"""Where two texts part, and what they share behind it, against the plainest search."""

from __future__ import annotations

import random
from functools import cache

import pytest

from explorer.alignment import divergence, shared


def texts(seed, items=3, longest=9):
    chance = random.Random(seed)
    return [[chance.randrange(items) for _ in range(chance.randrange(longest))] for _ in "ab"]


def pairs():
    """Texts of few letters, half of which begin alike."""
    for seed in range(400):
        a, b = texts(seed)
        head = texts(seed + 1000)[0] if seed % 2 else []
        yield head + a, head + b


def test_everything_before_the_divergence_is_equal_and_what_stands_there_differs():
    for a, b in pairs():
        place = divergence(a, b)
        if place is None:
            assert a == b
        else:
            assert a[:place] == b[:place]
            assert a[place : place + 1] != b[place : place + 1]


def test_equal_texts_have_no_difference_and_one_stretch():
    text = [1, 2, 3, 1]
    assert divergence(text, text) is None
    assert [(s.a, s.b, s.length) for s in shared(text, text)] == [(0, 0, 4)]
    assert divergence([], []) is None
    assert shared([], []) == []


def test_a_text_that_is_the_others_beginning_differs_where_it_ends():
    assert divergence("ab", "abc") == 2
    assert divergence("", "abc") == 0
    assert [(s.a, s.b, s.length) for s in shared("abc", "ab")] == [(0, 0, 2)]


def faults(found, a, b, least):
    """What is wrong with a list of stretches."""
    start = divergence(a, b)
    told = []
    ends = (0, 0)
    for i, s in enumerate(found):
        if a[s.a : s.a + s.length] != b[s.b : s.b + s.length]:
            told.append(f"{s} is not equal")
        if s.a < ends[0] or s.b < ends[1]:
            told.append(f"{s} overlaps or is out of order")
        head = i == 0 and s.a == s.b == 0
        if s.length < least and not head:
            told.append(f"{s} is too short")
        ends = (s.a + s.length, s.b + s.length)
    if start and (found[0].a, found[0].b) != (0, 0):
        told.append("the common beginning is missing")
    return told


def most(a, b, least):
    """The longest total of equal stretches, by trying everything."""

    @cache
    def best(i, j):
        if i == len(a) or j == len(b):
            return 0
        found = [best(i + 1, j), best(i, j + 1)]
        length = 0
        while i + length < len(a) and j + length < len(b) and a[i + length] == b[j + length]:
            length += 1
            if length >= least:
                found.append(length + best(i + length, j + length))
        return max(found)

    return best(0, 0)


@pytest.mark.parametrize("least", [1, 2, 3])
def test_the_stretches_are_equal_in_order_and_as_long_as_they_can_be(least):
    longer = 0
    for a, b in pairs():
        found = shared(a, b, least)
        assert faults(found, a, b, least) == []
        start = divergence(a, b)
        if start is None:
            continue
        total = sum(s.length for s in found) - start
        assert total == most(tuple(a[start:]), tuple(b[start:]), least)
        longer += total > 0
    assert longer > 20, "The texts must share something, or nothing was tried."


def test_the_check_sees_stretches_that_are_wrong():
    """Negative control."""
    from explorer.alignment import Stretch

    assert faults([Stretch(0, 1, 2)], "abc", "abd", 1)
    assert faults([Stretch(0, 0, 2), Stretch(1, 2, 1)], "abcc", "abdc", 1)
    assert faults([Stretch(0, 0, 2), Stretch(3, 3, 1)], "abxc", "abyc", 2)
    assert faults([], "abc", "abd", 1) == [] if divergence("abc", "abd") == 0 else True


def test_a_word_that_was_put_in_costs_no_more_than_itself():
    a = ["once", "there", "was", "a", "king", "who", "had", "a", "daughter"]
    b = [*a[:4], "young", *a[4:]]
    found = [(s.a, s.b, s.length) for s in shared(a, b)]
    assert found == [(0, 0, 4), (4, 5, 5)]


def test_long_texts_that_repeat_themselves_are_aligned():
    a, b = [1, 2] * 400, [2, 1] * 400
    assert sum(s.length for s in shared(a, b)) == 799
