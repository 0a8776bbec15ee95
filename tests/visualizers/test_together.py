"""Two trees laid over each other: every place belongs to the runs that looked at it."""

from __future__ import annotations

import json
import re
from itertools import combinations

import pytest
from picture_makers import Script, fold, letter, toy_events

from visualizers.picture import visible_at
from visualizers.reading import Reading
from visualizers.style import CLASSES, TWO_RUNS
from visualizers.together import Side, draw_together, everything, joined

METHODS = ("greedy", "sample", "beam_search", "diverse_beam_search", "speculative_sampling",
           "speculative_tree", "jacobi")  # fmt: skip
each_pair = pytest.mark.parametrize("names", list(combinations(METHODS, 2)), ids="-".join)


def side(events, begun=()):
    reading = Reading(fold(events), letter)
    return Side(reading, reading.fold.text_at(), begun)


def pair(names, seed=0):
    return [side(toy_events(name, seed=seed + i)) for i, name in enumerate(names)]


def way(reading, node):
    return [reading.fold.nodes[n].token for n in reading.fold.path(node)]


def strangers(sides, picture):
    """Drawn nodes that are not there, whose tokens differ between the runs, or in a wrong class."""
    found = []
    for shown in visible_at(picture, 0, opened=True):
        if not shown.of.startswith("place "):
            continue
        nodes = {"AB".index(w[0]): int(w[1:]) for w in re.findall(r"[AB]\d+", shown.of)}
        if any(node >= len(sides[run].reading.fold.nodes) for run, node in nodes.items()):
            found.append(shown)
            continue
        ways = [way(sides[run].reading, node) for run, node in nodes.items()]
        if any(other != ways[0] for other in ways):
            found.append(shown)
        text = {run for run, node in nodes.items() if node in sides[run].text}
        runs = text or set(nodes)
        who = "both" if len(runs) == 2 else "ab"[min(runs)]
        expected = f"{'only' if text else 'seen'}_{who}".replace("only_both", "both")
        if shown.cls != expected:
            found.append(shown)
    return found


@each_pair
def test_every_place_belongs_to_the_right_runs(names):
    sides = pair(names)
    picture = draw_together(sides)
    assert strangers(sides, picture) == []


def test_the_check_sees_a_place_of_the_wrong_run():
    """Negative control: the second run's nodes under the first one's letter."""
    sides = pair(("beam_search", "sample"))
    picture = draw_together(sides)
    assert strangers(sides[::-1], picture) != []


@each_pair
def test_every_node_of_both_trees_is_in_the_picture_once(names):
    sides = pair(names)
    picture = draw_together(sides)
    shown = [s.of for s in visible_at(picture, 0, opened=True) if s.of.startswith("place ")]
    found = sorted(word for of in shown for word in of.split()[1:])
    nodes = [
        f"{mark}{node.id}"
        for mark, one in zip("AB", sides, strict=True)
        for node in one.reading.fold.nodes[1:]
    ]
    assert found == sorted(nodes)
    assert len(shown) == len(set(shown))


@each_pair
def test_a_joint_picture_is_plain_data_within_its_size(names):
    picture = draw_together(pair(names))
    columns, lines = picture.size
    for mark in picture.marks:
        assert -0.5 <= mark.x <= mark.x + mark.width <= columns + 1
        assert 0 <= mark.y <= mark.y + mark.height <= lines + 1 or mark.shape == "edge"
    assert {cls for cls, _ in picture.legend} <= TWO_RUNS <= set(CLASSES)
    assert len(picture.captions) == len(picture.focus) == 1
    assert {len(row) for row in picture.table.rows} <= {len(picture.table.columns)}
    assert json.loads(json.dumps(picture.to_dict(), allow_nan=False))


def test_one_run_twice_is_one_line():
    sides = [side(toy_events("greedy")), side(toy_events("greedy"))]
    shown = [s for s in visible_at(draw_together(sides), 0) if s.of.startswith("place ")]
    assert {s.cls for s in shown} == {"both"}


def test_the_runs_part_where_their_texts_do():
    a, b = Script(), Script()
    for script, tokens in ((a, [1, 2, 3]), (b, [1, 2, 4])):
        node = 0
        for token in tokens:
            node = script.node(node, token)
            script.mark(node, "emitted")
    root = joined([side(a.events), side(b.events)])
    classes = [(place.token, place.cls) for place in everything(root.below.values())]
    assert classes == [(1, "both"), (2, "both"), (3, "only_a"), (4, "only_b")]


def test_what_a_branch_began_with_lies_over_its_parents_text():
    parent, branch = Script(), Script(prompt=(1, 2, 3, 4))
    node = 0
    for token in (3, 4, 1):
        node = parent.node(node, token)
        parent.mark(node, "emitted")
    branch.mark(branch.node(0, 2), "emitted")
    sides = [side(parent.events), side(branch.events, begun=(3, 4))]
    classes = [(p.token, p.cls, p.name) for p in everything(joined(sides).below.values())]
    assert classes == [
        (3, "both", "A1"), (4, "both", "A2"), (1, "only_a", "A3"), (2, "only_b", "B1"),
    ]  # fmt: skip
    picture = draw_together(sides)
    assert [m.text for m in picture.marks if m.of == "prompt"] == [letter(1) + letter(2)]


def test_large_trees_stay_small_and_lose_nothing():
    sides = [side(toy_events("beam_search", {"num_beams": 30}, seed, length=12)) for seed in (0, 1)]
    picture = draw_together(sides)
    assert len(picture.marks) < 700
    stubs = [mark for mark in picture.marks if mark.shape == "stub"]
    assert stubs and all(mark.opens for mark in stubs)
    for mark in stubs:
        assert int(mark.text[1:]) == sum(len(line.spans) for line in mark.opens)
