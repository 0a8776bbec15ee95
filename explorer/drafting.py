"""Drafting: trees that a draft draws, and guesses that need no law of their own.

Siblings drawn without replacement are checked by the rule V5 of `explorer.verification`; guesses
that are a function of what stands there already (copied, counted, retrieved, left over from the
pass before) by V1 and V3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from explorer.law import Law
from explorer.run import Run
from explorer.sampling import FilterChain, Temperature
from explorer.verification import Guess, without

# The usual filters of these methods: what is copied or counted guesses the most probable text best.
GREEDY = (Temperature(t=0),)


def draw_siblings(
    run: Run, law: Law, count: int, before: Sequence[Guess] = (), by: str = "draft"
) -> list[Guess]:
    """Up to `count` different next tokens of the draft's law, drawn one after another.

    Those drawn `before` count and stand first.
    """
    siblings = list(before)
    while len(siblings) < count:
        tried = [guess.token for guess in siblings]
        left = without(law.probs, tried)
        if left.sum() <= 0:
            break
        x = run.choose(law.changed(left, "drawn before") if tried else law)
        siblings.append(Guess(run.add(law.node, x, by=by), x, law.probs))
    return siblings


def drawn_tree(
    run: Run, root: int, branching: Sequence[int], filters: FilterChain
) -> dict[int, list[Guess]]:
    """Guesses of the draft level by level, one pass a level; `branching` children on each."""
    level, guesses = [root], {}
    for b in branching[: run.remaining - 1]:
        laws = run.laws(filters, run.draft(level), level, stream="draft") if level else []
        for law in laws:
            guesses[law.node] = draw_siblings(run, law, b)
        level = [
            guess.node for law in laws for guess in guesses[law.node] if not run.is_eos(guess.token)
        ]
    return guesses


def draft_paths(
    run: Run,
    root: int,
    paths: Iterable[Sequence[int]],
    by: str,
    among: dict[int, list[Guess]] | None = None,
) -> dict[int, list[Guess]]:
    """The guessed continuations below `root` as one tree: equal beginnings are equal nodes.

    Each path is cut behind an end token, and before the last token that may be emitted: that one
    is the target's own in any case. With `among` they grow on the guesses that stand there.
    """
    guesses = {} if among is None else among
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


def copied_from(run: Run, tokens: Sequence[int], at: int, where: str) -> str:
    """What is copied and where it stands, for a note; `at` is its first token's place there."""
    words = run.models["target"].decode(list(tokens))
    return f"“{words}” from {where}, tokens {at + 1} to {at + len(tokens)}"


def text_so_far(run: Run, node: int) -> list[int]:
    """Token ids of the prompt and of the text down to `node`."""
    return [*run.prompt.ids, *run.tree.tokens(node)]
