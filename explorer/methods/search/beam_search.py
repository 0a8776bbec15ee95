"""Keep the B most probable prefixes at every step and return the best finished one.

## What it does
Every step extends each of the B beams by every token, ranks all extensions by the sum of their
log-probabilities, and keeps the B best that do not end. Extensions that end, if they rank among
the first B, enter a pool of finished hypotheses, where they are compared by score: the sum divided
by the length to the power of a penalty. The search ends when no running beam can beat the pool.

## When to use it
Translation, summaries, answers with one right content, where the most probable text is wanted.
In open-ended text it brings out repetition: the more beams, the blander.

## What to look at
Which beams die and by what margin; how soon all beams share their beginning; when hypotheses
finish, and that more beams may give a worse text though a more probable one.

## Guarantee
Deterministic; exact only if B is as large as the number of prefixes. Equal to `transformers` 5.23
in tokens and scores.

## Reference
Classic (Lowerre 1976); semantics as in `transformers`. On the length penalty: Wu et al. 2016,
https://arxiv.org/abs/1609.08144
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from explorer.hypotheses import FinishedPool, best_extensions
from explorer.registry import Params, method, param
from explorer.run import Run
from explorer.sampling import FilterChain


class BeamParams(Params):
    """How wide to search, how to compare lengths, when to stop."""

    num_beams: int = param(
        4, "Beams", "Prefixes kept at every step.", symbol="B", unit="hypotheses", ge=1, le=64
    )
    length_penalty: float = param(
        1.0,
        "Length penalty",
        "Exponent of the length that divides a finished sum of log-probabilities; "
        "above 0 favours long texts.",
        symbol="α",
        ge=-3.0,
        le=5.0,
    )
    early_stopping: bool | Literal["never"] = param(
        False,
        "Early stopping",
        "true: stop at B finished; false: stop when the best running beam, as long as it is now, "
        'cannot enter the pool; "never": allow for all the length that is left.',
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each beam's log-probabilities.", unit="chain"
    )


@dataclass(frozen=True, slots=True)
class Beam:
    """A running prefix: the node it ends at and the sum of its log-probabilities in nats."""

    node: int
    logp: float


@method(
    title="Beam search",
    family="search",
    paper="https://arxiv.org/abs/1609.08144",
    params=BeamParams,
    claims={"deterministic"},
    presets={
        "narrow": {"num_beams": 2},
        "the usual": {"num_beams": 4},
        "the curse": {"num_beams": 32, "length_penalty": 0.0},
    },
)
def beam_search(run: Run, p: BeamParams) -> None:
    B = p.num_beams
    pool = FinishedPool(B, p.length_penalty)
    beams = [Beam(run.root, 0.0)]
    K = max(2, 1 + len(run.eos_ids)) * B

    for step in run.steps():
        # 1. Extend every beam by every token; the K best of all extensions.
        nodes = [beam.node for beam in beams]
        laws = run.laws(p.filters, run.target(nodes), nodes)
        ranked = best_extensions(laws, [beam.logp for beam in beams], K)

        # 2. Those that end leave the search; they count only if they rank among the first B.
        length = step + 1
        last = length == run.limit
        going = [x for x in ranked if not (last or run.is_eos(x.token))]
        ended = [x for x in ranked[:B] if last or run.is_eos(x.token)]
        if p.early_stopping is True and pool.full:
            ended = []
        for x in ended:
            node, score = run.add(x.node, x.token), pool.score(x.logp, length)
            run.finish(node, score)
            if (gone := pool.push(node, score)) is not None:
                run.prune([gone], why="left the pool of the B best finished")

        # 3. The B best that go on; a beam that none of them extends is pruned.
        chosen = going[:B]
        tokens: dict[int, list[int]] = {node: [] for node in nodes}
        for x in chosen + ended:
            tokens[x.node].append(x.token)
        run.choose_these(laws, list(tokens.values()))
        extended = {x.node for x in chosen}
        for beam, law in zip(beams, laws, strict=True):
            if chosen and beam.node not in extended:
                margin = chosen[-1].logp - (beam.logp + law.best_logp(without=run.eos_ids))
                run.prune([beam.node], why="outranked", margin=margin)
        beams = [Beam(run.add(x.node, x.token), x.logp) for x in chosen]
        run.keep([b.node for b in beams], logp=[b.logp for b in beams])

        # 4. Can the best running beam still enter the pool?
        if not beams or (p.early_stopping is True and pool.full):
            break
        reach = run.limit if p.early_stopping == "never" and p.length_penalty > 0 else length
        if pool.score(beams[0].logp, reach) <= pool.worst:
            break

    unfinished = [(b.node, pool.score(b.logp, run.tree.depth(b.node))) for b in beams]
    run.answer((pool.ranked() + unfinished)[:B])
