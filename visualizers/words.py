"""Text and numbers as they may be shown: nothing invisible, nothing that is markup."""

from __future__ import annotations

import html
import unicodedata
from math import exp, isfinite

NAMED = {"\n": "↵", "\t": "⇥"}  # signs that every font has; other characters get their number
# Control, format (bidirectional marks among them), surrogate, private, unassigned, line breaks.
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
VIRTUAL = "□"  # a node of the tree that carries no token


def show_text(text: str, alone: bool = False) -> str:
    """A token's text with every character visible, so that it can do nothing but be read.

    `alone`: the text stands by itself, so that spaces at its ends are shown too, and the empty
    text as ∅.
    """
    plain = text.isascii() and text.isprintable()
    shown = text if plain else "".join(map(_visible, text))
    if shown and unicodedata.combining(shown[0]):
        shown = "◌" + shown  # or the accent would sit on whatever stands before
    if not alone:
        return shown
    left, right = len(shown) - len(shown.lstrip(" ")), len(shown) - len(shown.rstrip(" "))
    if left == len(shown):
        return "␣" * left or "∅"
    return "␣" * left + shown[left : len(shown) - right] + "␣" * right


def cells(text: str) -> int:
    """How many cells of a monospaced font a shown text takes."""
    return sum(_cells_of(character) for character in text)


def clip(text: str, most: int) -> str:
    """The beginning of a text, in at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def tail(text: str, most: int) -> str:
    """The end of a text, in at most so many characters."""
    return text if len(text) <= most else "…" + text[-(most - 1) :]


def for_plotly(text: str) -> str:
    """A shown text for a string inside a Plotly figure, which reads a little HTML."""
    return html.escape(text, quote=False)


def number(x: float | int | None, digits: int = 3) -> str:
    """A number in a sentence: three significant digits, a true minus."""
    if x is None:
        return "−∞"
    if isinstance(x, int):
        return str(x).replace("-", "−")
    if 0 < abs(x) < 0.001:
        mantissa, power = f"{x:.{digits - 1}e}".split("e")
        return f"{mantissa}e{int(power)}".replace("-", "−")
    return f"{x + 0.0:.{digits}g}".replace("-", "−")  # -0.0 + 0.0 is 0.0


def probability(logp: float | int | None) -> float:
    """exp of a log-probability in nats; None stands for minus infinity."""
    return exp(logp) if logp is not None else 0.0


def finite(x: object) -> float | None:
    """A number that may stand in JSON, None for everything else."""
    if isinstance(x, bool) or not isinstance(x, int | float):
        return None
    return float(x) if isfinite(x) else None


def plural(n: int, thing: str, things: str = "") -> str:
    """ "1 token", "3 tokens", "2 hypotheses"."""
    return f"{n} {thing if n == 1 else things or thing + 's'}"


def _visible(character: str) -> str:
    if character in NAMED:
        return NAMED[character]
    if unicodedata.category(character) not in INVISIBLE:
        return character
    return f"⟨u+{ord(character):04x}⟩"


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
