"""A run's tree for a terminal: text first, the dead with the reason of their death."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
SHOWN_DEAD = 3  # dead branches at one place; the others are counted


def tree_lines(
    fold: Fold,
    prompt: str,
    token_text: Callable[[int], str],
    *,
    width: int = 100,
    colour: bool = False,
    most: int = 120,
) -> list[str]:
    """The tree as lines of at most `width` characters, at most `most` of them.

    One line a run of tokens: a sign for its fate, its text, and for the dead the reason.
    """
    lines = [_cut(f"▶ {prompt!r}", width)]
    for line in _below(fold, segments(fold), "", token_text, width, colour):
        if len(lines) == most:
            lines.append(f"… {len(fold.nodes) - 1} nodes in all; the whole trace has the others")
            break
        lines.append(line)
    return lines


def legend() -> str:
    """What the signs mean."""
    return "● text  ■ finished  ○ still open  · pruned  ✗ rejected"


def _below(
    fold: Fold,
    segment: Segment,
    indent: str,
    token_text: Callable[[int], str],
    width: int,
    colour: bool,
) -> Iterator[str]:
    # What became text first, then the living, then the dead by birth; of those only a few.
    ranked = sorted(segment.below, key=lambda s: (not s.in_text, s.fate in DEAD, s.born))
    leaves = [s for s in ranked if s.fate in DEAD and not s.below]
    hidden = leaves[SHOWN_DEAD:] if len(leaves) > SHOWN_DEAD + 1 else []
    shown = [s for s in ranked if s not in hidden]
    for i, child in enumerate(shown):
        last = i == len(shown) - 1 and not hidden
        yield _line(fold, child, indent + ("└ " if last else "├ "), token_text, width, colour)
        # A run that goes on alone stays at its own level: depth is for branches.
        deeper = indent + ("  " if last else "│ ")
        yield from _below(fold, child, deeper, token_text, width, colour)
    if hidden:
        nodes = sum(s.size for s in hidden)
        yield _paint(f"{indent}└ +{nodes} more {hidden[0].fate}", "pruned", colour)


def _line(
    fold: Fold,
    segment: Segment,
    lead: str,
    token_text: Callable[[int], str],
    width: int,
    colour: bool,
) -> str:
    tokens = (fold.nodes[n].token for n in segment.nodes)
    text = "".join(token_text(t) if t is not None else "□" for t in tokens)
    kind = "emitted" if segment.in_text else segment.fate
    reason = _reason(segment)
    room = width - len(lead) - 4 - len(reason)
    body = f"{SIGNS.get(kind, '○')} {_cut(repr(text)[1:-1], max(room, 12))}"
    return lead + _paint(body, kind, colour) + (f"  {reason}" if reason else "")


def _reason(segment: Segment) -> str:
    mark = segment.last_mark
    if mark is None or mark.mark in ("emitted", "kept", "accepted"):
        return ""
    numbers = ", ".join(
        f"{name} {value:.3g}" for name, value in mark.numbers.items() if value is not None
    )
    return f"[{', '.join(part for part in (mark.why or mark.mark, numbers) if part)}]"


def _paint(text: str, kind: str, colour: bool) -> str:
    code = COLOURS.get(kind) if colour else None
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 1)] + "…"
