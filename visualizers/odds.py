"""How probable each path of the tree is, beside the text of the same length."""

from __future__ import annotations

from functools import lru_cache
from math import log

from explorer.trace.segments import Segment
from visualizers.leading import best_path
from visualizers.reading import Reading


def path_logps(reading: Reading) -> list[float | None]:
    """For each node the log-probability in nats of its path from the prompt; None: not known.

    A token counts with the law it was taken from, after the filters; an accepted or rejected guess
    with the target's p, any other guess with the law that guessed it. Where no law tells, the sum
    that the method itself recorded stands.
    """
    found: list[float | None] = [0.0]
    for story in reading.fold.nodes[1:]:
        above, own = found[story.parent], token_logp(reading, story.id)
        found.append(_recorded(reading, story.id) if above is None or own is None else above + own)
    return found


def _recorded(reading: Reading, node: int) -> float | None:
    sums = (mark.numbers.get("logp") for mark in reading.fold.nodes[node].marks)
    return next((float(x) for x in sums if x is not None), None)


def token_logp(reading: Reading, node: int) -> float | None:
    """The log-probability in nats of a token after those before it."""
    story = reading.fold.nodes[node]
    law = reading.law(node)
    if law is None:
        for mark in story.marks:
            if (p := mark.numbers.get("p")) is not None:
                return log(p) if p > 0 else -float("inf")
        choices = reversed(reading.fold.choices.get(story.parent, ()))
        law = next((c for c in choices if story.token in c.tokens), None)
    if law is None or story.token is None or story.token not in law.tokens:
        return None
    final = law.final[law.tokens.index(story.token)]
    return -float("inf") if final is None else float(final)


@lru_cache(maxsize=4)
def odds(reading: Reading) -> list[float | None]:
    """For each node ln of its path's probability over that of the best path's beginning of the
    same length, of the whole best path where that is shorter; None: not known."""
    logps = path_logps(reading)
    best = [0.0, *(logps[n] for n in best_path(reading))]
    found: list[float | None] = []
    for story, logp in zip(reading.fold.nodes, logps, strict=True):
        rival = best[min(story.depth, len(best) - 1)]
        known = logp is not None and rival is not None and rival > -float("inf")
        found.append(logp - rival if known else None)  # type: ignore[operator]
    return found


def worths(reading: Reading, root: Segment) -> dict[int, float]:
    """For each run, by its first node, the odds of the best way that it is a part of: nobody can
    follow a way whose beginning is hidden. What is not known is worth infinitely much."""
    at = odds(reading)
    order = [root]
    for run in order:
        order.extend(run.below)
    found: dict[int, float] = {}
    for run in reversed(order):
        known = at[run.nodes[-1]]
        own = float("inf") if known is None else known
        found[run.nodes[0]] = max([own, *(found[b.nodes[0]] for b in run.below)])
    return found
