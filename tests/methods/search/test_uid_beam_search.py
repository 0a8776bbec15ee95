"""Uniform information density: beams without limit find the enumerated best of each objective."""

from itertools import pairwise
from statistics import pvariance

import pytest
import torch
from oracle import PROMPT, Walk, all_texts, play, toy_pair

import explorer.surprisal as surprisal

KINDS = ["greedy", "variance", "local", "max", "square"]
LENGTH = 3


def surprisals(table, text):
    """(u_t, the least u at that place) of a text, token by token."""
    found = []
    for t, token in enumerate(text):
        u = -torch.log_softmax(table.logits((*PROMPT.ids, *text[:t])).double(), -1)
        found.append((float(u[token]), float(u.min())))
    return found


def objective(table, text, kind, weight):
    pairs = surprisals(table, text)
    u = [x for x, _ in pairs]
    r = {
        "greedy": sum((x - least) ** 2 for x, least in pairs),
        "variance": pvariance(u),
        "local": sum((b - a) ** 2 for a, b in pairwise(u)) / len(u),
        "max": max(u),
        "square": sum(x * x for x in u),
    }[kind]
    return -sum(u) - weight * r


def searched(seed, kind, weight, beams=64, vocab_size=4):
    pair = toy_pair(seed, vocab_size)
    values = {"num_beams": beams, "regulariser": kind, "weight": weight}
    return pair["target"], play("uid_beam_search", values, pair, Walk(), LENGTH).end().outputs[0]


def is_the_best(seed, kind, weight):
    table, best = searched(seed, kind, weight)
    texts = all_texts(4, LENGTH)
    want = max(texts, key=lambda text: objective(table, text, kind, weight))
    score = objective(table, want, kind, weight)
    return tuple(best.token_ids) == want and best.score == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_beams_without_limit_find_the_best_of_all_texts(kind):
    for seed in range(4):
        for weight in (0.3, 5.0):
            assert is_the_best(seed, kind, weight)


def test_a_regulariser_that_forgets_the_past_is_caught(monkeypatch):
    """Negative control."""
    right = surprisal.Surprisals.unevenness
    forgetful = surprisal.Surprisals()
    monkeypatch.setattr(
        surprisal.Surprisals, "unevenness", lambda self, logp, kind: right(forgetful, logp, kind)
    )
    for kind in KINDS:
        assert not all(is_the_best(seed, kind, 5.0) for seed in range(4)), kind


def test_without_weight_it_is_beam_search_that_looks_as_far_as_it_can():
    for seed in range(8):
        table, best = searched(seed, "square", 0.0, beams=3)
        plain = {"num_beams": 3, "length_penalty": 0.0}
        beam = play("beam_search", plain, {"target": table}, Walk(), LENGTH).end().outputs[0]
        assert (best.token_ids, best.score) == (beam.token_ids, pytest.approx(beam.score))


def test_the_greedy_regulariser_with_a_large_weight_gives_the_greedy_text():
    for seed in range(8):
        table, best = searched(seed, "greedy", 1000.0, beams=3)
        greedy = play("greedy", {}, {"target": table}, Walk(), LENGTH)
        assert best.token_ids == greedy.tree.tokens(greedy.head)


def test_constant_surprisal_is_perfectly_even():
    u = torch.tensor([-0.5, -0.7], dtype=torch.float64)
    even = surprisal.Surprisals().then(u, 0).then(u, 0)
    for kind in ("greedy", "variance", "local"):
        assert even.unevenness(u, kind)[0] == 0
        assert even.unevenness(u, kind)[1] > 0
