"""NeuroLogic with look-ahead: the estimate is what reading on by hand gives."""

import pytest
import torch
from oracle import PROMPT, Walk, play, toy_pair

import explorer.methods.search.neurologic_a_star as module
from explorer.models.table import EOS
from explorer.tree import Mixture

WANTED = "c;dd|ab"


def searched(seed, length=6, wanted=WANTED, record=None, method="neurologic_a_star", **values):
    params = {"clauses": wanted, "num_beams": 3, **values}
    return play(method, params, toy_pair(seed), Walk(), length, record=record)


def outputs(*args, **values):
    return [(o.token_ids, o.score) for o in searched(*args, **values).end().outputs]


def test_without_weight_or_tokens_ahead_it_is_neurologic():
    for seed in range(8):
        plain = outputs(seed, method="neurologic")
        assert outputs(seed, steps=0) == plain
        for form in ("greedy", "beam", "sample", "soft"):
            assert outputs(seed, weight=0.0, lookahead=form) == plain


def test_one_text_ahead_is_greedy_in_every_form():
    for seed in range(8):
        greedy = outputs(seed, weight=1.0)
        assert outputs(seed, weight=1.0, lookahead="beam", width=1) == greedy
        assert outputs(seed, weight=1.0, lookahead="sample", width=3, top_k=1) == greedy
        assert outputs(seed, weight=1.0, lookahead="soft", temperature=1e-4) == greedy


def test_it_is_not_neurologic():
    assert any(outputs(s, weight=2.0) != outputs(s, method="neurologic") for s in range(8))


def by_hand(table, text, phrases, steps, length, temperature=None):
    """The best chance of a phrase behind a text, going on greedily or by mixtures."""
    best = -torch.inf
    for step in range(steps):
        logp = torch.log_softmax(table.logits_behind((*PROMPT.ids, *text)), -1)
        for phrase in phrases:
            done = 0
            if step == 0:
                done = max(n for n in range(len(phrase)) if text[len(text) - n :] == phrase[:n])
            best = max(best, float(logp[list(phrase[done:])].mean()))
        token = int(logp.argmax())
        if token == EOS or len(text) + 1 == length:
            break
        if temperature is not None:
            shares = (logp.double() / temperature).exp()
            token = Mixture.of({i: float(shares[i]) for i in range(len(shares)) if i != EOS})
        text = (*text, token)
    return best


def estimates_are_right(seed, steps=3, length=6, temperature=None):
    """The first two steps' estimates, against candidates put together by hand."""
    table, events = toy_pair(seed)["target"], []
    params = {"clauses": "cd", "num_beams": 1, "steps": steps, "prune_factor": 1}
    if temperature is not None:
        params |= {"lookahead": "soft", "temperature": temperature}
    run = play("neurologic_a_star", params, {"target": table}, Walk(), length, record=events)
    noted = [e.value for e in events if e.kind == "note" and e.name == "estimate"]
    first = torch.log_softmax(table.logits(PROMPT.ids), -1)
    first[EOS] = -torch.inf
    best = first.topk(2).indices.tolist()
    want = [by_hand(table, (token,), [(3, 4)], steps, length, temperature) for token in best]
    assert run.head
    return len(noted[0]) == 2 and noted[0] == pytest.approx(want, abs=1e-5)


def test_the_estimate_is_that_of_reading_on_by_hand():
    assert all(estimates_are_right(seed) for seed in range(8))
    for temperature in (0.5, 2.0):
        assert all(estimates_are_right(seed, temperature=temperature) for seed in range(8))


def test_reading_one_token_less_is_caught(monkeypatch):
    """Negative control."""
    real = module.LookAhead._onward
    monkeypatch.setattr(module.LookAhead, "_onward", lambda self, *a: real(self, *a)[:0])
    assert not all(estimates_are_right(seed) for seed in range(8))


def test_a_mixture_of_another_temperature_is_caught():
    """Negative control: what is mixed is what the temperature says."""

    def noted(seed, temperature):
        events = []
        values = {"lookahead": "soft", "temperature": temperature}
        searched(seed, record=events, **values)
        return [e.value for e in events if e.kind == "note" and e.name == "estimate"]

    assert any(noted(seed, 0.5) != noted(seed, 2.0) for seed in range(4))


def test_what_is_drawn_ahead_follows_the_best_tokens():
    walk = Walk()
    params = {"clauses": "d", "lookahead": "sample", "width": 2, "num_beams": 1, "steps": 2}
    play("neurologic_a_star", params, toy_pair(0), walk, 3)
    assert walk.open and set(walk.open) == {2}


def test_nothing_that_was_ahead_stays_alive():
    for seed in range(4):
        events = []
        run = searched(seed, record=events)
        chosen = {e.node for e in events if e.kind == "mark" and e.mark in ("kept", "finished")}
        assert len(chosen) < len(run.tree) - 1
        assert {n for n in range(1, len(run.tree)) if run.tree.alive(n)} <= chosen
