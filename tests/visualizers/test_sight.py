"""A part of a tree: what it shows at a step is what the fold up to it has of that part."""

from __future__ import annotations

from math import log

import pytest
from picture_makers import fold, last_step, letter, toy_events, traces

from explorer.errors import InputError
from visualizers.hypotheses import tree
from visualizers.leading import best_path
from visualizers.odds import odds, path_logps
from visualizers.picture import visible_at
from visualizers.reading import Reading
from visualizers.sight import WHOLE, Sight, wanted_sight

NAMES = [name for name in traces() if len(fold(traces()[name][0]).nodes) > 3]
each_tree = pytest.mark.parametrize("name", NAMES)


def sights(run):
    """The whole, parts that begin at the second, middle and last node, and what is probable."""
    last = len(run.fold.nodes) - 1
    focuses = sorted({0, 2, last // 2, last})
    return [Sight(focus, below) for focus in focuses for below in (0.0, 0.3)] + [
        Sight(node=last),
        Sight(below=0.9, node=last // 2),
    ]


def behind(now, focus):
    """The nodes of a part of a tree, read in the plainest way."""
    return {n.id for n in now.nodes[1:] if focus == 0 or focus in now.path(n.id)}


def wrong_steps(name):
    """The steps at which a part shows other nodes or classes than the fold up to them."""
    events, token_text = traces()[name]
    whole = Reading(fold(events), token_text)
    found = []
    for sight in sights(whole):
        picture = tree(whole, sight)
        for step in range(last_step(events) + 1):
            now = fold(events, step)
            early = Reading(now, token_text)
            expected = {f"node {n}": early.class_of(n) for n in behind(now, sight.focus)}
            shown = visible_at(picture, step, opened=True)
            if {s.of: s.cls for s in shown if s.of.startswith("node ")} != expected:
                found.append((sight, step))
    return found


@each_tree
def test_a_part_shows_at_every_step_what_the_fold_has_of_it(name):
    assert wrong_steps(name) == []


def test_a_part_that_knows_the_future_is_found(monkeypatch):
    """Negative control."""
    real = Reading.histories.func
    ends = property(lambda self: [[(h[0][0], h[-1][1])] for h in real(self)])
    monkeypatch.setattr(Reading, "histories", ends)
    assert wrong_steps("beam_search 0")


@each_tree
def test_stubs_count_what_a_part_hides(name):
    events, token_text = traces()[name]
    run = Reading(fold(events), token_text)
    for sight in sights(run):
        picture = tree(run, sight)
        for step in range(last_step(events) + 1):
            closed = visible_at(picture, step)
            nodes = sum(s.of.startswith("node ") for s in closed)
            hidden = sum(int(s.text) for s in closed if s.of.startswith("count "))
            assert nodes + hidden == len(behind(fold(events, step), sight.focus))


@each_tree
def test_the_best_path_and_the_wanted_node_are_always_drawn(name):
    events, token_text = traces()[name]
    run = Reading(fold(events), token_text)
    for sight in sights(run):
        drawn = {s.of for s in visible_at(tree(run, sight), last_step(events))}
        for n in (*best_path(run), *run.fold.path(sight.node)):
            assert sight.focus not in (0, *run.fold.path(n)) or f"node {n}" in drawn


def test_while_a_search_goes_on_its_leading_hypothesis_is_the_best_path():
    events = toy_events("beam_search", {"num_beams": 4})
    step = last_step(events) - 1
    run = Reading(fold(events, step), letter)
    assert run.fold.done is None
    path = best_path(run)
    assert path and path[-1] in run.fold.frontier_at()
    kept = {m.node: m.numbers["logp"] for m in run.marked(step, "kept")}
    assert kept[path[-1]] == max(kept.values())


def test_what_is_hidden_is_improbable_and_so_is_all_behind_it():
    events, token_text = traces()["beam, wide"]
    run = Reading(fold(events), token_text)
    beside, text = odds(run), set(best_path(run))
    counts = []
    for below in (0.9, 0.1, 0.001):
        drawn = {s.of for s in visible_at(tree(run, Sight(below=below)), last_step(events))}
        for n in range(1, len(run.fold.nodes)):
            if f"node {n}" in drawn and n not in text:
                assert max(beside[m] for m in behind(run.fold, n)) >= log(below)
        counts.append(sum(of.startswith("node ") for of in drawn))
    assert counts[0] < counts[1] < counts[2]


def test_a_path_is_as_probable_as_the_method_says():
    """Beam search records the sum itself; here it is added up from the laws."""
    events, token_text = traces()["beam, wide"]
    run = Reading(fold(events), token_text)
    logps = path_logps(run)
    kept = [m for node in run.fold.nodes for m in node.marks if m.mark == "kept"]
    assert kept
    for mark in kept:
        assert logps[mark.node] == pytest.approx(mark.numbers["logp"], abs=1e-4)


@pytest.mark.parametrize(
    "question",
    [{"focus": -1}, {"focus": "1"}, {"focus": True}, {"node": 10**9}, {"node": 1.0},
     {"below": 1}, {"below": -0.1}, {"below": "0.5"}, {"below": float("nan")}],
)  # fmt: skip
def test_a_sight_that_cannot_be_is_refused_with_a_sentence(question):
    with pytest.raises(InputError, match="is no"):
        wanted_sight(question, fold(toy_events("beam_search")))


def test_a_focus_gives_way_to_a_node_that_lies_elsewhere():
    now = fold(toy_events("beam_search"))
    inside = max(n.id for n in now.nodes)
    first = now.path(inside)[0]
    second = next(n for n in now.nodes[0].children if n != first)
    assert wanted_sight({"focus": first, "node": inside}, now) == Sight(first, node=inside)
    assert wanted_sight({"focus": second, "node": inside}, now) == Sight(0, node=inside)
    assert wanted_sight({}, now) == WHOLE
