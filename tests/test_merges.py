"""A merge in a trace: a link from a node to the one as which it goes on."""

import pytest

from explorer.errors import TraceError
from explorer.trace import Fold, MarkEvent, NodeEvent, check_events
from explorer.trace.trace import EVENTS

AT = {"step": 0, "ms": 0.0}


def trace(*merges):
    """Two chains of two below the root (1-3, 2-4), and marks (node, mark, into)."""
    parents = {1: 0, 2: 0, 3: 1, 4: 2}
    nodes = [NodeEvent(**AT, id=i, parent=p, token=i, by="target") for i, p in parents.items()]
    return [*nodes, *(MarkEvent(**AT, node=n, mark=mark, into=into) for n, mark, into in merges)]


def test_the_fold_knows_as_which_node_a_merged_one_goes_on():
    events = trace((4, "merged", 3), (1, "kept", None))
    check_events(events)
    assert EVENTS.validate_json(EVENTS.dump_json(events)) == events
    assert [node.into for node in Fold().feed_all(events).nodes] == [None, None, None, None, 3]


@pytest.mark.parametrize(
    ("marks", "sentence"),
    [
        ([(4, "merged", 9)], "event 4, node 9 is not there"),
        ([(4, "merged", -1)], "event 4, node -1 is not there"),
        ([(4, "merged", None)], "node 4 cannot be merged into None"),
        ([(4, "kept", 3)], "node 4 cannot be kept into 3"),
        ([(0, "merged", 3)], "node 0 cannot be merged into 3"),
        ([(4, "merged", 4)], "node 4 cannot be merged into 4"),
        ([(4, "merged", 3), (4, "merged", 1)], "event 5, node 4 cannot be merged into 1"),
        ([(4, "merged", 3), (3, "merged", 4)], "event 5, node 3 cannot be merged into 4"),
        ([(3, "merged", 1)], "its merges lead in a circle"),
        ([(4, "merged", 1), (3, "merged", 2)], "its merges lead in a circle"),
    ],
)
def test_a_merge_that_cannot_be_is_damage(marks, sentence):
    with pytest.raises(TraceError, match=sentence):
        check_events(trace(*marks))


def test_ways_that_meet_twice_are_no_circle():
    check_events(trace((2, "merged", 1), (4, "merged", 3)))
