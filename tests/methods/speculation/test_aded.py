"""ADED: the table holds laws, the search is what it says, and the output law is the target's."""

import heapq
import math
import random

import pytest
from oracle import endless, exact_law, play, table_law, total_variation
from rules import believing

import explorer.methods.speculation.aded as module
from explorer.methods.speculation.aded import DEPTH, AdedParams, TrigramTable, search
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.run import Prompt


def some_table(seed=0, letters=4, k=3):
    chance = random.Random(seed)
    table = TrigramTable(k, 0.5)
    table.count([chance.randrange(1, 1 + letters) for _ in range(200)])
    return table


@pytest.mark.parametrize("nodes", [1, 4])
def test_it_follows_the_target(pair, nodes):
    params = {"nodes": nodes, "simulations": 6, "filters": "none"}
    law = exact_law("aded", params, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4)) < 1e-12


def test_without_exploration_the_search_takes_the_largest_products():
    table = some_table()
    for last in ((1, 2), (3, 3), (4, 1)):
        found = search(table, last, AdedParams(simulations=40, nodes=40, exploration=0.0), set())
        best, waiting = [], [(-1.0, ())]
        while waiting and len(best) <= 40:
            product, path = heapq.heappop(waiting)
            best.append(-product)
            if len(path) < DEPTH:
                row = table.rows.get((*last, *path)[-2:], {})
                for w, x in row.items():
                    heapq.heappush(waiting, (product * x, (*path, w)))
        assert sorted(map(product_of(table, last), found)) == pytest.approx(sorted(best[1:]))


def product_of(table, last):
    """How probable the table holds a path behind the last two tokens."""

    def product(path):
        text = (*last, *path)
        chances = [table.rows[text[i : i + 2]][text[i + 2]] for i in range(len(path))]
        return math.prod(chances)

    return product


def test_exploration_visits_more_of_the_first_tokens():
    table = some_table()
    first = [
        len({path[0] for path in search(table, (1, 2), AdedParams(
            simulations=5, nodes=32, exploration=c), set())})
        for c in (0.0, 100.0)
    ]  # fmt: skip
    assert first[1] >= first[0]
    assert first[1] == len(table.rows[1, 2])


def test_paths_are_closed_and_end_at_an_end_token():
    found = search(some_table(), (1, 2), AdedParams(simulations=60, nodes=30), {3})
    assert len(found) == 30
    for i, path in enumerate(found):
        assert len(path) == 1 or path[:-1] in found[:i]
        assert 3 not in path[:-1]


def test_rows_stay_normalised_and_learn():
    table = endless(TableLM(5, 4))
    events = []
    params = {"filters": "none"}
    run = play("aded", params, {"target": table}, Seeded(1), 30, Prompt("", (1, 2, 1, 2)), events)
    assert run.totals()["tokens"] == 30
    rows = [e.value for e in events if e.kind == "note" and e.name == "table"]
    for matrix in rows:
        assert all(sum(row) == pytest.approx(1, abs=0.02) for row in matrix)
    pairs = [e.value for e in events if e.kind == "note" and e.name == "pairs"]
    assert pairs == sorted(pairs)


class Short(TableLM):
    """A table whose law depends on the last two tokens alone."""

    def logits(self, prefix):
        return super().logits(tuple(prefix)[-2:])


def test_what_was_learnt_is_accepted():
    table = endless(Short(4, 4))
    events = []
    run = play("aded", {}, {"target": table}, Seeded(0), 40, Prompt("", (1, 2)), record=events)
    assert run.totals()["steps"] <= 9 + -(-40 // (DEPTH + 1))
    agreement = [e.value for e in events if e.kind == "note" and e.name == "agreement"]
    assert agreement[-1] > 0.99


def test_believing_the_table_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    law = exact_law("aded", {"filters": "none"}, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4)) > 0.01
