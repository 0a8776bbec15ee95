"""Jacobi decoding in its three forms is greedy decoding, in at most one pass a token."""

import pytest
from oracle import Walk, play, toy_pair
from rules import believing
from tiny import Tiny

import explorer.methods.speculation.jacobi as module
from explorer.run import Prompt

FORMS = [
    {"form": "jacobi"},
    {"form": "gauss-seidel", "block": 1},
    {"form": "gauss-seidel", "block": 3},
    {"form": "hybrid", "block": 3, "planned": 5},
]
PROMPT = Prompt("", (3, 1, 4))
LENGTH = 14


def played(params, tiny):
    events = []
    run = play("jacobi", params, {"target": tiny.model}, Walk(), LENGTH, PROMPT, record=events)
    (grid,) = [e.value for e in events if e.kind == "note"]
    return run, grid


@pytest.mark.parametrize("params", FORMS)
def test_it_is_the_greedy_text(params):
    fewer = 0
    for seed in range(10):
        tiny = Tiny(seed)
        plain = play("greedy", {}, {"target": tiny.model}, Walk(), LENGTH, PROMPT)
        run, grid = played(params, tiny)
        text = run.tree.tokens(run.head)
        assert text == plain.tree.tokens(plain.head)
        passes = run.totals()["steps"]
        assert len(grid) == passes <= len(text)
        fewer += len(text) - passes
    assert (fewer > 0) == (params.get("block") != 1)


def test_a_block_of_one_is_one_token_a_pass_and_its_grid_a_staircase():
    run, grid = played({"form": "gauss-seidel", "block": 1}, Tiny(1, eos=(12,)))
    n = len(run.tree.tokens(run.head))
    assert grid == [[2] * i + [0] * (n - i) for i in range(n)]


def test_each_pass_settles_what_stands_behind_certain_guesses():
    """k passes make k tokens certain at least, and all that were right in a row."""
    for seed in range(10):
        _, grid = played({"form": "jacobi"}, Tiny(seed, eos=(12,)))
        certain = [row.count(2) for row in grid]
        lucky = [next((i for i, x in enumerate(row[c:]) if x != 1), 0)
                 for row, c in zip(grid, certain, strict=True)]  # fmt: skip
        for k in range(1, len(grid)):
            assert certain[k] == certain[k - 1] + lucky[k - 1] + 1 >= k


def test_believing_the_guesses_is_caught(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "greedy_match", believing)
    pair = toy_pair(0)
    plain = play("greedy", {}, pair, Walk(), 6)
    run = play("jacobi", {}, pair, Walk(), 6)
    assert run.tree.tokens(run.head) != plain.tree.tokens(plain.head)
