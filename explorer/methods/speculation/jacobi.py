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
“dependency grid”: 0 wrong, 1 right by luck, 2 certain), and what each pass said (the note
“iterate”). A new window begins as the last token of the prompt, repeated.

## Guarantee
Lossless for greedy decoding: the system is triangular, so its solution is the greedy text, reached
after at most one pass a token. It draws nothing.

## Reference
Santilli et al. 2023, "Accelerating Transformer Inference for Translation via Parallel Decoding",
https://arxiv.org/abs/2305.10427
"""

from __future__ import annotations

from dataclasses import dataclass
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
    claims={"deterministic", "greedy"},
    notes=(
        Note(
            "dependency grid",
            "what each pass said, a row a pass, a column a place: 0 wrong, 1 right before it was "
            "certain, 2 certain",
            shape="matrix",
            drawn_as="heatmap",
        ),
        Note(
            "probability grid",
            "how probable the target held what it said at each place in each pass; 0 where it said "
            "nothing",
            shape="matrix",
            drawn_as="heatmap",
        ),
        Note("iterate", "what the window says after the pass", shape="text", drawn_as="label"),
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
    root = run.root
    said: list[Iterate] = []
    start = run.prompt.ids[-1]
    window = [start] * _room(run, p)
    for _ in run.steps():
        # The last place of a window is what the target adds: it needs no guess.
        guesses = draft_paths(run, root, [window[:-1]], by="pass before")
        begin = run.tree.depth(root)
        root, laws = check(run, root, guesses, GREEDY, greedy_match)
        settled = run.tree.depth(root)

        # What the pass says about the places that are not certain yet is guessed next. Behind a
        # guessed end it says nothing: what was guessed there stays.
        new = [law.best for law in laws.values()]
        odds = [round(float(law.raw[law.best].exp()), 3) for law in laws.values()]
        window = [*new, *window[len(new) :]]
        run.note("iterate", "".join(map(run.token_text, window)))
        said.append(Iterate(begin, settled, new, odds))
        window = window[settled - begin :] or [start] * _room(run, p)
    text = run.tree.tokens(run.head)
    run.note("dependency grid", dependency_grid(text, said))
    run.note("probability grid", probability_grid(len(text), said))


def _room(run: Run, p: JacobiParams) -> int:
    """Places of a new window."""
    done = run.limit - run.remaining
    if p.form == "jacobi":
        return run.remaining
    if p.form == "hybrid" and done >= p.planned:
        return min(1, run.remaining)
    return min(p.block, run.remaining)


@dataclass(frozen=True, slots=True)
class Iterate:
    """What a pass said from place `begin` on, with its probabilities; certain before `settled`."""

    begin: int
    settled: int
    tokens: list[int]
    odds: list[float]


def dependency_grid(text: list[int], said: list[Iterate]) -> list[list[int]]:
    """For each pass and place: 2 certain after the pass, 1 right by luck, 0 wrong or not said."""
    rows = []
    for it in said:
        row = [2] * it.settled + [0] * (len(text) - it.settled)
        for i, token in enumerate(it.tokens[: len(text) - it.begin], start=it.begin):
            row[i] = max(row[i], int(token == text[i]))
        rows.append(row)
    return rows


def probability_grid(length: int, said: list[Iterate]) -> list[list[float]]:
    """For each pass and place how probable what the pass said was, 0 where it said nothing."""
    return [([0.0] * it.begin + it.odds + [0.0] * length)[:length] for it in said]
