"""What of a tree is to be drawn, as a person wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from explorer.errors import InputError, shown
from explorer.trace import Fold


@dataclass(frozen=True, slots=True)
class Sight:
    """How much of a tree a picture shows.

    focus  the node that the tree is drawn from; 0: from the prompt
    below  paths less probable than this share of the text's own probability, at the same length,
           are folded into stubs; 0: none
    node   a node that is drawn in any case, with the way to it; 0: none in particular
    """

    focus: int = 0
    below: float = 0.0
    node: int = 0


WHOLE = Sight()


def wanted_sight(question: Mapping[str, Any], fold: Fold) -> Sight:
    """The sight that a question names; whatever is not named is as in the whole tree. A focus that
    the wanted node does not lie behind is given up.

    Raises:
        InputError: a node that the run does not have, or a share that is none.
    """
    below = question.get("below", 0.0)
    if isinstance(below, bool) or not isinstance(below, int | float) or not 0 <= below < 1:
        raise InputError(f"{shown(below)} is no share: a number from 0 to less than 1 is.")
    focus = wanted_node(question.get("focus", 0), fold)
    node = wanted_node(question.get("node", 0), fold)
    if node and focus not in fold.path(node):
        focus = 0
    return Sight(focus, float(below), node)


def wanted_node(node: Any, fold: Fold) -> int:
    """A node's number, checked.

    Raises:
        InputError: the run has no such node.
    """
    if isinstance(node, bool) or not isinstance(node, int) or not 0 <= node < len(fold.nodes):
        last = len(fold.nodes) - 1
        raise InputError(f"{shown(node)} is no token of this run: they are numbered 0 to {last}.")
    return node
