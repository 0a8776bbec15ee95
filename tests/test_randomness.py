"""The source of randomness gives the laws that it promises."""

import pytest
import torch

from explorer.randomness import Seeded


def share_below(numbers, x):
    return sum(n < x for n in numbers) / len(numbers)


def gumbel_max_law(randomness, p, draws=4000):
    """How often each index wins when log p is perturbed; it should be as often as p says."""
    wins = torch.zeros(len(p), dtype=torch.float64)
    for _ in range(draws):
        wins[(p.log() + randomness.gumbel(len(p))).argmax()] += 1 / draws
    return wins


def test_uniform_numbers_fill_the_interval_evenly():
    randomness = Seeded(1)
    numbers = [randomness.uniform() for _ in range(4000)]
    assert min(numbers) >= 0 and max(numbers) < 1
    for x in (0.1, 0.5, 0.9):
        assert share_below(numbers, x) == pytest.approx(x, abs=4 * (x * (1 - x) / 4000) ** 0.5)


def test_the_largest_of_perturbed_log_probabilities_is_a_draw():
    p = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    assert 0.5 * (gumbel_max_law(Seeded(2), p) - p).abs().sum() < 3 * (4 / (4 * 4000)) ** 0.5


def test_another_perturbation_is_no_draw():
    """Negative control."""

    class Normal(Seeded):
        def gumbel(self, n):
            return torch.from_numpy(self._generator.standard_normal(n))

    p = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    assert 0.5 * (gumbel_max_law(Normal(2), p) - p).abs().sum() > 3 * (4 / (4 * 4000)) ** 0.5


def test_the_same_seed_gives_the_same_numbers():
    a, b = Seeded(3), Seeded(3)
    assert [a.uniform() for _ in range(5)] == [b.uniform() for _ in range(5)]
    assert torch.equal(a.gumbel(5), b.gumbel(5))
