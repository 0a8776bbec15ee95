"""A trace tells what a mixture was made of, and one that cannot be is refused."""

import pytest

from explorer.errors import TraceError
from explorer.recorder import Recorder
from explorer.trace import Fold, NodeEvent, check_events
from explorer.tree import ROOT, TokenTree
from storage.codec import pack, unpack


def told():
    """The events of a token and a mixture below it."""
    tree, events = TokenTree(), []
    recorder = Recorder(events.append)
    tree.on_add = lambda node: recorder.node(tree, node, "target")
    tree.mix(tree.add(ROOT, 3), {7: 3.0, 4: 1.0})
    return events


def test_the_event_of_a_mixture_names_its_tokens_and_shares():
    token, soft = told()
    assert (token.token, token.mixed, token.shares) == (3, None, None)
    assert (soft.token, soft.mixed, soft.shares) == (None, [4, 7], [0.25, 0.75])
    check_events([token, soft])
    nodes = Fold().feed_all([token, soft]).nodes
    assert [node.mixture for node in nodes] == [(), (), ((4, 0.25), (7, 0.75))]


def test_it_is_stored_as_it_was():
    events = told()
    assert unpack(pack(events)) == events


@pytest.mark.parametrize(
    "wrong",
    [
        {"mixed": [1, 2], "shares": [1.0]},
        {"mixed": [1], "shares": None},
        {"mixed": None, "shares": [1.0]},
        {"mixed": [1, 2], "shares": [0.5, 1.5]},
        {"mixed": [1, 2], "shares": [0.5, float("nan")]},
        {"mixed": [1, 2], "shares": [0.5, 0.5], "token": 1},
    ],
    ids=str,
)
def test_a_mixture_that_cannot_be_is_refused(wrong):
    event = NodeEvent(step=0, ms=0, id=1, parent=0, by="x", **{"token": None, **wrong})
    with pytest.raises(TraceError, match="no mixture of tokens"):
        check_events([event])
