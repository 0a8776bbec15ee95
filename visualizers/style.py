"""One visual language: the same thing looks the same in every figure, legend and table.

Colours are Okabe and Ito's; no class is told by its colour alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

BLUE = "#0072B2"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
GREY = "#999999"
SKY = "#56B4E9"
PURPLE = "#CC79A7"
GREEN = "#009E73"
YELLOW = "#F0E442"
INK = "currentColor"  # the page's own text colour, light or dark


@dataclass(frozen=True, slots=True)
class Look:
    """How a class looks: colour of sign, line and fill, the sign before its text, and what its
    line, its bar and its letters do besides. `words` are its legend.

    Most of these colours are too pale for letters, so letters are the page's ink, `quiet` ones
    paler (still 4.5 to 1), and only those of the text itself are `coloured`.
    """

    words: str
    colour: str
    sign: str = ""
    line: Literal["solid", "dashed", "thin"] = "solid"
    filled: bool = True
    struck: bool = False
    letters: Literal["ink", "quiet", "coloured"] = "ink"


CLASSES: dict[str, Look] = {
    "prompt": Look("prompt", INK, line="thin", letters="quiet"),
    "text": Look("text that stays", BLUE, "●", letters="coloured"),
    "accepted": Look("guess that was accepted", BLUE, "●", letters="coloured"),
    "open": Look("still open", INK, "○", filled=False),
    "guess": Look("guess, not yet judged", ORANGE, "◌", line="dashed", filled=False),
    "rejected": Look("rejected, or removed by a filter", VERMILION, "✗", struck=True),
    "pruned": Look("pruned: looked at, outranked", GREY, "·", line="thin", letters="quiet"),
    "added": Look("token that the target added itself", SKY, "■"),
    "merged": Look("merged with another hypothesis", PURPLE, "◎"),
    "finished": Look("finished hypothesis", GREEN, "▮"),
    "forced": Look("chosen by the person", YELLOW, "▼"),
    "number": Look("numbers behind a decision", INK, line="thin", letters="quiet"),
    "axis": Look("scale", GREY, line="thin", letters="quiet"),
    "pass": Look("forward pass", BLUE),
    "known": Look("answered from the cache, nothing computed", GREY, line="dashed", filled=False),
    "cache": Look("positions in the cache", SKY, filled=False),
    "residual": Look("residual law after a rejection", SKY, filled=False),
    # Two runs in one picture: a capital letter before text, a small one before what was looked at.
    "both": Look("text of both", INK, "●", letters="quiet"),
    "only_a": Look("text of A alone", BLUE, "A", letters="coloured"),
    "only_b": Look("text of B alone", PURPLE, "B", line="dashed"),
    "seen_both": Look("looked at by both", INK, "&", line="thin", letters="quiet"),
    "seen_a": Look("looked at by A alone", BLUE, "a", line="thin", letters="quiet"),
    "seen_b": Look("looked at by B alone", PURPLE, "b", line="thin", letters="quiet"),
}
TWO_RUNS = frozenset({"both", "only_a", "only_b", "seen_both", "seen_a", "seen_b"})

DEAD = frozenset({"pruned", "rejected"})


def looks() -> dict[str, dict[str, object]]:
    """All classes as plain data, for the page's style sheet and script."""
    return {name: asdict(look) for name, look in CLASSES.items()}


def legend(*classes: str) -> list[tuple[str, str]]:
    """Legend entries (class, words) in the order of the visual language."""
    return [(name, look.words) for name, look in CLASSES.items() if name in classes]
