"""Stochastic beam search draws texts without replacement, and its weights are unbiased."""

from functools import cache
from math import exp

import pytest
import torch
from oracle import play, table_law, toy_pair

import explorer.methods.sampling.stochastic_beam_search as module
from explorer.randomness import Seeded

RUNS, LENGTH, K = 500, 2, 2


class PinnedRoot(Seeded):
    """Planted bug: the root's noise is 0 instead of a Gumbel number."""

    def gumbel(self, n):
        return torch.zeros(1) if n == 1 else super().gumbel(n)


@cache
def drawn(kind):
    """Of many seeded runs the texts, in order, with their weights p / q."""
    pair, randomness, found = toy_pair(3, vocab_size=3), kind(7), []
    for _ in range(RUNS):
        events = []
        run = play("stochastic_beam_search", {"k": K}, pair, randomness, LENGTH, record=events)
        weights = next(e.value for e in events if e.kind == "note" and e.name == "log_weights")
        texts = [tuple(output.token_ids) for output in run.end().outputs]
        found.append([(t, exp(w)) for t, w in zip(texts, weights, strict=True)])
    return found


@cache
def exact():
    return table_law(toy_pair(3, vocab_size=3)["target"], LENGTH)


def estimate(kind, of):
    """Mean and standard error of the unnormalised estimator of E[of(text)]."""
    sums = torch.tensor([sum(w * of(t) for t, w in run) for run in drawn(kind)])
    return float(sums.mean()), float(sums.std()) / RUNS**0.5


def test_the_texts_of_a_run_differ_and_the_first_is_a_plain_sample():
    law = exact()
    runs = drawn(Seeded)
    assert all(len({t for t, _ in run}) == K for run in runs)
    first = {t: sum(run[0][0] == t for run in runs) / RUNS for t in law}
    assert 0.5 * sum(abs(first[t] - law[t]) for t in law) < 3 * (len(law) / (4 * RUNS)) ** 0.5


def test_the_second_text_is_drawn_from_what_is_left():
    law = exact()
    for t in law:
        want = sum(p * law[t] / (1 - p) for other, p in law.items() if other != t)
        seen = sum(run[1][0] == t for run in drawn(Seeded)) / RUNS
        assert abs(seen - want) < 4 * (want * (1 - want) / RUNS) ** 0.5


def test_weighted_averages_are_unbiased():
    law = exact()
    for of in (len, lambda t: 1.0, lambda t: t == max(law, key=law.get)):
        mean, error = estimate(Seeded, of)
        assert abs(mean - sum(p * of(t) for t, p in law.items())) < 4 * error


def test_a_root_without_noise_makes_them_biased():
    """Negative control."""
    mean, error = estimate(PinnedRoot, lambda t: 1.0)
    assert abs(mean - 1.0) > 6 * error


def test_the_largest_noise_of_the_children_is_the_parents():
    randomness = Seeded(5)
    phi = torch.tensor([0.5, 0.3, 0.2, 0.0], dtype=torch.float64).log() - 3.0
    for G in (-5.0, 0.0, 3.0):
        noise = randomness.gumbel(4)
        children = module.hand_down(torch.tensor([[G]]), (phi + noise)[None])[0]
        assert float(children.max()) == pytest.approx(G, abs=1e-12)
        assert children[3] == -torch.inf
        assert torch.equal(children.argsort(), (phi + noise).argsort())


def test_handed_down_noise_is_gumbel_noise_again():
    """If G is Gumbel around 0, the children's G − φ are standard Gumbel: mean γ, variance π²/6."""
    randomness = Seeded(6)
    p = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    G, noise = randomness.gumbel(1500)[:, None], randomness.gumbel(4500).reshape(1500, 3)
    rows = module.hand_down(G, p.log() + noise) - p.log()
    assert rows.mean(0).tolist() == pytest.approx([0.5772] * 3, abs=4 * 1.2825 / 1500**0.5)
    assert rows.var(0).tolist() == pytest.approx([1.6449] * 3, rel=0.2)
    assert rows.T.corrcoef().fill_diagonal_(0).abs().max() < 4 / 1500**0.5


def test_fewer_texts_than_wanted_are_all_of_them():
    pair = toy_pair(1, vocab_size=3)
    run = play("stochastic_beam_search", {"k": 64}, pair, Seeded(0), 2)
    law = table_law(pair["target"], 2)
    outputs = run.end().outputs
    assert {tuple(o.token_ids) for o in outputs} == set(law)
    for output in outputs:
        assert output.score == pytest.approx(law[tuple(output.token_ids)], rel=1e-6)


def test_weights_do_not_vanish_for_long_texts():
    assert module.log_weight(-3000.0, -3010.0) == pytest.approx(-3000.0, abs=1e-3)
    assert module.log_weight(-3000.0, -2900.0) == pytest.approx(-2900.0)
