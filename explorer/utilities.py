"""Utilities: how good a text is where another one is right; between 0 and 1, more is better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sacrebleu import BLEU, CHRF

Utility = Callable[[str, str], float]  # of a text, given the one that is right
UtilityName = Literal["chrf", "bleu", "token_f1", "exact_match", "embedding"]


def chrf(text: str, right: str) -> float:
    """Character n-gram F-score, n up to 6, β = 2, as sacrebleu computes it."""
    return _chrf().sentence_score(text, [right]).score / 100


def bleu(text: str, right: str) -> float:
    """Sentence BLEU of up to four-grams, exponentially smoothed, as sacrebleu computes it."""
    return _bleu().sentence_score(text, [right]).score / 100


def token_f1(text: str, right: str) -> float:
    """Harmonic mean of the shares of words that are in the other text, too."""
    a, b = Counter(text.lower().split()), Counter(right.lower().split())
    both = (a & b).total()
    return 2 * both / (a.total() + b.total()) if a or b else 1.0


def exact_match(text: str, right: str) -> float:
    """1 for the same text, up to space around it."""
    return float(text.strip() == right.strip())


UTILITIES: dict[str, Utility] = {
    "chrf": chrf,
    "bleu": bleu,
    "token_f1": token_f1,
    "exact_match": exact_match,
}


def self_bleu(texts: Sequence[str]) -> float:
    """Mean BLEU of each of two or more texts where all the others are right: 1 if all are alike."""
    scores = [
        _bleu().sentence_score(text, [*texts[:i], *texts[i + 1 :]]).score
        for i, text in enumerate(texts)
    ]
    return sum(scores) / len(scores) / 100


def edit_distance(a: Sequence[object], b: Sequence[object]) -> int:
    """How many items must be put in, taken out or exchanged to make one of the other."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        diagonal, row[0] = row[0], i + 1
        for j, y in enumerate(b):
            diagonal, row[j + 1] = (
                row[j + 1],
                min(row[j] + 1, row[j + 1] + 1, diagonal + (x != y)),
            )
    return row[-1]


def utility_matrix(texts: Sequence[str], utility: Utility) -> list[list[float]]:
    """U[i][j]: how good text i is where text j is right."""
    return [[utility(text, right) for right in texts] for text in texts]


@cache
def _chrf() -> CHRF:
    from sacrebleu import CHRF  # takes a while to import, and few runs need it

    return CHRF()


@cache
def _bleu() -> BLEU:
    from sacrebleu import BLEU

    return BLEU(effective_order=True)
