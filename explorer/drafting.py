"""Drafting without a law of its own: guesses that are a function of what stands there already.

Such guesses (copied, counted, retrieved, left over from the pass before) are checked by the rules
V1 and V3 of `explorer.verification`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from explorer.run import Run
from explorer.sampling import Temperature
from explorer.verification import Guess, Guesses

# The usual filters of these methods: what is copied or counted guesses the most probable text best.
GREEDY = (Temperature(t=0),)


def draft_paths(run: Run, root: int, paths: Iterable[Sequence[int]], by: str) -> Guesses:
    """The guessed continuations below `root` as one tree: equal beginnings are equal nodes.

    Each path is cut behind an end token, and before the last token that may be emitted: that one
    is the target's own in any case.
    """
    guesses: dict[int, list[Guess]] = {}
    for path in paths:
        node = root
        for token in path[: max(0, run.remaining - 1)]:
            known = next((g for g in guesses.get(node, ()) if g.token == token), None)
            if known is None:
                known = Guess(run.add(node, token, by=by), token)
                guesses.setdefault(node, []).append(known)
            node = known.node
            if run.is_eos(token):
                break
    return guesses


def text_so_far(run: Run, node: int) -> list[int]:
    """Token ids of the prompt and of the text down to `node`."""
    return [*run.prompt.ids, *run.tree.tokens(node)]
