"""Pictures of a run: a folded trace in, plain data for the page out.

A visualizer never asks which method it draws, only which events are there. Each is a module with
`READS` (the kinds of event it reads), `NEEDS` (the features of a trace any one of which makes it
worth drawing; none: always) and `draw(reading) -> list[Picture]`. A note that a method declared as
drawn by more than the plain ways is a feature, too: "note:votes". Adding a visualizer is adding its
module to `VISUALIZERS`, at the place where its pictures stand on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from explorer.trace import Fold
from visualizers import (
    acceptance,
    constraints,
    distribution,
    draft_sizes,
    entropy,
    expansion,
    hypotheses,
    intervals,
    lanes,
    lattice,
    lines,
    passes,
    proposals,
    revisits,
    ribbon,
    rounds,
    scores,
    utilities,
    votes,
    what_if,
)
from visualizers import (
    notes as noted,
)
from visualizers.expansion import leaps
from visualizers.picture import Picture
from visualizers.reading import OWN, Reading
from visualizers.sight import Sight

__all__ = ["TREES", "VISUALIZERS", "Reading", "features", "pictures", "pictures_of"]


class Visualizer(Protocol):
    """A module that draws."""

    @property
    def READS(self) -> tuple[str, ...]: ...

    @property
    def NEEDS(self) -> tuple[str, ...]: ...

    def draw(self, reading: Reading) -> list[Picture]: ...


VISUALIZERS: tuple[Visualizer, ...] = (
    ribbon,
    distribution,
    hypotheses,
    lattice,
    lanes,
    constraints,
    intervals,
    votes,
    scores,
    utilities,
    revisits,
    expansion,
    rounds,
    acceptance,
    proposals,
    what_if,
    draft_sizes,
    entropy,
    lines,
    noted,
    passes,
)
# Pictures of which a person may see a part, by their id.
TREES: dict[str, Callable[[Reading, Sight], Picture]] = {"hypotheses": hypotheses.tree}


def features(fold: Fold) -> set[str]:
    """What a trace has: kinds of event, "mark:pruned" and so on, "number:group" and so on (what
    marks rest on), "branch" (a node was continued in more than one way), "guess" (a token that
    somebody other than the target proposed), "leap" (a search went on somewhere else)."""
    found = {f"mark:{mark.mark}" for node in fold.nodes for mark in node.marks}
    found |= {f"number:{x}" for node in fold.nodes for mark in node.marks for x in mark.numbers}
    if found:
        found.add("mark")
    here = {
        "view": fold.views,
        "eval": fold.evals,
        "choice": fold.choices,
        "note": fold.notes,
        "node": fold.nodes[1:],
        "done": fold.done,
        "branch": any(len(node.children) > 1 for node in fold.nodes),
        "leap": leaps(fold),
        "guess": any(node.by not in OWN for node in fold.nodes),
    }
    return found | {name for name, thing in here.items() if thing}


def pictures(
    fold: Fold,
    token_text: Callable[[int], str],
    notes: Sequence[Mapping[str, str]] = (),
) -> list[Picture]:
    """The pictures that a run's events allow, in the order of the page.

    Args:
        fold: the run, or as much of it as has happened.
        token_text: a token's text as the model has it; control characters are made visible here.
        notes: the quantities that the method declared (`header.notes`).
    """
    return pictures_of(Reading(fold, token_text, notes))


def pictures_of(reading: Reading) -> list[Picture]:
    """The same of a run that is read already."""
    here = features(reading.fold) | {f"note:{kind}" for kind in reading.noted}
    return [
        picture
        for visualizer in VISUALIZERS
        if not visualizer.NEEDS or here.intersection(visualizer.NEEDS)
        for picture in visualizer.draw(reading)
    ]
