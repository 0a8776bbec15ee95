"""Sampling follows the product of the filtered laws, exactly."""

import pytest
from oracle import exact_law, play, table_law, total_variation, toy_pair

from explorer.randomness import Seeded
from explorer.sampling import parse_chain

CHAINS = ["none", "temperature=0.5", "top_k=2", "top_p=0.7", "temperature=2,min_p=0.2", "top_p=0.1"]


@pytest.mark.parametrize("chain", CHAINS)
def test_sampling_follows_the_filtered_law(chain, pair):
    law = exact_law("sample", {"filters": chain}, pair, length=4)
    want = table_law(pair["target"], 4, parse_chain(chain))
    assert total_variation(law, want) < 1e-12


def test_a_local_temperature_is_not_the_law_of_whole_texts_tempered(pair):
    plain = table_law(pair["target"], 3)
    tempered = {text: p**2 for text, p in plain.items()}
    norm = sum(tempered.values())
    tempered = {text: p / norm for text, p in tempered.items()}
    law = exact_law("sample", {"filters": "temperature=0.5"}, pair, length=3)
    assert total_variation(law, tempered) > 0.01


def test_seeded_draws_follow_the_law_too():
    """The walked oracle replaces the generator; this holds the generator itself to the law."""
    pair = toy_pair(vocab_size=3)
    want = table_law(pair["target"], 2)
    draws = 4000
    randomness = Seeded(1)
    seen: dict[tuple[int, ...], float] = {}
    for _ in range(draws):
        run = play("sample", {"filters": "none"}, pair, randomness, length=2)
        text = tuple(run.tree.tokens(run.head))
        seen[text] = seen.get(text, 0.0) + 1 / draws
    assert total_variation(seen, want) < 3 * (len(want) / (4 * draws)) ** 0.5


def test_a_generator_that_ignores_the_law_is_caught():
    """Negative control of the statistical check."""

    class Uniform(Seeded):
        def draw(self, p):
            return super().draw((p > 0).double() / (p > 0).sum())

    pair = toy_pair(vocab_size=3)
    want = table_law(pair["target"], 2)
    randomness = Uniform(1)
    seen: dict[tuple[int, ...], float] = {}
    for _ in range(1000):
        run = play("sample", {"filters": "none"}, pair, randomness, length=2)
        text = tuple(run.tree.tokens(run.head))
        seen[text] = seen.get(text, 0.0) + 1 / 1000
    assert total_variation(seen, want) > 3 * (len(want) / 4000) ** 0.5
