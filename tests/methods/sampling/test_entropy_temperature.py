"""Entropy temperature follows the law that its two formulas state."""

import math

import pytest
import torch
from oracle import PROMPT, enumerate_law, exact_law, play, table_law, total_variation, toy_pair

from explorer.errors import InputError
from explorer.randomness import Seeded
from explorer.registry import get_method
from explorer.sampling import Temperature


def tempered(pair, temperature):
    """Logits divided by a temperature that is a function of the entropy in nats."""

    def logits(text):
        z = pair["target"].logits((*PROMPT.ids, *text)).double()
        p = z.softmax(-1)
        return z / temperature(-float((p * p.log()).sum()))

    return logits


@pytest.mark.parametrize(("t0", "theta"), [(1.0, 1.0), (1.7, 0.4)])
def test_edt_follows_its_formula(t0, theta, pair):
    params = {"rule": "edt", "high": t0, "theta": theta, "filters": "none"}
    want = enumerate_law(tempered(pair, lambda h: t0 * 0.8 ** (theta / h)), 3)
    assert total_variation(exact_law("entropy_temperature", params, pair, 3), want) < 1e-6


def test_dynatemp_follows_its_formula(pair):
    params = {"rule": "dynatemp", "high": 2.0, "low": 0.4, "exponent": 1.5, "filters": "none"}
    want = enumerate_law(tempered(pair, lambda h: 0.4 + 1.6 * (h / math.log(3)) ** 1.5), 3)
    assert total_variation(exact_law("entropy_temperature", params, pair, 3), want) < 1e-6


def test_without_sensitivity_it_is_sampling_at_one_temperature(pair):
    params = {"rule": "edt", "high": 0.6, "theta": 0.0, "filters": "none"}
    law = exact_law("entropy_temperature", params, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3, [Temperature(t=0.6)])) < 1e-6


def test_another_logarithm_is_caught(pair):
    """Negative control: the entropy in bits is another law."""
    params = {"rule": "edt", "high": 1.0, "theta": 1.0, "filters": "none"}
    bits = enumerate_law(tempered(pair, lambda h: 0.8 ** (math.log(2) / h)), 3)
    assert total_variation(exact_law("entropy_temperature", params, pair, 3), bits) > 0.01


@pytest.mark.parametrize("rule", ["edt", "dynatemp"])
def test_by_either_rule_it_is_hotter_where_the_entropy_is_higher(rule):
    events = []
    params = {"rule": rule, "high": 1.5, "low": 0.3, "filters": "none"}
    play("entropy_temperature", params, toy_pair(1), Seeded(4), 8, record=events)
    noted = [[e.value for e in events if e.kind == "note" and e.name == name]
             for name in ("entropy", "temperature")]  # fmt: skip
    by_entropy = sorted(zip(*noted, strict=True))
    assert len(by_entropy) > 2
    assert [t for _, t in by_entropy] == sorted(noted[1])


def test_a_lowest_temperature_above_the_highest_is_refused_with_the_field():
    parse = get_method("entropy_temperature").parse
    with pytest.raises(InputError, match=r"low = 3.* is not allowed: high = 1 must be at least"):
        parse({"rule": "dynatemp", "low": 3, "high": 1})
    with pytest.raises(InputError, match=r"low = 0.5 is not allowed: high = 0.2"):
        parse({"rule": "dynatemp", "high": 0.2})
    assert parse({"rule": "edt", "high": 0.2})


def test_temperature_and_entropy_are_noted_at_every_step():
    events = []
    run = play("entropy_temperature", {}, toy_pair(1), Seeded(2), 6, record=events)
    notes = {name: [e for e in events if e.kind == "note" and e.name == name]
             for name in ("temperature", "entropy")}  # fmt: skip
    assert len(notes["temperature"]) == len(notes["entropy"]) == run.totals()["steps"]
    for t, h in zip(notes["temperature"], notes["entropy"], strict=True):
        assert t.value == pytest.approx(0.8 ** (1 / h.value), rel=1e-5)
    assert torch.tensor([t.value for t in notes["temperature"]]).lt(1).all()
