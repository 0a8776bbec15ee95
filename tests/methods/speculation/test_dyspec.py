"""DySpec: the tree grows by falling values, and the target's law is kept."""

import pytest
from oracle import PROMPT, endless, exact_law, play, table_law, total_variation

import explorer.methods.speculation.dyspec as module
from explorer.methods.speculation.dyspec import DySpecParams, grow
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.run import Limits, Run


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_it_follows_the_target(nodes):
    target = TableLM(3, 5)
    models = {"target": target, "draft": TableLM(3, 77, like=(target, 0.6))}
    law = exact_law("dyspec", {"nodes": nodes}, models, 3)
    assert total_variation(law, table_law(target, 3)) < 1e-12


def test_values_fall_and_are_the_chances_by_the_drafts_own_law():
    draft = TableLM(5, 2)
    for seed in range(5):
        run = Run(
            {"target": draft, "draft": draft}, PROMPT, Seeded(seed), Limits(max_new_tokens=20)
        )
        guesses, values = grow(run, run.root, DySpecParams(nodes=12))
        assert values == sorted(values, reverse=True)
        assert sum(map(len, guesses.values())) == len(values)
        # By hand: nothing above a guess failed, and all its elder siblings did.
        by_hand, reached = {}, {run.root: 1.0}
        for node, children in guesses.items():
            left = 1.0
            for guess in children:
                q = float(guess.q[guess.token])
                by_hand[guess.node] = reached[node] * left
                reached[guess.node] = reached[node] * q
                left -= q
        assert sorted(by_hand.values(), reverse=True) == pytest.approx(values, abs=1e-6)


def test_a_sure_draft_grows_a_chain():
    sure = endless(TableLM(4, 1, peak=600.0))
    run = Run({"target": sure, "draft": sure}, PROMPT, Seeded(0), Limits(max_new_tokens=20))
    guesses, _ = grow(run, run.root, DySpecParams(nodes=5))
    assert all(len(children) == 1 for children in guesses.values())


def test_trying_siblings_in_another_order_is_caught(pair, monkeypatch):
    """Negative control: by the draft's probability in place of the order of the draw."""
    honest = module.without_replacement

    def sorted_by_q(run, law, guesses):
        ranked = sorted(guesses, key=lambda guess: -float(guess.q[guess.token]))
        return honest(run, law, ranked)

    monkeypatch.setattr(module, "without_replacement", sorted_by_q)
    target = TableLM(4, 5)
    models = {"target": target, "draft": TableLM(4, 77, like=(target, 0.8))}
    law = exact_law("dyspec", {"nodes": 3}, models, 2)
    assert total_variation(law, table_law(target, 2)) > 0.001


def test_it_saves_passes():
    table = TableLM(5, 3)
    run = play("dyspec", {}, {"target": table, "draft": table}, Seeded(3), 12)
    assert run.totals()["target_passes"] < run.totals()["tokens"]
