"""Sequoia: its tree is the best of its size, and the target's law is kept."""

import itertools

import pytest
from oracle import exact_law, play, table_law, total_variation

import explorer.methods.speculation.sequoia as module
from explorer.methods.speculation.sequoia import best_tree, worth
from explorer.models.table import TableLM
from explorer.randomness import Seeded

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
