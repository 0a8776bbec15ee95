"""A run's tree for a terminal: text first, the dead with the reason of their death."""

from __future__ import annotations

from collections.abc import Callable

from explorer.trace import Fold
from explorer.trace.segments import Segment, segments

DEAD = ("pruned", "rejected")
SIGNS = {
    "emitted": "●",
    "finished": "■",
    "accepted": "●",
    "kept": "○",
    "open": "○",
    "pruned": "·",
    "rejected": "✗",
    "merged": "◎",
    "forced": "★",
}
COLOURS = {"emitted": "1;34", "finished": "32", "pruned": "90", "rejected": "31"}
SHOWN_SIDES = 4  # branches beside the main line at one place; the others are counted


def tree_lines(
    fold: Fold,
    prompt: str,
    token_text: Callable[[int], str],
    *,
    width: int = 100,
    colour: bool = False,
) -> list[str]:
    """The tree as lines of at most `width` characters.

    The text runs down the left edge, a line for each unbranched run of tokens; below each line
    stand the branches that left it there, with the reason why they ended.
    """
    draw = _Drawing(fold, token_text, width, colour)
    lines = [_cut(f"▶ {prompt!r}", width)]
    segment = segments(fold)
    while segment.below:
        ranked = sorted(segment.below, key=lambda s: (not s.in_text, not _lives(s), -s.size))
        segment, sides = ranked[0], ranked[1:]
        lines += [draw.side(side) for side in sides[:SHOWN_SIDES]]
        if hidden := sides[SHOWN_SIDES:]:
            lines.append(draw.paint(f"│   +{len(hidden)} more branches", "pruned"))
        lines.append(draw.main(segment))
    return lines


def legend() -> str:
    """What the signs mean."""
    return "● text  ■ finished  ○ still open  · pruned  ✗ rejected"


def printable(text: str) -> str:
    """Text that cannot steer a terminal: control characters are escaped, line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


class _Drawing:
    """How one line is written."""

    def __init__(
        self, fold: Fold, token_text: Callable[[int], str], width: int, colour: bool
    ) -> None:
        self._fold = fold
        self._token_text = token_text
        self._width = width
        self._colour = colour

    def main(self, segment: Segment) -> str:
        return self._line("", segment, segment.nodes, _reason(segment))

    def side(self, segment: Segment) -> str:
        """A branch in one line: its longest path, and what else grew on it."""
        nodes, tip = list(segment.nodes), segment
        while tip.below:
            tip = max(tip.below, key=lambda s: s.size)
            nodes += tip.nodes
        others = segment.size - len(nodes)
        more = f"+{others} nodes beside it" if others else ""
        return self._line("│   ", tip, nodes, " ".join(filter(None, (_reason(tip), more))))

    def _line(self, lead: str, segment: Segment, nodes: list[int], reason: str) -> str:
        tokens = (self._fold.nodes[n].token for n in nodes)
        text = "".join(self._token_text(t) if t is not None else "□" for t in tokens)
        kind = "emitted" if segment.in_text else segment.fate
        room = max(self._width - len(lead) - len(reason) - 4, 12)
        body = f"{SIGNS.get(kind, '○')} {_cut(repr(text)[1:-1], room)}"
        return lead + self.paint(body, kind) + (f"  {reason}" if reason else "")

    def paint(self, text: str, kind: str) -> str:
        code = COLOURS.get(kind) if self._colour else None
        return f"\x1b[{code}m{text}\x1b[0m" if code else text


def _lives(segment: Segment) -> bool:
    stack = [segment]
    while stack:
        s = stack.pop()
        if not s.below and s.fate not in DEAD:
            return True
        stack += s.below
    return False


def _reason(segment: Segment) -> str:
    mark = segment.last_mark
    if mark is None or mark.mark in ("emitted", "kept", "accepted"):
        return ""
    numbers = ", ".join(
        f"{name} {value:.3g}" for name, value in mark.numbers.items() if value is not None
    )
    return f"[{', '.join(part for part in (mark.why or mark.mark, numbers) if part)}]"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 1)] + "…"
