"""The measured acceptance is the rule's own, and is told for those weights alone."""

import json

import pytest
import torch
from oracle import Walk, play, toy_pair

from benchmarks.acceptance import law, stands
from explorer import acceptance
from explorer.acceptance import measured_for, recorded


def first_guess_stands(pair, chain):
    """The exact chance, out of every path of one round of one guess."""
    found, script = 0.0, []
    while script is not None:
        walk, events = Walk(script), []
        params = {"gamma": 1, "filters": chain}
        play("speculative_sampling", params, pair, walk, 2, record=events)
        first = next(e for e in events if e.kind == "mark" and e.mark in ("accepted", "rejected"))
        found += walk.probability * (first.mark == "accepted")
        script = walk.next_script()
    return found


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_chance_is_that_of_the_rule(seed, temperature):
    pair = toy_pair(seed, vocab_size=4)
    p, q = (law(pair[role].logits((1, 2))[None], temperature) for role in ("target", "draft"))
    chain = f"temperature={temperature:g}"
    assert float(stands(p, q)) == pytest.approx(first_guess_stands(pair, chain), abs=1e-6)


def test_counting_equal_draws_in_place_of_accepted_ones_is_caught():
    """Negative control: two draws are equal less often than a guess stands."""
    pair = toy_pair(0, vocab_size=4)
    p, q = (law(pair[role].logits((1, 2))[None], 1.0) for role in ("target", "draft"))
    assert float((p * q).sum()) < first_guess_stands(pair, "none") - 0.05


def test_it_is_told_for_the_weights_it_was_measured_with(monkeypatch):
    told = {
        "target": "one",
        "drafts": [{"name": "half", "share": 0.5}, {"name": "d", "share": 0.1, "revision": "two"}],
        "rows": [
            {"draft": name, "temperature": 1.0, "acceptance": 0.4, "error": 0.01, "places": 9}
            for name in ("half", "d")
        ],
    }
    monkeypatch.setattr(acceptance, "recorded", lambda: told)
    assert measured_for({"three"}) == []
    assert [row.draft for row in measured_for({"one"})] == ["half"]
    assert [(row.draft, row.own) for row in measured_for({"one", "two"})] == [
        ("half", False), ("d", True)
    ]  # fmt: skip


def test_the_record_is_whole():
    known = recorded()
    assert json.loads(acceptance.RECORD.read_text(encoding="utf-8")) == known
    names = {about["name"] for about in known["drafts"]}
    assert {row["draft"] for row in known["rows"]} == names
    temperatures = {row["temperature"] for row in known["rows"]}
    assert len(known["rows"]) == len(names) * len(temperatures)
    assert all(0 < row["acceptance"] <= 1 for row in known["rows"])
    assert torch.tensor([row["places"] for row in known["rows"]]).min() > 100
