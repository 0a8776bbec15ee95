"""SpecInfer: independent drafts merged in one tree keep the target's law."""

import pytest
import torch
from oracle import Walk, endless, exact_law, play, table_law, total_variation, toy_pair

import explorer.methods.speculation.specinfer as module
from explorer.models.table import TableLM
from explorer.randomness import Seeded


def models(vocab_size=3):
    target = TableLM(vocab_size, 5)
    return {"target": target, "draft": TableLM(vocab_size, 77, like=(target, 0.6))}


@pytest.mark.parametrize("temperatures", [(1.0,), (1.0, 1.0), (0.5, 2.0)])
def test_it_follows_the_target(temperatures):
    pair = models()
    law = exact_law("specinfer", {"temperatures": temperatures, "gamma": 1}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) < 1e-12


def test_chains_that_begin_alike_share_their_nodes():
    events = []
    draft = endless(TableLM(4, 2, peak=600.0))  # all drafts write the same
    pair = {"target": TableLM(4, 1), "draft": draft}
    params = {"temperatures": (1.0, 1.0, 1.0), "gamma": 3}
    play("specinfer", params, pair, Seeded(0), 6, record=events)
    first = [e for e in events if e.kind == "node" and e.by == "draft 1" and e.step == 0]
    assert len(first) == 3, "the others' guesses are the first one's nodes"
    rows = [e.rows for e in events if e.kind == "eval" and e.view == "draft" and e.step == 0]
    assert rows == [0, 1, 1]  # the prompt was read before


def test_leaving_out_a_draft_that_guessed_the_same_is_caught(monkeypatch):
    """Negative control, trap (f): two equal guesses are two rejections."""
    honest = module.independent_drafts

    def merged(run, law, guesses):
        return honest(run, law, list({guess.token: guess for guess in guesses}.values()))

    monkeypatch.setattr(module, "independent_drafts", merged)
    pair = models(5)
    law = exact_law("specinfer", {"temperatures": (1.0, 1.0, 1.0), "gamma": 1}, pair, 2)
    assert total_variation(law, table_law(pair["target"], 2)) > 0.001


def test_each_guess_says_which_draft_was_the_first_to_make_it():
    events = []
    play("specinfer", {"temperatures": (1.0, 2.0)}, models(5), Seeded(3), 9, record=events)
    chosen = {(e.node, x): e.stream for e in reversed(events) if e.kind == "choice"
              for x in e.chosen if e.stream != "target"}  # fmt: skip
    guesses = [e for e in events if e.kind == "node" and e.by != "target"]
    assert {e.by for e in guesses} == {"draft 1", "draft 2"}
    assert all(chosen[e.parent, e.token] == e.by for e in guesses)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_node_accepts_as_often_as_sampling_and_matching_at_least(k):
    """And no less often than with a single draft; exact, over random laws."""
    for seed in range(6):
        pair = toy_pair(seed, vocab_size=4)
        p, q = (pair[role].logits((1, 2)).double().softmax(-1) for role in ("target", "draft"))
        accepted = accepted_at_the_root(pair, k)
        assert accepted >= float((p * (1 - (1 - q) ** k)).sum()) - 1e-6
        assert accepted >= float(torch.minimum(p, q).sum()) - 1e-6


def accepted_at_the_root(pair, k):
    """The chance that one of k guesses stands, out of every path of one round."""
    found, script = 0.0, []
    while script is not None:
        walk, events = Walk(script), []
        params = {"temperatures": (1.0,) * k, "gamma": 1}
        play("specinfer", params, pair, walk, 2, record=events)
        marks = [e for e in events if e.kind == "mark" and e.step == 0]
        found += walk.probability * any(e.mark == "accepted" for e in marks)
        script = walk.next_script()
    return found


def test_two_drafts_accept_more_than_one():
    accepted = []
    for temperatures in ((1.0,), (1.0,) * 4):
        stood = 0
        for seed in range(40):
            events = []
            params = {"temperatures": temperatures, "gamma": 1}
            play("specinfer", params, models(5), Seeded(seed), 6, record=events)
            stood += sum(e.kind == "mark" and e.mark == "accepted" for e in events)
        accepted.append(stood)
    assert accepted[1] > accepted[0]
