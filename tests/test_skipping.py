"""Masks of sublayers: their names, their spread, and a search that finds what it should."""

import random

import pytest

from explorer.errors import InputError
from explorer.skipping import MaskSearch, drawn, evenly, inner_sublayers, written


def test_the_first_and_the_last_block_stay():
    assert inner_sublayers(4) == ["1.attention", "1.mlp", "2.attention", "2.mlp"]
    assert inner_sublayers(2) == []


@pytest.mark.parametrize("count", [0, 1, 3, 7, 12])
def test_an_even_spread_is_symmetric_in_both_parts_and_of_that_size(count):
    names = inner_sublayers(8)
    chosen = evenly(names, count)
    assert len(set(chosen)) == count
    for part in ("attention", "mlp"):
        blocks = [int(name.split(".")[0]) for name in chosen if name.endswith(part)]
        assert abs(len(blocks) - count / 2) <= 0.5
        mirrored = [7 - i for i in reversed(blocks)]
        assert all(abs(a - b) <= 1 for a, b in zip(blocks, mirrored, strict=True))


def test_what_a_person_writes():
    assert written(" 3, 4.mlp ,3,") == ("3", "4.mlp")
    assert written("") == ()
    for text in ("x", "3.head", "-1", "3.mlp.x", "3;4"):
        with pytest.raises(InputError, match="write blocks and sublayers with commas"):
            written(text)


def test_a_mask_is_drawn_as_two_rows():
    assert drawn(("1.mlp", "2"), inner_sublayers(4)) == [[0, 0, 1, 0], [0, 1, 1, 0]]


def hidden_mask(seed):
    """A score that counts how many sublayers of a secret mask were found."""
    names = inner_sublayers(8)
    secret = set(random.Random(seed).sample(names, 5))
    return names, lambda mask: len(secret & set(mask)) / 5


def found(seed, every, trials=40):
    names, score = hidden_mask(seed)
    search = MaskSearch(names, 5, random.Random(seed + 1).random)
    scores = []
    for i in range(trials):
        mask = search.promising() if every and i % every == every - 1 else search.random()
        assert len(set(mask)) == 5
        search.observe(mask, score(mask))
        scores.append(search.score)
    assert scores == sorted(scores)
    assert score(search.best) == search.score
    return search.score


def test_the_surrogate_finds_better_masks_than_chance():
    seeds = range(8)
    assert sum(found(s, 2) for s in seeds) > sum(found(s, 0) for s in seeds)
