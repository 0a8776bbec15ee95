"""Beam search that shares its places among banks by how much of the wanted phrases they hold.

## What it does
A bank holds the hypotheses that have the same number of tokens of the phrases. Each step gathers
the best extensions of all, the next wanted tokens of each hypothesis and its own best token; the B
places are divided among the banks, and those that a bank cannot fill go to its neighbours. A phrase
that is broken off must begin again. Only the bank that has everything may end.

## When to use it
As grid beam search, where the phrases are many: the work does not grow with them. Write a phrase as
it stands in the text, with the blank before it.

## What to look at
How many hypotheses each bank holds over time; early they are poor in phrases, later rich.

## Guarantee
Deterministic; a heuristic. A finished text holds every phrase. Where the length was not enough the
answer comes from the richest bank, and a note says what is missing. Without phrases it is beam
search.

## Reference
Post and Vilar 2018, "Fast Lexically Constrained Decoding with Dynamic Beam Allocation for Neural
Machine Translation", https://arxiv.org/abs/1804.06609
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

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
from explorer.law import Law, Mask
from explorer.phrases import (
    CONSTRAINTS,
    ConstrainedBeamParams,
    PhraseParams,
    Progress,
    note_progress,
    phrases_of,
)
from explorer.registry import Note, method, param, preset
from explorer.run import Run


class AllocationParams(ConstrainedBeamParams, PhraseParams):
    """What the text must hold, and how wide to search."""

    num_beams: int = param(
        8, "Beams", "Places that the banks share.", symbol="B", unit="hypotheses", ge=1, le=64
    )


@method(
    title="Dynamic beam allocation",
    family="search",
    paper="https://arxiv.org/abs/1804.06609",
    params=AllocationParams,
    claims={"deterministic"},
    notes=(
        CONSTRAINTS,
        Note("missing", "What of the phrases did not come", "text", drawn_as="label"),
    ),
    presets={
        "no phrase": preset("Without a phrase there is one bank: plain beam search."),
        "narrow": preset("Two beams, shared out among the banks.", num_beams=2),
        "lengths not compared": preset(
            "Sums of different lengths are compared as they are.", length_penalty=0.0
        ),
        "break it": preset(
            "Letters that fit nowhere: they are written all the same, and the text around them "
            "suffers.",
            phrases="dcba", num_beams=2,
        ),
    },
)  # fmt: skip
def dynamic_beam_allocation(run: Run, p: AllocationParams) -> None:
    B = p.num_beams
    phrases = phrases_of(run, p.phrases)
    C = sum(map(len, phrases))
    pool = FinishedPool(B, p.length_penalty)
    beams = [Hypothesis(run.root, 0.0)]
    progress = {run.root: Progress(phrases)}
    K = max(2, 1 + len(run.eos_ids)) * B

    for step in run.steps():
        # 1. Only what has every phrase may end.
        laws = [
            law if progress[law.node].complete else never_ending(run, law)
            for law in laws_after(run, beams, p.filters)
        ]

        # 2. The best of all, the best that have every phrase, and of each hypothesis what it needs
        # next and its own best token.
        scores = sums(beams, laws)  # (B, V)
        poor = torch.tensor([not progress[law.node].complete for law in laws]).to(scores.device)
        rich = scores.masked_fill(poor[:, None], -torch.inf)
        best = best_extensions(laws, scores, K) + best_extensions(laws, rich, K)
        found = {(x.node, x.token): x for x in best}
        for law, row in zip(laws, scores, strict=True):
            for token in (*progress[law.node].needed.values(), law.best):
                if row[token] > -torch.inf:
                    found[law.node, token] = Extension(law, token, float(row[token]))
        ranked = sorted(found.values(), key=lambda x: -x.score)
        after = {place: progress[place[0]].after(place[1]) for place in found}

        # 3. The first B with every phrase that end are finished; the banks share the places.
        banks: list[list[Extension]] = [[] for _ in range(C + 1)]
        for x in ranked:
            banks[after[x.node, x.token].covered].append(x)
        ended = [x for x in banks[C][:B] if ends(run, x)]
        pool.take(run, ended)
        going = [[x for x in bank if not ends(run, x)] for bank in banks]
        places = allocation(B, [len(bank) for bank in going])
        chosen = [x for bank, n in zip(going, places, strict=True) for x in bank[:n]]

        covered = [after[x.node, x.token].covered for x in chosen]
        logp = [x.score for x in chosen]
        grown = advance(run, laws, None, chosen, ended, logp=logp, covered=covered)
        if not grown:
            break
        beams = grown
        progress = {b.node: after[x.node, x.token] for b, x in zip(beams, chosen, strict=True)}
        note_progress(run, p.phrases, progress.items())

        # 4. Can the best running beam still enter the pool?
        if pool.score(max(logp), step + 1) <= pool.worst:
            break

    most = max(state.covered for state in progress.values())
    if not len(pool):
        run.note("missing", f"{C - most} of {C} tokens of the phrases did not come")
    richest = [b for b in beams if progress[b.node].covered == most]
    run.answer(pool.ranked(run, richest)[:B])


def never_ending(run: Run, law: Law) -> Law:
    """The law without its end tokens."""
    eos = torch.tensor(sorted(run.eos_ids)).to(law.logp.device)
    gone = torch.zeros_like(law.logp, dtype=torch.bool).index_fill(0, eos, True)
    mask = Mask("phrases missing", law.logp, ~gone)
    return replace(law, logp=law.logp.masked_fill(gone, -torch.inf), masks=(*law.masks, mask))


def allocation(B: int, sizes: Sequence[int]) -> list[int]:
    """How many of B places each bank gets: equal shares, the rest to the last bank.

    What a bank of that size cannot fill goes to the nearest that can, of two the later one.
    """
    n = len(sizes)
    places = [B // n] * n
    places[-1] += B % n
    for i in range(n):
        while places[i] > sizes[i]:
            places[i] -= 1
            wanting = [j for j in range(n) if places[j] < sizes[j]]
            if wanting:
                places[min(wanting, key=lambda j: (abs(j - i), -j))] += 1
    return places
