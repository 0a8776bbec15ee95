"""Trees that can be read: nothing overlaps, the first way is straight, large runs stay small."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from picture_makers import Script, draw_all, fold, letter, toy_events

from visualizers.layout import Box, tidy
from visualizers.picture import visible_at
from visualizers.selection import MOST_MARKS
from visualizers.words import cells


def random_tree(seed, n):
    rng = random.Random(seed)
    boxes = [Box(width=8, lead=2)]
    for _ in range(n):
        box = Box(width=rng.randint(3, 30), lead=2, height=rng.choice([1, 1, 1, 3]))
        parent = rng.choice(boxes[-25:])
        parent.below = [*parent.below, box]
        boxes.append(box)
    return boxes


def overlaps(boxes):
    taken = {}
    for box in boxes:
        for y in range(box.y, box.y + box.height):
            taken.setdefault(y, []).append((box.x, box.right))
    return [
        (y, a, b) for y, spans in taken.items() for a, b in pairwise(sorted(spans)) if b[0] < a[1]
    ]


@pytest.mark.parametrize("both_sides", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_boxes_do_not_overlap_and_stand_behind_their_parents(seed, both_sides):
    boxes = random_tree(seed, 120)
    columns, lines = tidy(boxes[0], both_sides)
    assert overlaps(boxes) == []
    for box in boxes:
        assert 0 <= box.y < lines
        assert box.right <= columns
        assert all(child.x == box.right for child in box.below)
        assert not box.below or box.below[0].y == box.y


def test_overlaps_are_seen():
    """Negative control."""
    boxes = random_tree(0, 40)
    tidy(boxes[0])
    boxes[9].y = boxes[8].y = boxes[7].y = boxes[6].y
    boxes[9].x = boxes[8].x = boxes[7].x
    assert overlaps(boxes)


@pytest.mark.parametrize("seed", range(5))
def test_lines_between_boxes_cross_no_box(seed):
    boxes = random_tree(seed, 120)
    tidy(boxes[0])
    for above in boxes:
        for child in above.below:
            low, high = sorted((above.y, child.y))
            for box in boxes:
                inside = low < box.y + box.height - 1 and box.y < high and box is not above
                assert not (
                    inside and box.x < above.right + 0.5 < box.right and box not in above.below
                )


def large_run(steps=100, width=50):
    """A search that keeps `width` hypotheses and prunes as many at every step."""
    rng = random.Random(1)
    s = Script()
    beams = [0]
    for step in range(steps):
        s.step = step
        new = [s.node(rng.choice(beams[:6] if step % 5 == 0 else beams), i) for i in range(width)]
        s.mark(new[0], "kept", logp=-1.0)
        for n in new[width // 2 :]:
            s.mark(n, "pruned", "outranked", margin=rng.random())
        beams = new[: width // 2]
    for n in fold(s.events).path(beams[0]):
        s.mark(n, "emitted")
    s.done(beams[0])
    return s.events


def test_five_thousand_nodes_become_a_few_hundred_marks_that_miss_nothing():
    events = large_run()
    assert len(fold(events).nodes) == 5001
    picture = draw_all(fold(events), letter)["hypotheses"]
    for step in (0, 10, 50, 99):
        shown = visible_at(picture, step)
        marks = [s for s in shown if s.of.split()[0] not in ("node", "why", "count")]
        assert len(marks) <= MOST_MARKS + 8
        nodes = [s for s in visible_at(picture, step, opened=True) if s.of.startswith("node ")]
        assert len(nodes) == len(fold(events, step).nodes) - 1
    text = fold(events).text_at()
    closed = {s.of for s in visible_at(picture, 99)}
    assert all(f"node {n}" in closed for n in text)


def test_the_best_path_is_one_straight_line():
    events = toy_events("beam_search", {"num_beams": 6}, length=8)
    picture = draw_all(fold(events), letter)["hypotheses"]
    text = set(fold(events).text_at())
    lines = {
        m.y for m in picture.marks for s in m.spans if s.node in text and s.of.startswith("node")
    }
    assert len(lines) == 1


@pytest.mark.parametrize("beams", [3, 12])
def test_texts_of_a_tree_do_not_run_into_each_other(beams):
    events = toy_events("beam_search", {"num_beams": beams}, length=8)
    picture = draw_all(fold(events), letter)["hypotheses"]
    rows = {}
    for m in picture.marks:
        if m.shape in ("text", "stub"):
            nodes = [s for s in m.spans if s.dies is None]
            text = 2 * m.sign + cells(m.text + "".join(s.text for s in nodes))
            rows.setdefault(m.y, []).append((m.x, m.x + text))
    for spans in rows.values():
        spans.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_a_large_picture_can_be_sent_without_what_is_fetched_later():
    picture = draw_all(fold(large_run(60, 20)), letter)["hypotheses"]
    whole, small = picture.to_dict(), picture.to_dict(opens=False, table=False)
    assert len(json.dumps(small)) < len(json.dumps(whole)) / 3
    stubs = [mark for mark in whole["marks"] if mark["shape"] == "stub"]
    assert [picture.opened(stub["of"]) for stub in stubs] == [stub["opens"] for stub in stubs]
    assert picture.opened("stub none") == []
    assert small["table"] == {"columns": picture.table.columns, "rows": [], "steps": []}


def test_a_stub_opens_what_it_hides_line_by_line():
    picture = draw_all(fold(large_run(20, 20)), letter)["hypotheses"]
    stubs = [m for m in picture.marks if m.shape == "stub"]
    assert stubs
    for stub in stubs:
        assert [m.y for m in stub.opens] == [i + 0.5 for i in range(len(stub.opens))]
        inside = sum(span.of.startswith("node ") for m in stub.opens for span in m.spans)
        assert stub.spans[-1].text == f"+{inside}"
    spans = [span for stub in stubs for line in stub.opens for span in line.spans]
    assert any(span.of.startswith("why ") and "outranked 0." in span.text for span in spans)


def test_finished_hypotheses_are_ranked_in_the_pool_with_their_scores():
    events = toy_events("beam_search", {"num_beams": 3}, length=8)
    picture = draw_all(fold(events), letter)["hypotheses"]
    pool = picture.data["pool"]
    scores = [entry["score"] for entry in pool]
    assert scores == sorted(scores, reverse=True)
    done = events[-1]
    assert next(e["node"] for e in pool if e["left"] is None) == done.outputs[0].node
    ends = {m.node for m in picture.marks if m.of.startswith("end ")}
    assert {e["node"] for e in pool} >= ends


def test_in_a_crowded_tree_the_text_is_parted_only_where_something_stands_beside_it():
    events = large_run()
    now = fold(events)
    picture = draw_all(now, letter)["hypotheses"]
    text = set(now.text_at())
    pieces = [m for m in picture.marks if m.shape == "text" and text & {s.node for s in m.spans}]
    others = [m for m in picture.marks if m.shape == "text" and m not in pieces]
    assert len(pieces) < len(text) / 2
    assert len(others) > len(pieces), "more is drawn than the text and its stubs"
    behind = [
        span
        for m in picture.marks
        for line in m.opens
        for span in line.spans
        if span.of.startswith("after ")
    ]
    assert behind, "what left the text inside a piece says where"
