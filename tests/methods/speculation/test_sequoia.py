"""Sequoia: its tree is the best of its size, and the target's law is kept."""

import itertools

import pytest
from oracle import exact_law, play, table_law, total_variation, toy_pair

import explorer.methods.speculation.sequoia as module
from explorer.methods.speculation.sequoia import best_tree, fastest, worth
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.sampling import parse_chain
from explorer.speedup import rising

A = (0.5, 0.2, 0.1)


def all_trees(width, depth, nodes):
    """Every set of places that holds parents and elder siblings."""
    places = [p for n in range(1, depth + 1) for p in itertools.product(range(width), repeat=n)]
    for tree in itertools.combinations(places, nodes):
        if all(
            (len(p) == 1 or p[:-1] in tree) and (p[-1] == 0 or (*p[:-1], p[-1] - 1) in tree)
            for p in tree
        ):
            yield tree


@pytest.mark.parametrize("acceptance", [A, (0.9, 0.05, 0.01), (0.3, 0.3, 0.3)])
@pytest.mark.parametrize("nodes", [1, 3, 4, 5])
def test_no_tree_of_that_size_is_worth_more(acceptance, nodes):
    best = max(worth(tree, acceptance) for tree in all_trees(3, 2, nodes))
    shape = best_tree(acceptance, nodes, 2)
    assert shape in set(all_trees(3, 2, nodes))
    assert worth(shape, acceptance) == pytest.approx(best)


def test_the_published_values():
    """The root counts one there."""
    assert [1 + worth(best_tree(A, n - 1, 2), A) for n in (4, 5, 6)] == pytest.approx(
        [1.95, 2.05, 2.15]
    )


def test_one_sibling_is_a_chain_as_long_as_it_may_be():
    assert best_tree((0.7,), 12, 4) == ((0,), (0, 0), (0, 0, 0), (0, 0, 0, 0))


COSTS = [(0.0, 0.0), (0.2, 0.0), (0.0, 0.1), (0.3, 0.05), (1.5, 0.5)]


@pytest.mark.parametrize(("c", "slope"), COSTS)
def test_no_size_costs_less_for_a_token(c, slope):
    """Over all trees of all sizes: what a round costs by what it promises."""
    t = rising(slope)

    def cost(tree):
        return (c * max(map(len, tree)) + t(len(tree) + 1)) / (1 + worth(tree, A))

    n, d = fastest(A, 5, 2, c, t)
    least = min(cost(tree) for size in range(1, 6) for tree in all_trees(3, 2, size))
    assert cost(best_tree(A, n, d)) == pytest.approx(least)


def test_without_costs_the_tree_is_as_large_as_it_may_be_and_with_them_smaller():
    assert fastest(A, 12, 6, 0.0, rising(0.0)) == (12, 6)
    n, d = fastest(A, 12, 6, 0.4, rising(0.2))
    assert n < 12
    assert d < 6


def test_what_each_size_promises_is_noted():
    events, models = [], toy_pair(1)
    params = {"acceptance": A, "nodes": 5, "depth": 2}
    play("sequoia", params, models, Seeded(1), 9, record=events)
    (table,) = [e.value for e in events if e.kind == "note" and e.name == "worth"]
    assert table[1][3:] == pytest.approx([1.95, 2.05, 2.15])
    assert table[0] == pytest.approx([1, 1.5, 1.7, 1.8, 0, 0])  # three siblings fit on one level


def test_a_draft_that_has_one_token_left_keeps_the_law():
    """At temperature 0.01 the second sibling is seldom there, and never in the way."""
    target = TableLM(3, 5)
    models = {"target": target, "draft": TableLM(3, 77, like=(target, 0.6))}
    for chain in ("temperature=0.01", "top_k=1"):
        law = exact_law("sequoia", {"nodes": 4, "acceptance": A, "filters": chain}, models, 3)
        assert total_variation(law, table_law(target, 3, parse_chain(chain))) < 1e-12


def test_every_round_has_the_shape(pair):
    events = []
    play("sequoia", {"acceptance": A, "nodes": 3, "depth": 2}, pair, Seeded(1), 9, record=events)
    by_step = {}
    for e in events:
        if e.kind == "node" and e.by == "draft":
            by_step.setdefault(e.step, []).append(e)
    assert max(map(len, by_step.values())) == 3


@pytest.mark.parametrize("nodes", [2, 4])
def test_it_follows_the_target(nodes):
    target = TableLM(3, 5)
    models = {"target": target, "draft": TableLM(3, 77, like=(target, 0.6))}
    law = exact_law("sequoia", {"nodes": nodes, "acceptance": A}, models, 3)
    assert total_variation(law, table_law(target, 3)) < 1e-12


def test_taking_the_most_probable_in_place_of_draws_is_caught(monkeypatch):
    """Negative control, trap (d)."""
    target = TableLM(4, 5)
    models = {"target": target, "draft": TableLM(4, 77, like=(target, 0.6))}
    honest = module.fill

    def top(run, root, shape, filters):
        run.choose, kept = lambda law: run.choose_best(law), run.choose
        try:
            return honest(run, root, shape, filters)
        finally:
            run.choose = kept

    monkeypatch.setattr(module, "fill", top)
    law = exact_law("sequoia", {"nodes": 3, "acceptance": A}, models, 2)
    assert total_variation(law, table_law(target, 2)) > 0.01
