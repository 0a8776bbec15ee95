"""Token recycling: the shape of its tree, what it remembers, and the target's law."""

import pytest
import torch
from oracle import endless, exact_law, play, table_law, total_variation
from rules import believing

import explorer.methods.speculation.token_recycling as module
from explorer.methods.speculation.token_recycling import DEPTH, remembered, template
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.run import Prompt


def test_the_template_is_closed_and_the_likeliest_first():
    paths = template(80, 8)
    assert len(set(paths)) == len(paths) == 80
    for i, path in enumerate(paths):
        assert len(path) == 1 or path[:-1] in paths[:i]
        assert path[-1] == 0 or (*path[:-1], path[-1] - 1) in paths[:i]
    assert max(map(len, paths)) <= DEPTH
    assert template(4, 1) == [(0,), (0, 0), (0, 0, 0), (0, 0, 0, 0)]
    assert len(template(80, 1)) == DEPTH


def test_only_what_is_remembered_becomes_a_path():
    known = {1: [2, 3], 2: [1]}
    ranks = [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0)]
    assert list(remembered(1, known, ranks)) == [[2], [3], [2, 1], [2, 1, 2]]


class Short(TableLM):
    """A table whose law depends on the last token alone."""

    def logits(self, prefix):
        return super().logits(tuple(prefix)[-1:])


def test_what_was_read_once_is_known_for_good():
    """Without an end the most probable successors run in a circle that the table soon knows."""
    table = endless(Short(6, 4))
    events = []
    run = play(
        "token_recycling", {}, {"target": table}, Seeded(0), 40, Prompt("", (1,)), record=events
    )
    assert run.totals()["steps"] <= 5 + -(-40 // (DEPTH + 1))
    known = [e.value for e in events if e.kind == "note" and e.name == "known tokens"]
    assert known == sorted(known)
    assert known[-1] <= 6
    tables = [e.value for e in events if e.kind == "note" and e.name == "table"]
    assert [len(rows) for rows in tables] == known
    assert all(row == sorted(row, reverse=True) for row in tables[-1])


def test_a_row_is_the_k_most_probable_of_the_last_law_read_there():
    table = endless(Short(6, 4))
    events = []
    prompt = Prompt("", (1,))
    play("token_recycling", {"k": 3}, {"target": table}, Seeded(0), 40, prompt, record=events)
    rows = next(e.value for e in reversed(events) if e.kind == "note" and e.name == "table")
    laws = [torch.softmax(table.logits((token,)), -1) for token in range(6)]
    known = [sorted(law.tolist(), reverse=True)[:3] for law in laws]
    assert len(rows) > 2
    for row in rows:
        assert any(row == pytest.approx(want, abs=1e-3) for want in known)


def test_believing_the_table_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    law = exact_law("token_recycling", {"filters": "none"}, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4)) > 0.01
