"""Jacobi decoding in its three forms is greedy decoding, in at most one pass a token."""

import pytest
import torch
from oracle import Walk, play, toy_pair
from rules import believing
from tiny import Tiny

import explorer.methods.speculation.jacobi as module
from explorer.models.table import TableLM
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
    (grid,) = [e.value for e in events if e.kind == "note" and e.name == "dependency grid"]
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
        assert grid[-1] == [2] * len(text), "behind the last pass all is certain"
    assert (fewer > 0) == (params.get("block") != 1)


def test_a_block_of_one_is_one_token_a_pass_and_its_grid_a_staircase():
    run, grid = played({"form": "gauss-seidel", "block": 1}, Tiny(1, eos=(12,)))
    n = len(run.tree.tokens(run.head))
    assert grid == [[2] * (i + 1) + [0] * (n - i - 1) for i in range(n)]


def test_a_block_as_long_as_the_text_is_all_at_once():
    for seed in range(4):
        tiny = Tiny(seed)
        whole = played({"form": "jacobi"}, tiny)[1]
        assert played({"form": "gauss-seidel", "block": LENGTH}, tiny)[1] == whole


def test_guesses_that_are_all_right_are_one_row():
    """The text repeats the last token of the prompt, which is what is guessed first."""
    table = TableLM(5)
    table.logits = lambda prefix: torch.tensor([0.0, 0.0, 9.0, 0.0, 0.0])
    events = []
    run = play("jacobi", {"form": "jacobi"}, {"target": table}, Walk(), 6, record=events)
    (grid,) = [e.value for e in events if e.kind == "note" and e.name == "dependency grid"]
    assert run.tree.tokens(run.head) == [2] * 6
    assert grid == [[2] * 6]


def test_each_pass_settles_what_stands_behind_certain_guesses():
    """k passes make k tokens certain at least, and all that were right in a row."""
    for seed in range(10):
        _, grid = played({"form": "jacobi"}, Tiny(seed, eos=(12,)))
        certain = [row.count(2) for row in grid]
        lucky = [next((i for i, x in enumerate(row[c:]) if x != 1), len(row) - c)
                 for row, c in zip(grid, certain, strict=True)]  # fmt: skip
        for k in range(1, len(grid)):
            sure = certain[k - 1] + lucky[k - 1] + 1
            assert certain[k] == min(sure, len(grid[k])) >= k + 1


class Ends(TableLM):
    """Writes 1 2 3 4 1 2 …, and guesses an end wherever the token before is wrong."""

    def logits(self, prefix):
        right = all(token == 1 + i % 4 for i, token in enumerate(prefix[1:]))
        token = 1 + (len(prefix) - 1) % 4 if right else 0
        return torch.zeros(self.vocab_size).index_fill(0, torch.tensor(token), 9.0)


def test_behind_a_guessed_end_the_places_keep_what_was_guessed_there():
    """A pass says nothing about them; the window stays and its places stay in step."""
    events = []
    params = {"form": "gauss-seidel", "block": 6}
    run = play("jacobi", params, {"target": Ends(5)}, Walk(), 12, Prompt("", (4,)), events)
    assert run.tree.tokens(run.head) == [1, 2, 3, 4] * 3
    iterates = [e.value for e in events if e.kind == "note" and e.name == "iterate"]
    ends = Ends(5).token_text(0)
    assert [len(text.replace(ends, "?")) for text in iterates][:6] == [6, 5, 4, 3, 2, 1]
    grid = next(e.value for e in events if e.kind == "note" and e.name == "dependency grid")
    assert [row.count(2) for row in grid] == list(range(1, 13))


def test_the_probabilities_of_what_was_said_are_noted():
    events, table = [], toy_pair(3)["target"]
    run = play("jacobi", {"form": "jacobi"}, {"target": table}, Walk(), 6, record=events)
    grid = next(e.value for e in events if e.kind == "note" and e.name == "probability grid")
    text, prefix = run.tree.tokens(run.head), (1, 2)
    for i, token in enumerate(text):
        p = float(torch.softmax(table.logits((*prefix, *text[:i])), -1)[token])
        assert grid[-1][i] in (pytest.approx(p, abs=1e-3), 0.0)
    assert max(map(max, grid)) > 0


def test_believing_the_guesses_is_caught(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "greedy_match", believing)
    pair = toy_pair(0)
    plain = play("greedy", {}, pair, Walk(), 6)
    run = play("jacobi", {}, pair, Walk(), 6)
    assert run.tree.tokens(run.head) != plain.tree.tokens(plain.head)
