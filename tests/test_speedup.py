"""The formulas of speculation against a simulation and against each other."""

import random

import pytest

from explorer.speedup import (
    best_length,
    break_even,
    expected_tokens,
    flat,
    rising,
    speed_up,
    virtual_time,
)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("gamma", [0, 1, 5])
def test_expected_tokens_are_those_of_a_simulation(alpha, gamma):
    chance = random.Random(1)
    rounds = 20_000
    tokens = 0
    for _ in range(rounds):
        stood = 0
        while stood < gamma and chance.random() < alpha:
            stood += 1
        tokens += stood + 1
    assert tokens / rounds == pytest.approx(expected_tokens(alpha, gamma), rel=0.02)


def test_no_guess_gains_nothing_and_a_free_perfect_draft_gains_all():
    for t in (flat, rising(0.1)):
        assert speed_up(0.7, 0, 0.3, t) == 1
    assert speed_up(1.0, 7, 0.0) == 8


@pytest.mark.parametrize(("alpha", "c"), [(0.5, 0.1), (0.9, 0.5), (0.3, 0.29)])
def test_a_draft_that_is_more_often_right_than_it_costs_gains(alpha, c):
    """Corollary 3.9 of Leviathan et al.: at least (1 + α) / (1 + c) for the best γ."""
    assert speed_up(alpha, best_length(alpha, c), c) >= (1 + alpha) / (1 + c) - 1e-12


def test_a_draft_that_costs_more_is_best_left_alone():
    assert best_length(0.2, 0.5) == 0
    assert best_length(0.8, 0.05, rising(1.0)) == 0  # a pass that costs its tokens


@pytest.mark.parametrize("gamma", [1, 3, 8])
def test_at_the_break_even_cost_nothing_is_gained(gamma):
    c = break_even(expected_tokens(0.6, gamma), gamma)
    assert speed_up(0.6, gamma, c) == pytest.approx(1)
    t = rising(0.05)
    c = break_even(expected_tokens(0.6, gamma), gamma, t(gamma + 1))
    assert speed_up(0.6, gamma, c, t) == pytest.approx(1)


def test_the_virtual_clock_of_equal_rounds_is_the_formula():
    t, c, gamma, rounds = rising(0.1), 0.2, 3, 7
    time = virtual_time([gamma + 1] * rounds, gamma * rounds, c, t)
    tokens = rounds * expected_tokens(0.6, gamma)
    assert tokens * t(1) / time == pytest.approx(speed_up(0.6, gamma, c, t))
