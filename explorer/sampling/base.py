"""Filters: rules that reshape the law of the next token before one is drawn.

Letters used below
    z     scores of a row: raw logits or log-probabilities; −∞ = the token is impossible
    p     softmax(z);  z_max, p_max the largest of the row
    H     entropy of p in nats, −Σ p ln p
    V     size of the vocabulary
    n     rows; every filter treats every row alone

A filter reads scores (n, V) and returns scores (n, V). It never writes to its input (it may hand
the input itself back when there is nothing to do), never brings a removed token back, and leaves
at least one token in each row. A truncation rule depends on softmax(z) alone or on gaps between
scores, so raw logits and log-probabilities give the same law; the one rule that is not
shift-invariant, the repetition penalty, says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import BaseModel
from torch import Tensor

REMOVED = -math.inf


@dataclass(frozen=True, slots=True)
class Seen:
    """What a filter may look at besides the scores of a row."""

    prompt: tuple[int, ...]  # token ids of the prompt
    generated: tuple[int, ...]  # token ids generated so far on this row's path
    fired: frozenset[Filter] = frozenset()  # filters with a `chance` whose coin says: act here
    eos_ids: frozenset[int] = frozenset()  # tokens that end the text
    token_text: Callable[[int], str] = str  # how a token is written


class Filter(BaseModel, frozen=True, extra="forbid"):
    """One rule of a chain: a name (the discriminator) and its parameters, the main one first."""

    reads_seen: ClassVar[bool] = False  # True: `seen` must hold one entry per row
    name: str

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        """Scores (n, V) to scores (n, V), −∞ where removed; `seen` has one entry per row."""
        raise NotImplementedError

    @property
    def removes(self) -> bool:
        """Whether this filter can remove tokens, or only moves scores."""
        return True

    @property
    def chance(self) -> float | None:
        """With what probability the filter acts on a row at all; None: it always does."""
        return None

    @classmethod
    def parameters(cls) -> list[str]:
        """Names of the parameters; the first is the one that a text such as "top_k=50" sets."""
        return [field for field in cls.model_fields if field != "name"]


def at_least(scores: Tensor, cut: Tensor) -> Tensor:
    """Keep the scores (n, V) that reach their row's cut (n, 1)."""
    return torch.where(scores >= cut, scores, REMOVED)


def entropy(probs: Tensor) -> Tensor:
    """Entropy in nats of each row of (n, V), as (n, 1); 0 · ln 0 = 0."""
    terms: Tensor = torch.special.entr(probs)
    return terms.sum(-1, keepdim=True)
