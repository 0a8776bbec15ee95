"""Mirostat: its law by a plain recursion, its estimate of Zipf's exponent, its feedback."""

import math

import pytest
import torch
from oracle import PROMPT, enumerate_law, exact_law, play, total_variation

import explorer.methods.sampling.mirostat as module
from explorer.models.table import TableLM
from explorer.randomness import Seeded


@pytest.fixture
def pair():
    """A table flat enough that thresholds around one bit cut something now and then."""
    return {"target": TableLM(3, 3, peak=0.8)}


def recipe(pair, version, tau, eta, renormalised=True, sign=-1):
    """Logits after a text, μ worked out anew from its beginning."""

    def law(prefix, mu):
        p = torch.softmax(pair["target"].logits(prefix), -1, dtype=torch.float64).tolist()
        order = sorted(range(len(p)), key=lambda v: (-p[v], v))
        if version == "v2":
            keep = [v for v in order if -math.log2(p[v]) <= mu] or order[:1]
        else:
            pairs = [(math.log((i + 2) / (i + 1)), math.log(p[order[i]] / p[order[i + 1]]))
                     for i in range(len(p) - 1)]  # fmt: skip
            s = sum(t * b for t, b in pairs) / sum(t * t for t, _ in pairs)
            eps, n = s - 1, len(p)
            k = round((eps * 2**mu / (1 - n**-eps)) ** (1 / s)) + 1
            keep = order[: min(k, n)]
        mass = sum(p[v] for v in keep)
        return p, [p[v] / mass if v in keep else 0.0 for v in range(len(p))]

    def logits(text):
        mu = 2 * tau
        for i, token in enumerate(text):
            whole, among = law((*PROMPT.ids, *text[:i]), mu)
            measured = among if version == "v2" and renormalised else whole
            mu += sign * eta * (-math.log2(measured[token]) - tau)
        return torch.tensor(law((*PROMPT.ids, *text), mu)[1], dtype=torch.float64).log()

    return logits


@pytest.mark.parametrize(("version", "renormalised"), [("v1", True), ("v2", True), ("v2", False)])
@pytest.mark.parametrize(("tau", "eta"), [(0.8, 1.0), (1.2, 0.4)])
def test_the_text_follows_the_recipe(version, renormalised, tau, eta, pair):
    params = {"version": version, "tau": tau, "eta": eta, "renormalised": renormalised}
    want = enumerate_law(recipe(pair, version, tau, eta, renormalised), 4)
    assert total_variation(exact_law("mirostat", params, pair, 4), want) < 1e-7


def test_feeding_the_error_back_with_the_wrong_sign_is_caught(pair):
    """Negative control."""
    wrong = enumerate_law(recipe(pair, "v2", 0.8, 1.0, sign=1), 4)
    law = exact_law("mirostat", {"version": "v2", "tau": 0.8, "eta": 1.0}, pair, 4)
    assert total_variation(law, wrong) > 0.05


class Zipf(TableLM):
    """The same Zipf law after every text, which never ends."""

    def __init__(self, s, n=300):
        super().__init__(n)
        self.eos_ids, self.context_length = frozenset(), 10_000
        self.always = -s * torch.arange(1, n + 1).double().log()

    def logits(self, prefix):
        return self.always


@pytest.mark.parametrize("s", [0.7, 1.0, 1.3, 2.0])
def test_the_exponent_of_a_zipf_law_is_found(s):
    falling = Zipf(s).always.softmax(-1)
    assert module.zipf_exponent(falling[:100]) == pytest.approx(s)


def mean_surprise(version, tau, steps=400):
    """Under the model's own law, over the second half of a long text."""
    zipf = Zipf(1.1)
    params = {"version": version, "tau": tau, "eta": 0.3, "renormalised": False}
    run = play("mirostat", params, {"target": zipf}, Seeded(4), steps)
    bits = -zipf.always.log_softmax(-1) / math.log(2)
    return float(bits[run.tree.tokens(run.head)[steps // 2 :]].mean())


def test_a_target_above_the_models_own_mean_is_never_reached():
    bits = -Zipf(1.1).always.log_softmax(-1) / math.log(2)
    own = float((bits * 2**-bits).sum())
    assert mean_surprise("v2", own + 3) < own + 0.5


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_mean_surprise_comes_to_the_target(version):
    for tau in (2.5, 4.0):  # below the law's own mean of 5.5 bits
        assert mean_surprise(version, tau) == pytest.approx(tau, abs=0.1)


def test_a_controller_that_does_not_steer_misses_the_target(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "unsurprising", lambda probs, mu: probs > 0)
    assert abs(mean_surprise("v2", 2.5) - 2.5) > 1


def test_a_flat_or_lone_head_has_a_size_too():
    assert module.head_size(module.zipf_exponent(torch.full((50,), 0.02).double()), 3.0, 50) >= 1
    assert module.head_size(1.0, 2.0, 50) == round(4 / math.log(50)) + 1
    lone = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    assert module.zipf_head(lone, 4.0, 100).tolist() == [False, True, False]
    assert module.unsurprising(lone, -3.0).tolist() == [False, True, False]


def test_the_threshold_and_the_surprise_are_noted(pair):
    events = []
    play("mirostat", {"tau": 1.0, "eta": 0.5}, pair, Seeded(3), 5, record=events)
    noted = {}
    for event in events:
        if event.kind == "note":
            noted.setdefault(event.name, []).append(event.value)
    mu = 2.0
    for S, threshold in zip(noted["surprise"], noted["mu"], strict=True):
        assert threshold == pytest.approx(mu)
        mu -= 0.5 * (S - 1.0)
    assert all(1 <= k <= 3 for k in noted["kept_tokens"])
