"""The calibration of acceptance by rank is the rule's own, without a coin."""

import pytest
import torch
from oracle import Walk, play, toy_pair

import explorer.calibration as module
from explorer.calibration import acceptance_by_rank, calibrated

K = 3


def expected(p, q):
    """The chances by rank, the mean over all draws, each walked once."""
    found, script = torch.zeros(K, dtype=torch.float64), []
    while script is not None:
        walk = Walk(script)
        chances = acceptance_by_rank(p, q, K, lambda law, walk=walk: walk.draw(law)[0])
        found += walk.probability * torch.tensor(chances, dtype=torch.float64)
        script = walk.next_script()
    return found.tolist()


def by_the_method(pair):
    """The same out of every path of one round of the tree of K siblings."""
    found, script = [0.0] * K, []
    while script is not None:
        walk, events = Walk(script), []
        play("speculative_tree", {"branching": (K,)}, pair, walk, 2, record=events)
        judged = [e.mark for e in events if e.kind == "mark" and e.mark in ("accepted", "rejected")
                  and e.step == 0]  # fmt: skip
        if "accepted" in judged:
            found[judged.index("accepted")] += walk.probability
        script = walk.next_script()
    return found


def laws(seed):
    pair = toy_pair(seed, vocab_size=4)
    return pair, *(pair[role].logits((1, 2)).double().softmax(-1) for role in ("target", "draft"))


@pytest.mark.parametrize("seed", range(3))
def test_the_chances_are_those_of_the_rule(seed):
    pair, p, q = laws(seed)
    assert expected(p, q) == pytest.approx(by_the_method(pair), abs=1e-6)


def test_equal_laws_accept_the_first_and_a_draft_that_is_used_up_no_more():
    _, p, _ = laws(0)
    assert expected(p, p) == pytest.approx([1, 0, 0])
    sure = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    assert expected(p, sure) == pytest.approx([float(p[1]), 0, 0])


def test_many_places_are_averaged():
    def draw(law):
        return int(law.argmax())

    pairs = [laws(seed)[1:] for seed in range(4)]
    want = torch.tensor([acceptance_by_rank(p, q, K, draw) for p, q in pairs]).mean(0)
    assert calibrated(pairs, K, draw) == pytest.approx(want.tolist())


def test_forgetting_what_was_tried_is_caught(monkeypatch):
    """Negative control: then siblings are drawn with replacement."""
    monkeypatch.setattr(module, "without", lambda q, tried: q)
    pair, p, q = laws(0)
    assert expected(p, q) != pytest.approx(by_the_method(pair), abs=1e-3)
