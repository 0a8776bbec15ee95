"""Acceptance over draft size and temperature: as it was recorded, for runs of those weights."""

import pytest
from picture_makers import draw_all, fold, letter, toy_events

from explorer import acceptance
from explorer.speedup import best_length, speed_up

SHARES = {"2 of 8 blocks": 0.25, "6 of 8 blocks": 0.75}


def known(target, draft):
    return {
        "target": target,
        "drafts": [{"name": name, "share": share} for name, share in SHARES.items()]
        + [{"name": "d", "share": 0.1, "revision": draft}],
        "rows": [
            {"draft": name, "temperature": t, "acceptance": round(0.3 + t / 4 + share / 5, 3),
             "error": 0.02, "places": 500}
            for t in (0.0, 1.0)
            for name, share in (*SHARES.items(), ("d", 0.1))
        ],
    }  # fmt: skip


def drawn(monkeypatch, method="speculative_sampling", target="a", draft="b"):
    events = toy_events(method, length=9)
    for event in events:
        if event.kind == "view":
            event.model["revision"] = {"target": "a", "draft": "b"}[event.name]
    monkeypatch.setattr(acceptance, "recorded", lambda: known(target, draft))
    return draw_all(fold(events), letter), events


def test_lines_are_the_recorded_ones_and_the_draft_stands_beside_them(monkeypatch):
    pictures, events = drawn(monkeypatch)
    picture = pictures["draft_sizes"]
    cold, hot, models, here = picture.frames[-1].traces
    assert cold["x"] == hot["x"] == [0.25, 0.75]
    assert hot["y"] == [0.6, 0.7]
    assert models["x"] == [0.1, 0.1]
    judged = [e for e in events if e.kind == "mark" and e.mark in ("accepted", "rejected")]
    stood = sum(e.mark == "accepted" for e in judged)
    assert here["y"] == [pytest.approx(stood / len(judged))] * 2, "a chain: one guess a place"


def test_the_table_says_what_the_formula_promises(monkeypatch):
    rows = drawn(monkeypatch)[0]["draft_sizes"].table.rows
    for _, share, _, alpha, _, gamma, gain in rows:
        assert gamma == best_length(alpha, share)
        assert gain == pytest.approx(speed_up(alpha, gamma, share), abs=1e-3)


def test_weights_that_were_not_measured_are_not_drawn(monkeypatch):
    assert "draft_sizes" not in drawn(monkeypatch, target="other")[0]
    pictures, _ = drawn(monkeypatch, draft="other")
    assert pictures["draft_sizes"].frames[-1].traces[2]["x"] == []
    pictures, _ = drawn(monkeypatch, "prompt_lookup")
    assert pictures["draft_sizes"].frames[-1].traces[2]["x"] == []
