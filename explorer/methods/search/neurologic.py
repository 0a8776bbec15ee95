"""Beam search for texts that hold some phrases and lack others, whatever the order.

## What it does
Clauses say what the text needs: one of several phrases, or the absence of one. Besides the best
tokens of all, the next token of every phrase that is still missing is a candidate. What can meet
its clauses no more is dropped, and what has met too few beside the others. The rest are put in
groups by the clauses they have met, and the beam is filled with the best of each group in turn.

## When to use it
Sentences from keywords, fixed terms, words to avoid; where a phrase may have several forms.

## What to look at
The groups: a hypothesis that has met much is not outranked by one that has met nothing yet. Which
clauses are met first, and what the missing ones cost.

## Guarantee
Deterministic. Only a text that meets every clause ends; the best such text if nothing is dropped
and B is as large as the number of prefixes. Without clauses it is beam search.

## Reference
Lu et al. 2021, "NeuroLogic Decoding", https://arxiv.org/abs/2010.12884
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.clauses import ClauseParams, Clauses, Present, begun, clauses_of
from explorer.hypotheses import (
    Extension,
    FinishedPool,
    Hypothesis,
    advance,
    best_extensions,
    ends,
    laws_after,
    sums,
)
from explorer.law import Law
from explorer.phrases import CONSTRAINTS, ConstrainedBeamParams
from explorer.records import Constraints, Standing
from explorer.registry import Note, method, param, preset
from explorer.run import Run


class NeuroLogicParams(ConstrainedBeamParams, ClauseParams):
    """What the text must meet, how wide to search, what to drop."""

    num_beams: int = param(
        4, "Beams", "Hypotheses kept at every step.", symbol="B", unit="hypotheses", ge=1, le=256
    )
    prune_factor: int = param(
        50, "Rank", "A phrase's next token takes part if it is among so many best of its row.",
        symbol="β", unit="tokens", ge=1, le=100_000,
    )  # fmt: skip
    tolerance: int = param(
        2, "Tolerance", "By how many clauses a hypothesis may be behind the one that met most.",
        symbol="α", unit="clauses", ge=0, le=100,
    )  # fmt: skip
    length_penalty: float = param(
        0.2, "Length penalty", "Exponent of the length that divides a finished sum.",
        ge=-3.0, le=5.0,
    )  # fmt: skip


NOTES = (
    CONSTRAINTS,
    Note("missing", "What no hypothesis has", "text", drawn_as="label"),
)  # fmt: skip


@method(
    title="NeuroLogic",
    family="search",
    paper="https://arxiv.org/abs/2010.12884",
    params=NeuroLogicParams,
    claims={"deterministic"},
    notes=NOTES,
    presets={
        "the paper's defaults": preset(
            "Twenty hypotheses: how many groups share them.", num_beams=20
        ),
        "nothing is dropped": preset(
            "Hypotheses that are behind stay, and phrases come even where they fit badly.",
            tolerance=100, prune_factor=100_000,
        ),
        "break it": preset(
            "Letters that fit nowhere, one hypothesis: they come at once, and at any price.",
            clauses="d;c;!ab", num_beams=1, prune_factor=100_000,
        ),
    },
)  # fmt: skip
def neurologic(run: Run, p: NeuroLogicParams) -> None:
    run.answer(search_clauses(run, p, clauses_of(run, p.clauses)))


@dataclass(frozen=True, slots=True)
class Placed:
    """A hypothesis, and which phrases stand in it."""

    beam: Hypothesis
    present: Present


@dataclass(frozen=True, slots=True)
class Candidate:
    """An extension, which phrases stand in it then, and which clauses are met."""

    x: Extension
    present: Present
    met: frozenset[int]


# For each candidate what is added to its mean log-probability.
Estimate = Callable[[Sequence[Candidate]], Sequence[float]]


def search_clauses(
    run: Run, p: NeuroLogicParams, clauses: Clauses, estimate: Estimate | None = None
) -> list[tuple[int, float]]:
    """The B best hypotheses as (node, score): those that meet every clause, best first."""
    B = p.num_beams
    K = max(2, 1 + len(run.eos_ids)) * B
    pool = FinishedPool(B, p.length_penalty)
    beams = [Placed(Hypothesis(run.root, 0.0), clauses.after(frozenset(), ()))]

    for step in run.steps():
        # 1. The best of all, what each hypothesis needs, and its own best token.
        laws = laws_after(run, [placed.beam for placed in beams], p.filters)
        found = candidates(run, p, clauses, beams, laws, K)

        # 2. Drop what is too far behind.
        most = max((len(c.met) for c in found), default=0)
        found = [c for c in found if len(c.met) >= most - p.tolerance]

        # 3. The best of each group in turn.
        added = estimate(found) if estimate else [0.0] * len(found)
        scores = [c.x.score / (step + 1) + h for c, h in zip(found, added, strict=True)]
        ranked = in_turns(found, scores)
        done = [ends(run, c.x) and len(c.met) == len(clauses) for c in ranked]
        going = [c for c, over in zip(ranked, done, strict=True) if not over][:B]
        ended = [c.x for c, over in zip(ranked[:B], done, strict=False) if over]

        # 4. Those that meet everything may end.
        pool.take(run, ended)
        met = [len(c.met) for c in going]
        kept = advance(run, laws, None, [c.x for c in going], ended, set(),
                       logp=[c.x.score for c in going], met=met)  # fmt: skip
        if not going:
            break
        beams = [Placed(b, c.present) for b, c in zip(kept, going, strict=True)]
        note_standing(run, clauses, beams)
        cut = step + 1 == run.limit  # what has not met everything by now never will
        if cut or pool.score(max(b.score for b in kept), step + 1) <= pool.worst:
            break

    meeting = [b for b in beams if len(clauses.met(b.present)) == len(clauses)]
    if not len(pool) and not meeting:
        meeting = sorted(beams, key=lambda b: -len(clauses.met(b.present)))
        run.note("missing", missing(clauses, meeting[0].present))
    return pool.ranked(run, [placed.beam for placed in meeting])[:B]


def note_standing(run: Run, clauses: Clauses, beams: Sequence[Placed]) -> None:
    """Which clauses each running hypothesis has met, or begun to."""
    if not len(clauses):
        return
    standing = [
        Standing(
            node=placed.beam.node,
            bank=len(clauses.met(placed.present)),
            stands=clauses.stands(placed.present, run.tree.tokens(placed.beam.node)),
        )
        for placed in beams
    ]
    record = Constraints(wanted=clauses.names, hypotheses=standing)
    run.note(CONSTRAINTS.name, record.model_dump(mode="json"))


def candidates(
    run: Run, p: NeuroLogicParams, clauses: Clauses, beams: Sequence[Placed],
    laws: Sequence[Law], k: int,
) -> list[Candidate]:  # fmt: skip
    """What may follow the hypotheses, best first; only what meets everything may end."""
    scores = sums([placed.beam for placed in beams], laws)  # (B, V)
    texts = {placed.beam.node: run.tree.tokens(placed.beam.node) for placed in beams}

    # 1. What would break a clause, and an end before all are met, cannot be.
    barred: list[tuple[int, int]] = []  # (row, token)
    needed: list[tuple[int, int]] = []
    for i, placed in enumerate(beams):
        text = texts[placed.beam.node]
        barred += [(i, token) for token in clauses.forbidden(placed.present, text)]
        if len(clauses.met(placed.present)) < len(clauses):
            barred += [(i, token) for token in run.eos_ids]
        for literal in clauses.open(placed.present):
            needed.append((i, literal.tokens[begun(text, literal.tokens)]))
    if barred:
        scores[tuple(torch.tensor(barred).T)] = -torch.inf

    # 2. Of each hypothesis its best token and what it needs; with the best of all, each once.
    best, tokens = scores.max(1)
    own = zip(laws, tokens.tolist(), best.tolist(), strict=True)
    some = [Extension(*place) for place in own if place[-1] > -torch.inf]
    some += likely_enough(laws, scores, needed, p.prune_factor)
    found: dict[tuple[int, int], Candidate] = {}
    states = {placed.beam.node: placed.present for placed in beams}
    for x in sorted([*best_extensions(laws, scores, k), *some], key=lambda x: -x.score):
        before, text = states[x.node], texts[x.node]
        present = clauses.after(before, (*text, x.token))
        found.setdefault((x.node, x.token), Candidate(x, present, clauses.met(present)))
    return list(found.values())


def likely_enough(
    laws: Sequence[Law], scores: Tensor, needed: Sequence[tuple[int, int]], most: int
) -> list[Extension]:
    """Of the needed (row, token) those that are among the `most` best tokens of their row."""
    if not needed:
        return []
    rows, tokens = torch.tensor(needed).T
    values = scores[rows, tokens]
    ranks = (scores[rows] > values[:, None]).sum(1)
    return [
        Extension(laws[row], token, value)
        for (row, token), value, rank in zip(needed, values.tolist(), ranks.tolist(), strict=True)
        if rank < most and value > -torch.inf
    ]


def in_turns(found: Sequence[Candidate], scores: Sequence[float]) -> list[Candidate]:
    """The best of each group of equal clauses, then the second of each, and so on."""
    groups: dict[frozenset[int], list[tuple[float, Candidate]]] = defaultdict(list)
    for candidate, score in zip(found, scores, strict=True):
        groups[candidate.met].append((score, candidate))
    placed = [
        (rank, -score, candidate)
        for group in groups.values()
        for rank, (score, candidate) in enumerate(sorted(group, key=lambda entry: -entry[0]))
    ]
    return [candidate for *_, candidate in sorted(placed, key=lambda entry: entry[:2])]


def missing(clauses: Clauses, present: Present) -> str:
    unmet = [name for i, name in enumerate(clauses.names) if i not in clauses.met(present)]
    return f"{len(unmet)} of {len(clauses)} clauses are not met: {'; '.join(unmet)}"
