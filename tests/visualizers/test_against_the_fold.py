"""Each picture against the fold of the events up to a step, read here in the plainest way."""

from __future__ import annotations

from math import exp

import pytest
import torch
from oracle import PROMPT, toy_pair
from picture_makers import draw_all, fold, last_step, letter, toy_events, traces

from visualizers.picture import visible_at
from visualizers.reading import OWN, Reading

each_run = pytest.mark.parametrize("name", list(traces()))
DEAD = ("pruned", "rejected")


def classes(now):
    """The class of every node of a fold: its last mark, and what follows for the living."""
    text = set(now.text_at())
    guesses = [n.id for n in now.nodes[1:] if n.by not in OWN]
    known = {0: "prompt"}
    for node in reversed(now.nodes[1:]):
        kinds = [m.mark for m in node.marks]
        person = node.by == "person" or "forced" in kinds
        added = node.by == "target" and any(
            now.nodes[g].born <= node.born and g < node.id for g in guesses
        )
        alive = "forced" if person else "added" if added else "text" if node.id in text else "open"
        last = kinds[-1] if kinds else ""
        if node.id in text or last in ("", "kept", "forced"):
            known[node.id] = alive
            if not last and node.by not in OWN:
                known[node.id] = "guess"
            below = [known[c] in DEAD for c in node.children]
            if known[node.id] == "open" and below and all(below):
                known[node.id] = "pruned"
        else:
            known[node.id] = last
    return known


def late_steps(name):
    """The steps at which the tree does not show every node of the fold in its class."""
    events, token_text = traces()[name]
    picture = draw_all(fold(events), token_text)["hypotheses"]
    found = []
    for step in range(last_step(events) + 1):
        shown = visible_at(picture, step, opened=True)
        nodes = {s.of: s.cls for s in shown if s.of.startswith("node ")}
        expected = {f"node {n}": c for n, c in classes(fold(events, step)).items() if n}
        if nodes != expected:
            found.append(step)
    return found


@each_run
def test_the_tree_shows_every_node_in_its_class(name):
    assert late_steps(name) == []


def test_a_class_that_comes_a_step_late_is_found(monkeypatch):
    """Negative control."""
    real = Reading.histories.func
    late = property(lambda self: [[(s + (c == "pruned"), c) for s, c in h] for h in real(self)])
    monkeypatch.setattr(Reading, "histories", late)
    assert late_steps("beam_search 0")


@each_run
def test_the_numbers_in_the_stubs_count_what_they_hide(name):
    events, token_text = traces()[name]
    picture = draw_all(fold(events), token_text)["hypotheses"]
    for step in range(last_step(events) + 1):
        closed = visible_at(picture, step)
        nodes = sum(s.of.startswith("node ") for s in closed)
        hidden = sum(int(s.text) for s in closed if s.of.startswith("count "))
        assert nodes + hidden == len(fold(events, step).nodes) - 1


@each_run
def test_the_ribbon_is_the_text_and_then_the_leading_hypothesis(name):
    events, token_text = traces()[name]
    picture = draw_all(fold(events), token_text)["ribbon"]
    for step in range(last_step(events) + 1):
        now = fold(events, step)
        text = now.text_at()
        shown = {s.of: s.cls for s in visible_at(picture, step)}
        settled = [n for n in text if shown[f"node {n}"] in ("text", "added", "forced")]
        assert settled == text
        known = classes(now)
        assert all(shown[f"node {n}"] == known[n] for n in text)
        ahead = sorted(
            int(of.split()[1])
            for of, cls in shown.items()
            if cls == "open" and of.startswith("node ")
        )
        frontier = now.frontier_at()
        if ahead:
            assert now.done is None
            whole = [*text, *ahead]
            assert any(now.path(tip) == whole for tip in frontier)
        # The same text out of the token-level data.
        entries = [
            e
            for e in picture.data["tokens"]
            if any(a <= step and (b is None or step < b) for a, b, _ in e["shows"])
        ]
        assert [e["node"] for e in sorted(entries, key=lambda e: e["place"])] == [*text, *ahead]


@pytest.mark.parametrize("method", ["sample", "greedy", "beam_search", "speculative_sampling"])
def test_probabilities_of_the_text_are_the_models_own(method):
    """Read off the picture and compared with the table; no filter, so before equals after."""
    params = {"filters": "none"} if method == "sample" else {}
    target = toy_pair()["target"]
    checked = residuals = 0
    for seed in range(6):
        prefix = list(PROMPT.ids)
        now = fold(toy_events(method, params, seed))
        for entry in draw_all(now, letter)["ribbon"].data["tokens"]:
            if entry["shows"][-1][2] not in ("text", "added"):
                continue
            law = torch.softmax(target.logits(tuple(prefix)).double(), -1)
            # Behind a rejection the residual law was drawn from; the model's own stands beside it.
            residual = entry["source"] == "the residual law"
            p = entry["p_raw"] if residual else entry["p"]
            assert p == pytest.approx(float(law[entry["token"]]), abs=1e-6)
            prefix.append(entry["token"])
            checked += 1
            residuals += residual
    assert checked > 10
    assert (residuals > 0) == (method == "speculative_sampling")


@each_run
def test_every_choice_can_be_looked_at_in_the_step_it_was_made(name):
    events, token_text = traces()[name]
    picture = draw_all(fold(events), token_text)["distribution"]
    now = fold(events)
    recorded = {f"choice {n} {i}": c for n, cs in now.choices.items() for i, c in enumerate(cs)}
    for step in range(last_step(events) + 1):
        of_step = {of for of, c in recorded.items() if c.step == step}
        frames = {f.of for f in picture.frames if f.step == step}
        assert frames <= of_step
        assert len(frames) == min(len(of_step), 8)
    for frame in picture.frames:
        choice = recorded[frame.of]
        kept, gone, after, drawn = frame.traces
        assert len(kept["x"]) + len(gone["x"]) == len(choice.tokens)
        assert after["x"] == [exp(x) for x in choice.final if x is not None]
        assert [choice.tokens[i] for i in drawn["y"]] == [
            t for t in choice.tokens if t in choice.chosen
        ]
        struck = [label for label in frame.layout["yaxis"]["ticktext"] if "<s>" in label]
        assert len(struck) == sum(cause is not None for cause in choice.removed_by)


@each_run
def test_a_token_leads_to_a_law_that_listed_it(name):
    events, token_text = traces()[name]
    drawn = draw_all(fold(events), token_text)
    frames = {frame.of for frame in drawn["distribution"].frames}
    linked = [e for e in drawn["ribbon"].data["tokens"] if e["alternatives"]]
    assert all(e["choice"] is None or e["choice"] in frames for e in linked)
    for entry in linked:
        chosen = [a["token"] for a in entry["alternatives"] if a["chosen"]]
        assert entry["token"] in chosen


@each_run
def test_rounds_show_every_guess_and_its_verdict(name):
    events, token_text = traces()[name]
    picture = draw_all(fold(events), token_text)["rounds"]
    now = fold(events)
    for step in range(last_step(events) + 1):
        shown = visible_at(picture, step)
        got = {}
        for s in shown:
            kind, *rest = s.of.split()
            if kind == "node":
                got[int(rest[1])] = s.cls
        guesses = {n.id for n in now.nodes[1:] if n.by not in OWN and n.born <= step}
        assert guesses <= set(got)
        known = classes(fold(events, step))
        assert all(got[n] == known[n] for n in got)


def test_a_rejected_guess_shows_its_numbers_and_the_law_it_was_replaced_from():
    events = next(
        e for e in (toy_events("speculative_sampling", seed=s) for s in range(9)) if rejections(e)
    )
    now = fold(events)
    picture = draw_all(now, letter)["rounds"]
    texts = {s.of: s.text for s in visible_at(picture, last_step(events))}
    for mark in rejections(events):
        numbers = [texts[f"numbers {mark.step} {mark.node} {i}"] for i in (0, 1)]
        assert numbers[0].startswith("p ")
        assert "  q " in numbers[0]
        assert " ≥ p/q " in numbers[1]
        parent = now.nodes[mark.node].parent
        added = next(c for c in now.nodes[parent].children if now.nodes[c].by == "target")
        law = [of for of in texts if of.startswith(f"residual {mark.step} {added} ")]
        assert 1 <= len(law) <= 4


def rejections(events):
    return [e for e in events if e.kind == "mark" and e.mark == "rejected"]


def test_acceptance_counts_the_marks_of_each_depth():
    events = toy_events("speculative_sampling", {"gamma": 3}, seed=1, length=30)
    drawn = draw_all(fold(events), letter)
    judged = [e for e in events if e.kind == "mark" and e.mark in ("accepted", "rejected")]
    last = drawn["acceptance"].table.steps[-1]
    rows = [
        r
        for r, s in zip(
            drawn["acceptance"].table.rows, drawn["acceptance"].table.steps, strict=True
        )
        if s == last
    ]
    assert sum(row[2] for row in rows) == sum(m.mark == "accepted" for m in judged)
    assert sum(row[3] for row in rows) == sum(m.mark == "rejected" for m in judged)
    assert {row[1] for row in rows} <= {1, 2, 3}


def test_the_prediction_is_a_law_over_the_same_rounds():
    events = toy_events("speculative_sampling", {"gamma": 3}, seed=1, length=30)
    picture = draw_all(fold(events), letter)["committed"]
    for i, frame in enumerate(picture.frames):
        measured, predicted = frame.traces
        assert sum(measured["y"]) == i + 1
        assert sum(predicted["y"]) == pytest.approx(i + 1)


@each_run
def test_every_answer_of_a_view_is_a_bar_in_its_lane(name):
    events, token_text = traces()[name]
    picture = draw_all(fold(events), token_text)["passes"]
    for step in range(last_step(events) + 1):
        bars = [s for s in visible_at(picture, step) if s.of.startswith("pass ")]
        evals = fold(events, step).evals
        assert len(bars) == len(evals)
        assert sum(s.cls == "known" for s in bars) == sum(e.passes == 0 for e in evals)
    assert len(picture.lanes) == len({*fold(events).views, *(e.view for e in fold(events).evals)})


@each_run
def test_entropy_has_one_point_a_token_of_the_text(name):
    events, token_text = traces()[name]
    picture = draw_all(fold(events), token_text)["entropy"]
    lines = len(picture.figure["data"])
    for step in range(last_step(events) + 1):
        assert len(visible_at(picture, step)) == lines * len(fold(events, step).text_at())
