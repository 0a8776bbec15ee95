"""Let evenly spaced code points fall through the intervals of an arithmetic coder.

## What it does
Every text owns an interval of [0, 1) as long as its probability: the first token's share of the
line, within it the second token's share, and so on. N code points, evenly spaced and shifted by one
random number u, each name the text whose interval they fall into. A step takes the interval of each
point's token and stretches it to [0, 1) again; all points go on in one pass.

## When to use it
Several samples at once that should differ: answers to vote on, texts to average over. Points keep
their distance, so the same text comes up again only if it is probable enough to deserve it.

## What to look at
The code points falling through nested intervals: points in one interval share their beginning, and
part where the line between two tokens runs between them.

## Guarantee
Exact: each text alone is a sample of the filtered law, so averages over them are unbiased. Mostly
they vary less than those of independent samples.

## Reference
Vilnis et al. 2023, https://arxiv.org/abs/2210.15458
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from math import floor, inf, nextafter

import numpy as np

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain

BITS = 2**53  # the steps of a uniform number


class ArithmeticParams(Params):
    """How many code points, and of which law."""

    n: int = param(
        8, "Samples", "Code points, evenly spaced.", symbol="N", unit="texts", ge=1, le=64
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied before the line is cut into intervals.", unit="chain"
    )


@method(
    title="Arithmetic sampling",
    family="sampling",
    paper="https://arxiv.org/abs/2210.15458",
    params=ArithmeticParams,
    claims={"exact"},
    notes=(
        Note("code_points", "Where each code point lies in its text's interval",
             shape="vector", drawn_as="bars"),
    ),
    presets={
        "eight": preset(
            "Texts that share their beginning, and where the line between two tokens parts them.",
            n=8,
        ),
        "one, a plain sample": preset("A single code point is an ordinary sample.", n=1),
        "many, cooler": preset(
            "More points fall into the long intervals: probable texts come several times.",
            n=32, filters="temperature=0.8",
        ),
        "break it": preset(
            "The best token owns the whole line: sixteen points, one and the same text.",
            n=16, filters="temperature=0",
        ),
    },
)  # fmt: skip
def arithmetic_sampling(run: Run, p: ArithmeticParams) -> None:
    # 1. The code points.
    u = refilled(Fraction(run.uniform()), run.uniform())
    codes = [(Fraction(i, p.n + 1) + u) % 1 for i in range(1, p.n + 1)]
    tips, logps = [run.root] * p.n, [0.0] * p.n

    for _ in run.steps():
        # 2. Each point falls into a token's interval, which becomes the whole line.
        going = [i for i in range(p.n) if not run.is_complete(tips[i])]
        nodes = list(dict.fromkeys(tips[i] for i in going))
        laws = dict(zip(nodes, run.laws(p.filters, run.target(nodes), nodes), strict=True))
        lines = {node: law.probs.cpu().cumsum(0).numpy() for node, law in laws.items()}
        run.note("code_points", [float(c) for c in codes])
        fallen = [descend(codes[i], lines[tips[i]]) for i in going]
        of_each = [laws[tips[i]] for i in going]
        tokens = [[token] for token, *_ in fallen]
        run.choose_these(of_each, tokens, [float(codes[i]) for i in going])
        intervals: dict[int, tuple[float, float]] = {}
        for i, law, (token, low, high, inside) in zip(going, of_each, fallen, strict=True):
            tips[i] = run.add(law.node, token)
            logps[i] += float(law.logp[token])
            intervals[tips[i]] = (low, high)
            codes[i] = refilled(inside, run.uniform())

        # 3. Until every text has ended.
        low, high = zip(*intervals.values(), strict=True)
        run.keep(list(intervals), low=low, high=high)
        ended = [i for i in going if run.is_complete(tips[i])]
        for i in ended:
            run.finish(tips[i], logps[i])
        if len(ended) == len(going):
            break

    run.answer(list(dict(zip(tips, logps, strict=True)).items()))


def descend(code: Fraction, line: Sequence[float]) -> tuple[int, float, float, Fraction]:
    """The token whose interval `code` falls into, the interval, and the place inside, in [0, 1).

    `line` (V,) holds the upper ends of the intervals; its last entry is the length of the line.
    """
    point = code * Fraction(float(line[-1]))
    # Fractions compare slowly: only what lies as near as the point was rounded is asked of them.
    near = float(point)
    around = (nextafter(near, -inf), nextafter(near, inf))
    first, last = np.searchsorted(line, around, side="right").tolist()
    token = bisect_right(line, point, first, last, key=float)
    low, high = float(line[token - 1]) if token else 0.0, float(line[token])
    return token, low, high, (point - Fraction(low)) / (Fraction(high) - Fraction(low))


def refilled(code: Fraction, u: float) -> Fraction:
    """The code with its first 53 binary places, and 53 new ones from a uniform number behind them.

    A token of probability 2^-b uses b places up. With 106 of them, 53 at least are good after each.
    """
    return (floor(code * BITS) + Fraction(u)) / BITS
