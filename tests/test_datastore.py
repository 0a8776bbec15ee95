"""The datastore: what it finds is what a scan finds, and what it guesses is counted right."""

import random
from collections import Counter

import pytest

from explorer.datastore import Datastore, Place, most_frequent, passages_of
from explorer.errors import InputError
from explorer.models.table import TableLM


def passages(seed, count=4, letters=3):
    chance = random.Random(seed)
    return [[chance.randrange(1, 1 + letters) for _ in range(chance.randrange(2, 20))]
            for _ in range(count)]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_a_scan_finds(seed):
    texts = passages(seed)
    store = Datastore(texts)
    chance = random.Random(seed + 100)
    for _ in range(40):
        ending = [chance.randrange(1, 4) for _ in range(chance.randrange(1, 5))]
        scanned = [
            Place(i, end)
            for i, text in enumerate(texts)
            for end in range(len(ending), len(text) + 1)
            if text[end - len(ending) : end] == ending
        ]
        assert store.find(ending) == scanned


def test_the_longest_ending_that_goes_on_is_taken():
    store = Datastore([[1, 2, 3, 1, 2, 4], [9, 1, 2, 3]])
    assert store.longest_match([7, 1, 2], 16, 1) == (2, [Place(0, 2), Place(0, 5), Place(1, 3)])
    # 9 1 2 3 stands at the end of its passage: nothing follows there, but behind 1 2 3 it does.
    assert store.longest_match([9, 1, 2, 3], 16, 1) == (3, [Place(0, 3)])
    assert store.longest_match([8, 8], 16, 1) == (0, [])
    assert store.longest_match([7, 1, 2], 16, 3) == (0, [])
    assert store.following(Place(0, 5), 10) == (4,)  # not over the end of the passage


@pytest.mark.parametrize("nodes", [1, 5, 12, 100])
def test_the_most_frequent_beginnings_are_closed_and_the_most_frequent(nodes):
    paths = [tuple(text[:6]) for text in passages(5, count=12)]
    found = most_frequent(paths, nodes)
    counts = Counter(path[:n] for path in paths for n in range(1, len(path) + 1))
    assert [counts[path] for path in found] == sorted(counts.values(), reverse=True)[:nodes]
    for i, path in enumerate(found):
        assert len(path) == 1 or path[:-1] in found[:i]


def test_an_empty_datastore_is_refused_with_a_sentence():
    for text in (" ", "\n\n", "a\n\nb"):
        with pytest.raises(InputError, match="a passage of at least two tokens"):
            passages_of(TableLM(5), text)
    with pytest.raises(InputError, match="toy table reads the letters"):
        passages_of(TableLM(5), "The king")


def test_blank_lines_divide_passages():
    assert passages_of(TableLM(5), "abc\n\ndd\n\na") == [(1, 2, 3), (4, 4)]
    assert passages_of(TableLM(5), "") == []  # the tales have more letters than the toy
