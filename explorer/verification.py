"""Verification: which guesses stand, and which token the target adds.

A round of speculation has a tree of guesses below a node. The walk goes down from there: at each
node a rule looks at the target's law p and at the guessed children, and either moves to a child or
commits one more token and ends. Rules by the number they have in the literature's order:

V1 `greedy_match`          the target's most probable token, guessed or not
V2 `chain`                 one guess x ~ q: accept with probability min(1, p/q), else [p - q]+
V3 `sample_and_match`      guesses chosen deterministically: draw from p, see if it was guessed
V4 `independent_drafts`    several guesses, each drawn from its own q: V2 in turn on the residual
V5 `without_replacement`   guesses drawn one after another from q without replacement
   `drawn_then_known`      V5 for those that were drawn, V3 on what they leave for the others

V2 to V5 leave the output with the target's law, V1 with its greedy text, whatever was guessed.

Sources: Leviathan et al. 2022, https://arxiv.org/abs/2211.17192 (V2); Miao et al. 2023,
https://arxiv.org/abs/2305.09781 (V4); Jeon et al. 2024, https://arxiv.org/abs/2402.14160 (V5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.law import Law
from explorer.run import Run
from explorer.sampling import Filter


@dataclass(frozen=True, slots=True)
class Guess:
    """A guessed child: its node, its token, and the law `q` (V,) it was drawn from.

    Deterministic guesses have no q.
    """

    node: int
    token: int
    q: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Either a guess that stands, or the token that the target puts in its place."""

    accepted: Guess | None = None
    token: int | None = None


# The guessed children of each node, in the order in which they are to be tried; parents first.
Guesses = Mapping[int, Sequence[Guess]]
Rule = Callable[[Run, Law, Sequence[Guess]], Verdict]


def check(
    run: Run,
    root: int,
    guesses: Guesses,
    filters: Sequence[Filter],
    rule: Rule,
    others: Sequence[int] = (),
) -> tuple[int, dict[int, Law]]:
    """The second half of a round: the target reads root and guesses in one pass, `verify` walks.

    `others` are nodes that are read in the same pass and are no guesses. Returns the new head, down
    to which all is emitted, and the target's law after each node.
    """
    guessed = [guess.node for children in guesses.values() for guess in children]
    nodes = list(dict.fromkeys([root, *guessed, *others]))
    laws = dict(zip(nodes, run.laws(filters, run.target(nodes), nodes), strict=True))
    return run.emit(verify(run, root, laws, guesses, rule)), laws


def verify(
    run: Run,
    root: int,
    laws: Mapping[int, Law],
    guesses: Guesses,
    rule: Rule,
) -> int:
    """Walk down from `root` by `rule`; returns the node of the token that the target adds.

    `laws` has the target's law after the root and after every guess. An accepted end token ends
    the walk: nothing is added behind it.
    """
    node = root
    while True:
        children = guesses.get(node, ())
        verdict = rule(run, laws[node], children)
        if verdict.accepted is None:
            assert verdict.token is not None
            return run.add(node, verdict.token)
        for other in children:
            if other.node != verdict.accepted.node and run.tree.alive(other.node):
                run.discard(other.node, why="a sibling was accepted")
        node = verdict.accepted.node
        if run.is_eos(verdict.accepted.token):
            return node


# The rules ---------------------------------------------------------------------------------------


def greedy_match(run: Run, law: Law, guesses: Sequence[Guess]) -> Verdict:
    """V1: move to the child that carries the target's most probable token, else commit it."""
    return _match(run, law, run.choose_best(law), guesses, "not the target's most probable token")


def sample_and_match(run: Run, law: Law, guesses: Sequence[Guess]) -> Verdict:
    """V3: draw from p; move to the child that carries the drawn token, else commit it.

    Exact if the set of guesses is a function of the prefix alone.
    """
    return _match(run, law, run.choose(law), guesses, "not the token that the target drew")


def chain(run: Run, law: Law, guesses: Sequence[Guess]) -> Verdict:
    """V2: at most one guess, accepted with probability min(1, p/q); else a token of [p - q]+."""
    assert len(guesses) <= 1
    return independent_drafts(run, law, guesses)


def independent_drafts(run: Run, law: Law, guesses: Sequence[Guess]) -> Verdict:
    """V4: guesses x_j ~ q_j in turn against the residual r, which loses q_j at each rejection.

    Guesses that carry the same token must stay separate guesses.
    """
    r = law.probs
    for guess in guesses:
        if _accepts(run, guess, r, guess.q):
            return Verdict(accepted=guess)
        r = residual(r, guess.q)
    return Verdict(token=_commit(run, law, r, rejected=bool(guesses)))


def without_replacement(run: Run, law: Law, guesses: Sequence[Guess]) -> Verdict:
    """V5: guesses drawn one after another from q, each token at most once.

    Every guess carries the whole q. After a rejection both laws change: r loses q's mass, and q
    loses the token that was tried.
    """
    return drawn_then_known(run, law, guesses)


def drawn_then_known(run: Run, law: Law, guesses: Sequence[Guess]) -> Verdict:
    """V5 for the guesses that have a q, then V3 on the residual for those that have none."""
    r = law.probs
    tried: list[int] = []
    for guess in guesses:
        if guess.q is None:
            continue
        q = without(guess.q, tried)
        if _accepts(run, guess, r, q):
            return Verdict(accepted=guess)
        r = residual(r, q)
        tried.append(guess.token)
    token = _commit(run, law, r, rejected=bool(tried))
    known = [guess for guess in guesses if guess.q is None]
    return _match(run, law, token, known, "not the token that the target drew")


# The algebra they share --------------------------------------------------------------------------


def residual(p: Tensor, q: Tensor) -> Tensor:
    """norm([p - q]+), the law of the token that replaces a rejected one; `(V,)`."""
    left = (p - q).clamp(min=0)
    mass = left.sum()
    # p = q leaves nothing, and is never rejected but for rounding.
    return left / mass if mass > 0 else p


def without(q: Tensor, tried: Sequence[int]) -> Tensor:
    """norm(q with the tried tokens at zero); `(V,)`. All zeros once q is used up."""
    if not tried:
        return q
    left = q.clone()
    for token in tried:  # few: one by one is faster than a list of places
        left[token] = 0
    mass = left.sum()
    return left / mass if mass > 0 else left


def _accepts(run: Run, guess: Guess, r: Tensor, q: Tensor) -> bool:
    p_x, q_x = float(r[guess.token]), float(q[guess.token])
    ratio = p_x / q_x if q_x > 0 else torch.inf
    if run.coin(min(1.0, ratio)):
        run.accept(guess.node, why="u < p/q", p=p_x, q=q_x, ratio=ratio, u=run.u)
        return True
    left = float((r - q).clamp(min=0).sum())  # the residual's mass before it is a law again
    run.reject(guess.node, why="u ≥ p/q", p=p_x, q=q_x, ratio=ratio, u=run.u, left=left)
    return False


def _commit(run: Run, law: Law, r: Tensor, rejected: bool) -> int:
    return run.choose(law.changed(r, "residual") if rejected else law)


def _match(run: Run, law: Law, token: int, guesses: Sequence[Guess], why: str) -> Verdict:
    for guess in guesses:
        if guess.token == token:
            run.accept(guess.node, why="the target's own token", p=float(law.probs[token]))
            return Verdict(accepted=guess)
    for guess in guesses:
        run.reject(guess.node, why=why, p=float(law.probs[guess.token]))
    return Verdict(token=token)
