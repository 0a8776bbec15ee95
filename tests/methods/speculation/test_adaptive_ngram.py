"""Adaptive n-grams: the counts are those of the text, and the law is the target's."""

import random
from collections import Counter

import pytest
from oracle import Walk, endless, exact_law, play, table_law, total_variation, toy_pair
from rules import believing

import explorer.methods.speculation.adaptive_ngram as module
from explorer.models.table import TableLM
from explorer.ngrams import NgramCounts
from explorer.run import Prompt


def test_counts_read_in_pieces_are_those_of_the_whole_text():
    chance = random.Random(3)
    text = [chance.randrange(4) for _ in range(60)]
    counts = NgramCounts(order=4)
    for end in (1, 2, 10, 11, 35, 60):
        counts.read(text[:end])
    for n in (1, 2, 3):
        want = Counter(tuple(text[i : i + n + 1]) for i in range(len(text) - n))
        got = {
            (*context, token): count
            for context, successors in counts._counts.items()
            if len(context) == n
            for token, count in successors.items()
        }
        assert got == want


def test_the_longest_context_tells_and_among_equals_the_one_seen_last():
    counts = NgramCounts(order=3)
    text = [1, 2, 3, 9, 2, 4, 1, 2]
    counts.read(text)
    assert counts.guess(text, 2) == ([3, 9], [3, 3])
    other = [9, 9, 7, 9, 8, 9]
    counts = NgramCounts(order=2)
    counts.read(other)
    assert counts.guess(other, 1) == ([8], [2])  # 9, 7 and 8 once each


def test_a_text_that_repeats_itself_comes_many_tokens_a_pass():
    """The law is the same after equal last tokens, so the text soon runs in a circle."""

    class Short(TableLM):
        def logits(self, prefix):
            return super().logits(tuple(prefix)[-1:])

    table, events = endless(Short(6, 4)), []
    params = {"length": 6, "order": 2}
    run = play("adaptive_ngram", params, {"target": table}, Walk(), 60, record=events)
    assert run.totals()["tokens"] == 60
    assert run.totals()["steps"] < 60 / 3
    emitted = Counter(e.step for e in events if e.kind == "mark" and e.mark == "emitted")
    assert max(emitted.values()) == 6 + 1


def test_what_the_orders_are_worth_is_noted():
    events = []
    table = endless(toy_pair(2)["target"])
    play("adaptive_ngram", {"order": 3}, {"target": table}, Walk(), 24, Prompt("", (1, 2)), events)
    told = [(e.step, e.value) for e in events if e.kind == "note" and e.name == "order"]
    fates = {}  # of each round's guesses in the order of their places
    for e in events:
        if e.kind == "mark" and e.mark in ("accepted", "rejected"):
            fates.setdefault(e.step, []).append(e.mark == "accepted")
    judged = [
        pair for step, orders in told for pair in zip(orders, fates.get(step, []), strict=False)
    ]
    want = [[stood for order, stood in judged if order == n] for n in range(4)]
    shares = [e.value for e in events if e.kind == "note" and e.name == "acceptance by order"]
    assert shares[-1] == pytest.approx([sum(x) / len(x) if x else 0 for x in want])
    assert sum(map(len, want)) > 5
    known = [e.value for e in events if e.kind == "note" and e.name == "contexts"]
    assert known == sorted(known)


def test_believing_a_count_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    law = exact_law("adaptive_ngram", {"filters": "none"}, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4)) > 0.01
