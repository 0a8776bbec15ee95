"""Adaptive n-grams: the counts are those of the text, and the law is the target's."""

import random
from collections import Counter

from oracle import Walk, exact_law, play, table_law, total_variation
from rules import believing
from tiny import Tiny

import explorer.methods.speculation.adaptive_ngram as module
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
    tiny = Tiny(1, eos=(12,))
    prompt = Prompt("", (3, 1, 4, 3, 1, 4, 3, 1))
    for parameter in tiny.net.model.layers.parameters():
        parameter.data *= 0  # what is left sees the last token alone
    run = play("adaptive_ngram", {"length": 6}, {"target": tiny.model}, Walk(), 60, prompt)
    assert run.totals()["steps"] < 60 / 3


def test_believing_a_count_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    law = exact_law("adaptive_ngram", {"filters": "none"}, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4)) > 0.01
