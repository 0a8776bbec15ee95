"""Temperatures that follow the entropy of the law (letters: see base)."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from explorer.sampling.base import Filter, Seen, entropy


class EntropyTemperature(Filter, frozen=True):
    """A temperature of each row's own: the surer the model, the lower."""

    LEAST: ClassVar[float] = 1e-6  # below it z / T leaves the range of float32

    @property
    def removes(self) -> bool:
        return False

    def temperature(self, scores: Tensor, h: Tensor) -> Tensor:
        """T of each row of scores (n, V), whose entropies h are (n, 1), as (n, 1)."""
        raise NotImplementedError

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        t = self.temperature(scores, entropy(scores.softmax(-1)))
        if (t == 1).all():
            return scores
        # Against the largest score: at the smallest T nothing else keeps the differences.
        return (scores - scores.amax(-1, keepdim=True)) / t.clamp(min=self.LEAST)


class EDT(EntropyTemperature, frozen=True):
    """Entropy-based dynamic temperature: T₀ where the model is unsure, towards 0 where it is sure.

    Formula: T = T₀ · 0.8^(θ/H), H in nats; z ← z / T. θ = 0 is the constant temperature T₀.
    Source: Zhang, Bao & Huang 2024, "EDT: Improving Large Language Models' Generation by
    Entropy-based Dynamic Temperature Sampling", arXiv 2403.14541.
    """

    N: ClassVar[float] = 0.8

    name: Literal["edt"] = "edt"
    t0: float = Field(
        title="EDT's T₀",
        description="T₀: the temperature that is approached as the entropy grows.",
        gt=0,
        le=100,
        allow_inf_nan=False,
        examples=[1.0],
    )
    theta: float = Field(
        1.0,
        title="EDT's θ",
        description="θ: how soon the temperature falls as the entropy does, in nats; 0: never.",
        ge=0,
        le=100,
        allow_inf_nan=False,
        examples=[1.0],
    )

    def temperature(self, scores: Tensor, h: Tensor) -> Tensor:
        return self.t0 * (math.log(self.N) * self.theta / h.clamp(min=self.LEAST)).exp()


class DynaTemp(EntropyTemperature, frozen=True):
    """Dynamic temperature between two ends: one for a sure model, one for an unsure one.

    Formula: T = T_low + (T_high − T_low) · (H / ln n)^e, n tokens being possible; z ← z / T.
    Source: practice of local front ends since 2023 (kalomaze's "dynatemp" for koboldcpp).
    """

    name: Literal["dynatemp"] = "dynatemp"
    high: float = Field(
        title="Highest temperature",
        description="T_high: the temperature where all possible tokens are equally probable.",
        ge=0,
        le=100,
        allow_inf_nan=False,
        examples=[1.5],
    )
    low: float = Field(
        0.5,
        title="Lowest temperature",
        description="T_low: the temperature where one token has all the probability.",
        ge=0,
        le=100,
        allow_inf_nan=False,
        examples=[0.5],
    )
    exponent: float = Field(
        1.0,
        title="Exponent",
        description="e: above 1 the temperature stays low for longer as the entropy grows.",
        gt=0,
        le=10,
        allow_inf_nan=False,
        examples=[1.0],
    )

    def temperature(self, scores: Tensor, h: Tensor) -> Tensor:
        most = scores.isfinite().sum(-1, keepdim=True).to(scores.dtype).log()
        share = (h / most.clamp(min=self.LEAST)).clamp(0, 1)
        return self.low + (self.high - self.low) * share**self.exponent
