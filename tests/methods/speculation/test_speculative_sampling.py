"""Speculative sampling keeps the target's law; the classic mistakes do not."""

from math import ceil

import pytest
from oracle import Walk, endless, exact_law, play, table_law, total_variation, toy_pair

import explorer.verification as verification
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.sampling import parse_chain


@pytest.mark.parametrize("gamma", [1, 2, 4])
@pytest.mark.parametrize("chain", ["none", "temperature=0.6", "top_k=2"])
def test_speculative_sampling_follows_the_target(gamma, chain, pair):
    """Walks every coin and every draw: the law must be the target's, to 1e-12."""
    law = exact_law("speculative_sampling", {"gamma": gamma, "filters": chain}, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4, parse_chain(chain))) < 1e-12


def test_it_follows_the_target_whatever_the_draft_is():
    target = TableLM(3, 1)
    stranger = TableLM(3, 99, peak=4.0)
    law = exact_law("speculative_sampling", {"gamma": 2}, {"target": target, "draft": stranger}, 4)
    assert total_variation(law, table_law(target, 4)) < 1e-12


def test_at_temperature_zero_it_is_greedy():
    for seed in range(20):
        pair = toy_pair(seed)
        params = {"gamma": 3, "filters": "temperature=0"}
        fast = play("speculative_sampling", params, pair, Seeded(0), 4)
        plain = play("greedy", {}, pair, Walk(), 4)
        assert fast.tree.tokens(fast.head) == plain.tree.tokens(plain.head)


def test_a_draft_that_is_the_target_is_always_right():
    table = endless(TableLM(4, 2))
    for gamma, n in ((1, 7), (3, 12), (4, 11)):
        events = []
        models = {"target": table, "draft": table}
        run = play("speculative_sampling", {"gamma": gamma}, models, Seeded(3), n, record=events)
        assert not [e for e in events if e.kind == "mark" and e.mark == "rejected"]
        assert run.totals()["target_passes"] == ceil(n / (gamma + 1))


def test_a_draft_that_is_always_wrong_costs_one_pass_a_token():
    table, n = endless(TableLM(4, 2)), 6

    class Wrong(TableLM):
        def logits(self, prefix):
            worst = table.logits(prefix)[1:].argmin() + 1
            return (table.logits(prefix) * 0 - 1e4).index_fill(0, worst, 1e4)

    models = {"target": table, "draft": Wrong(4)}
    run = play(
        "speculative_sampling", {"gamma": 3, "filters": "temperature=0"}, models, Seeded(0), n
    )
    assert run.totals()["target_passes"] == n


def test_replacing_from_p_in_place_of_the_residual_is_caught(pair, monkeypatch):
    """Negative control, trap (a)."""
    monkeypatch.setattr(verification, "residual", lambda p, q: p)
    law = exact_law("speculative_sampling", {"gamma": 2}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01


def test_a_ratio_with_another_q_than_the_sampled_one_is_caught(pair, monkeypatch):
    """Negative control, trap (e): drawn at one temperature, judged at another."""
    judged = verification._accepts

    def warmer(run, guess, r, q):
        return judged(run, guess, r, q.sqrt() / q.sqrt().sum())

    monkeypatch.setattr(verification, "_accepts", warmer)
    law = exact_law("speculative_sampling", {"gamma": 2}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.001


def test_dropping_an_improbable_guess_is_caught(pair, monkeypatch):
    """Negative control, trap (b): a sampled token must never be dropped for its own probability."""
    honest = verification.chain

    def picky(run, law, guesses):
        if guesses and float(guesses[0].q[guesses[0].token]) < 0.4:
            return verification.Verdict(token=run.choose(law))
        return honest(run, law, guesses)

    import explorer.methods.speculation.speculative_sampling as module

    monkeypatch.setattr(module, "chain", picky)
    law = exact_law("speculative_sampling", {"gamma": 2}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01
