"""What tests of filters share: rows that are hard to filter, pasts, and one filter of each kind."""

import math
import random
from collections.abc import Sequence

import torch
from torch import Tensor

from explorer.sampling import (
    DRY,
    EDT,
    XTC,
    DynaTemp,
    Epsilon,
    Eta,
    Filter,
    FrequencyPenalty,
    MinP,
    NoRepeatNGram,
    PresencePenalty,
    RepetitionPenalty,
    Seen,
    TailFree,
    Temperature,
    TopA,
    TopK,
    TopNSigma,
    TopP,
    Typical,
)

INF = math.inf
SIZES = (5, 1000)

# One filter of each kind, strong enough to do something on most rows.
ONE_OF_EACH: tuple[Filter, ...] = (
    Temperature(t=0.7),
    EDT(t0=1.3, theta=0.7),
    DynaTemp(high=1.7, low=0.3, exponent=1.2),
    TopK(k=3),
    TopP(p=0.8137),
    MinP(p=0.13),
    TopA(a=0.31),
    Typical(mass=0.61),
    TailFree(z=0.77),
    Epsilon(epsilon=0.02),
    Eta(epsilon=0.03),
    TopNSigma(n=1.1),
    XTC(probability=0.5, threshold=0.07),
    RepetitionPenalty(theta=1.3),
    FrequencyPenalty(alpha=0.7),
    PresencePenalty(alpha=0.6),
    DRY(multiplier=0.8, base=1.5, allowed_length=1),
    NoRepeatNGram(n=2),
)
IDENTITIES: tuple[Filter, ...] = (
    Temperature(t=1),
    EDT(t0=1, theta=0),
    DynaTemp(high=1, low=1),
    TopK(k=10_000),
    TopP(p=1),
    MinP(p=0),
    TopA(a=0),
    Typical(mass=1),
    TailFree(z=1),
    Epsilon(epsilon=0),
    Eta(epsilon=0),
    TopNSigma(n=1000),
    XTC(probability=1, threshold=0.6),
    RepetitionPenalty(theta=1),
    FrequencyPenalty(alpha=0),
    PresencePenalty(alpha=0),
    DRY(multiplier=0),
    NoRepeatNGram(n=500),
)


def by_name(rule: Filter) -> str:
    return rule.name


def nasty_rows(size: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Rows (n, size): random, peaky, flat, tied, with tokens at −∞, far from zero, one token."""
    draw = torch.Generator().manual_seed(seed)

    def normal(scale: float) -> Tensor:
        return scale * torch.randn(size, generator=draw)

    peaky = normal(1)
    peaky[size // 2] += 25
    two_peaks = normal(1)
    two_peaks[:2] = 9
    ties = torch.randint(0, 3, (size,), generator=draw).float()
    holes = normal(3)
    holes[torch.rand(size, generator=draw) < 0.4] = -INF
    holes[-1] = 1.5
    tied_holes = ties.clone()
    tied_holes[::2] = -INF
    lone = torch.full((size,), -INF)
    lone[size - 1] = -3
    rows = [
        normal(1),
        normal(3),
        normal(8),
        peaky,
        two_peaks,
        torch.zeros(size),
        torch.full((size,), -7.0),
        ties,
        holes,
        tied_holes,
        lone,
        normal(2) - 60,
        normal(2) + 60,
    ]
    return torch.stack(rows).to(dtype)


class Always(frozenset):
    """Every filter with a chance acts."""

    def __contains__(self, rule: object) -> bool:
        return True


def pasts(count: int, size: int, length: int = 24, seed: int = 0) -> list[Seen]:
    """One past a row, over a few token ids so that tokens and n-grams come back."""
    draw = random.Random(seed)
    ids = [[draw.randrange(min(size, 6)) for _ in range(length)] for _ in range(count)]
    third = length // 3
    return [Seen(tuple(row[:third]), tuple(row[third:]), Always()) for row in ids]


def input_ids(seen: Sequence[Seen]) -> Tensor:
    return torch.tensor([past.prompt + past.generated for past in seen])


def kept(scores: Tensor) -> list[list[int]]:
    return [row.isfinite().nonzero().flatten().tolist() for row in scores]


def law(scores: Tensor) -> Tensor:
    return torch.softmax(scores, -1, dtype=torch.float64)


def scores_of(probs: Sequence[float]) -> Tensor:
    return torch.tensor([probs], dtype=torch.float64).log()


def random_rule(draw: random.Random) -> Filter:
    """A filter of any kind with any allowed parameter, extremes included."""
    share = draw.choice([draw.random(), 10 ** draw.uniform(-6, 0), 1.0])
    return draw.choice(
        [
            Temperature(t=draw.choice([0, 1e-6, 0.3, 1, 100])),
            EDT(t0=draw.choice([0.01, 1, 100]), theta=draw.choice([0, 1, 100])),
            DynaTemp(high=draw.choice([0, 1, 100]), low=draw.choice([0, 0.5, 100])),
            TopK(k=draw.choice([1, 2, 7, 100])),
            TopP(p=draw.choice([0, share])),
            MinP(p=draw.choice([0, share])),
            TopA(a=draw.choice([0, share])),
            Typical(mass=share),
            TailFree(z=draw.choice([0, share])),
            Epsilon(epsilon=0.999 * share),
            Eta(epsilon=0.999 * share),
            TopNSigma(n=draw.choice([0, 0.2, 1, 4])),
            XTC(probability=draw.random(), threshold=share),
            RepetitionPenalty(theta=draw.choice([0.01, 1.2, 10])),
            FrequencyPenalty(alpha=draw.uniform(-2, 2)),
            PresencePenalty(alpha=draw.uniform(-2, 2)),
            DRY(multiplier=draw.choice([0, 0.8, 100]), base=4, window=draw.choice([0, 9])),
            NoRepeatNGram(n=draw.randint(1, 4)),
        ]
    )
