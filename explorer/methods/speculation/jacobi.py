"""Guess all places at once from the pass before, until none changes.

## What it does
Greedy decoding is a system of equations, one a token, each in the tokens before it. Here they are
solved together: a window of guesses is read in one pass, every place gets the most probable token
behind the guesses before it, and the next pass reads those. Whatever stands behind nothing but
certain tokens is certain, so each pass settles at least one token, and all that it happened to get
right. The window is the whole rest of the text (Jacobi), or a block that must settle before the
next begins (Gauss–Seidel–Jacobi), or blocks up to a planned length and one token a pass behind it
(hybrid).

## When to use it
To see how much of a text does not depend on its unknown left neighbours. On hardware that reads
many tokens as fast as one it also saves time.

## What to look at
The grid of passes and places: which tokens were right before they were certain (the note
“dependency grid”: 0 wrong, 1 right by luck, 2 certain).

## Guarantee
Lossless for greedy decoding: the system is triangular, so its solution is the greedy text, reached
after at most one pass a token. It draws nothing.

## Reference
Santilli et al. 2023, "Accelerating Transformer Inference for Translation via Parallel Decoding",
https://arxiv.org/abs/2305.10427
"""

from __future__ import annotations

from typing import Literal

from explorer.drafting import GREEDY, draft_paths
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.verification import check, greedy_match


class JacobiParams(Params):
    """Which form, and how wide the window is."""

    form: Literal["jacobi", "gauss-seidel", "hybrid"] = param(
        "gauss-seidel",
        "Form",
        "jacobi: all that is left at once; gauss-seidel: block by block; hybrid: blocks up to the "
        "planned length, then one token a pass.",
    )
    block: int = param(
        8, "Block", "Places that are guessed together.", symbol="b", unit="tokens", ge=1, le=128
    )
    planned: int = param(
        32,
        "Planned length",
        "Of the hybrid form: tokens until which it works in blocks.",
        symbol="h",
        unit="tokens",
        ge=1,
    )


@method(
    title="Jacobi decoding",
    family="speculation",
    paper="https://arxiv.org/abs/2305.10427",
    params=JacobiParams,
    claims={"deterministic"},
    notes=(
        Note(
            "dependency grid",
            "a row a pass, a column a place: 0 wrong, 1 right before it was certain, 2 certain",
            shape="matrix",
            drawn_as="heatmap",
        ),
    ),
    presets={
        "in blocks": preset(
            "Which places of a block are right before they are certain.",
            form="gauss-seidel",
            block=8,
        ),
        "all at once": preset(
            "Far places change in every pass, and most of that work is lost.", form="jacobi"
        ),
        "hybrid": preset(
            "Blocks first, then a token at a time.", form="hybrid", block=5, planned=20
        ),
        "break it": preset(
            "A block of one token: a pass for each, nothing is saved.", form="gauss-seidel", block=1
        ),
    },
)
def jacobi(run: Run, p: JacobiParams) -> None:
    root, iterates = run.root, []
    start = run.prompt.ids[-1]
    window = [start] * _room(run, p)
    for _ in run.steps():
        # The last place of a window is what the target adds: it needs no guess.
        guesses = draft_paths(run, root, [window[:-1]], by="pass before")
        chain = [children[0] for children in guesses.values()]
        settled = run.tree.depth(root)
        iterates.append((settled, [guess.token for guess in chain]))
        root, laws = check(run, root, guesses, GREEDY, greedy_match)

        # What the pass says about the places that are not certain yet is guessed next.
        new = [law.best for law in laws.values()]
        left = len(window) - (run.tree.depth(root) - settled)
        window = new[len(new) - left :] if 0 < left <= len(new) else [start] * _room(run, p)
    run.note("dependency grid", dependency_grid(run.tree.tokens(run.head), iterates))


def _room(run: Run, p: JacobiParams) -> int:
    """Places of a new window."""
    done = run.limit - run.remaining
    if p.form == "jacobi":
        return run.remaining
    if p.form == "hybrid" and done >= p.planned:
        return min(1, run.remaining)
    return min(p.block, run.remaining)


def dependency_grid(text: list[int], iterates: list[tuple[int, list[int]]]) -> list[list[int]]:
    """For each pass and place: 2 certain before the pass, 1 guessed right, 0 not."""
    rows = []
    for settled, guessed in iterates:
        row = [2] * settled + [0] * (len(text) - settled)
        for i, token in enumerate(guessed[: len(text) - settled], start=settled):
            row[i] = int(token == text[i])
        rows.append(row)
    return rows
