"""The speculative tree keeps the target's law, for any shape; a wrong sibling order does not."""

import pytest
from oracle import Walk, exact_law, play, table_law, total_variation, toy_pair

import explorer.methods.speculation.speculative_tree as module
from explorer.randomness import Seeded
from explorer.sampling import parse_chain
from explorer.verification import independent_drafts, without_replacement


@pytest.mark.parametrize("branching", [(2,), (3,), (1, 1), (2, 1), (1, 2)])
def test_the_tree_follows_the_target(branching, pair):
    law = exact_law("speculative_tree", {"branching": branching}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) < 1e-12


@pytest.mark.parametrize("chain", ["top_k=2", "temperature=0.5"])
def test_the_tree_follows_the_target_under_filters(chain, pair):
    law = exact_law("speculative_tree", {"branching": (2, 1), "filters": chain}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3, parse_chain(chain))) < 1e-12


def test_at_temperature_zero_it_is_greedy():
    for seed in range(20):
        pair = toy_pair(seed)
        params = {"branching": (3, 2), "filters": "temperature=0"}
        fast = play("speculative_tree", params, pair, Seeded(0), 4)
        plain = play("greedy", {}, pair, Walk(), 4)
        assert fast.tree.tokens(fast.head) == plain.tree.tokens(plain.head)


def test_a_round_asks_the_draft_once_a_level_and_the_target_once():
    pair = toy_pair(7)
    events = []
    play("speculative_tree", {"branching": (2, 2)}, pair, Seeded(1), 4, record=events)
    first = [e for e in events if e.kind == "eval" and e.step == 0]
    assert [e.view for e in first] == ["draft", "draft", "target"]


def test_sorting_the_siblings_by_q_is_caught(pair, monkeypatch):
    """Negative control: the order of the draw must not be lost."""

    def sorted_first(run, law, guesses):
        ranked = sorted(guesses, key=lambda g: -float(g.q[g.token]))
        return without_replacement(run, law, ranked)

    monkeypatch.setattr(module, "without_replacement", sorted_first)
    law = exact_law("speculative_tree", {"branching": (2, 1)}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.001


def test_treating_siblings_as_independent_is_caught(monkeypatch):
    """Negative control: without replacement q must lose what was tried."""
    wide = toy_pair(vocab_size=5)  # with three tokens both rules happen to agree
    params = {"branching": (3,)}
    assert total_variation(exact_law("speculative_tree", params, wide, 2), wide_law(wide)) < 1e-12
    monkeypatch.setattr(module, "without_replacement", independent_drafts)
    assert total_variation(exact_law("speculative_tree", params, wide, 2), wide_law(wide)) > 0.001


def wide_law(models):
    return table_law(models["target"], 2)
