"""Patience: equal to first come, first served over lists of texts, and never worse with more."""

from math import ceil

import pytest
import torch
from oracle import PROMPT, Walk, play, toy_pair

from explorer.models.table import EOS

LENGTH = 6


def by_hand(table, beams, patience, enough=ceil):
    """First come, first served: the best (score, text) and the steps it took."""
    running, finished = [(0.0, ())], []
    for t in range(1, LENGTH + 1):
        fan = []
        for total, text in running:
            logp = torch.log_softmax(table.logits((*PROMPT.ids, *text)), -1).tolist()
            fan += [(total + x, (*text, v)) for v, x in enumerate(logp)]
        fan.sort(key=lambda x: -x[0])
        for total, text in fan[:beams]:
            if text[-1] == EOS or t == LENGTH:
                finished.append((total / t, text))
        running = [x for x in fan if x[1][-1] != EOS][:beams]
        if len(finished) >= enough(patience * beams):
            break
    return max(finished, key=lambda x: x[0]), t


def searched(table, beams, patience):
    values = {"num_beams": beams, "patience": patience}
    run = play("patience_beam_search", values, {"target": table}, Walk(), LENGTH)
    best = run.end().outputs[0]
    return (best.score, tuple(best.token_ids)), int(run.totals()["steps"])


CASES = [
    (toy_pair(seed)["target"], beams, patience)
    for seed in range(10)
    for beams in (1, 3)
    for patience in (0.5, 1.0, 1.4, 3.0)
]


def same(ours, theirs):
    (score, text), steps = ours
    (want, wanted), needed = theirs
    return (text, steps) == (wanted, needed) and abs(score - want) < 1e-5


def test_it_equals_first_come_first_served():
    assert all(same(searched(*case), by_hand(*case)) for case in CASES)


def test_rounding_the_patience_down_is_caught():
    """Negative control."""
    down = [by_hand(*case, enough=lambda x: max(int(x), 1)) for case in CASES]
    assert not all(same(searched(*case), wrong) for case, wrong in zip(CASES, down, strict=True))


def test_with_more_patience_the_search_is_longer_and_the_best_score_no_worse():
    grown = 0
    for seed in range(10):
        table = toy_pair(seed)["target"]
        found = [searched(table, 3, patience) for patience in (0.3, 1.0, 2.0, 4.0)]
        steps = [n for _, n in found]
        scores = [score for (score, _), _ in found]
        assert steps == sorted(steps)
        assert scores == sorted(scores)
        grown += steps[0] < steps[-1]
    assert grown > 0


def test_patience_one_gives_the_answer_of_early_stopping():
    for seed in range(10):
        pair = toy_pair(seed)
        early = {"num_beams": 3, "early_stopping": True}
        beam = play("beam_search", early, pair, Walk(), LENGTH).end().outputs[0]
        (score, text), _ = searched(pair["target"], 3, 1.0)
        assert (text, score) == (tuple(beam.token_ids), pytest.approx(beam.score))
