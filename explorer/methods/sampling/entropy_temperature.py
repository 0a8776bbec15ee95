"""Draw with a temperature that follows the entropy: low where the model is sure.

## What it does
Each step measures the entropy H of the model's law and sets the temperature T by it. EDT takes
T = T₀ · 0.8^(θ/H): T₀ where everything is open, towards greedy where one token stands out. Dynatemp
goes from a lowest to a highest temperature as H goes from 0 to its largest possible value. Then the
law is tempered, filtered and drawn from.

## When to use it
Tasks that mix facts and freedom: names and numbers are taken as the model has them, the wording
around them may vary. The filters `edt` and `dynatemp` put the same rules into any method's chain.

## What to look at
Temperature beside entropy, step by step: where a fixed temperature would have blurred a sure token,
or sharpened an open one.

## Guarantee
Exact: the text follows the product of the tempered, filtered and renormalised laws. θ = 0, or equal
ends, is sampling at one temperature.

## Reference
Zhang et al. 2024 (EDT), https://arxiv.org/abs/2403.14541; dynatemp comes from local front ends
"""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator

from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import EDT, DynaTemp, EntropyTemperature, FilterChain, TopP
from explorer.sampling.base import entropy


class EntropyTemperatureParams(Params):
    """Which rule, and between which temperatures."""

    rule: Literal["edt", "dynatemp"] = param(
        "edt", "Rule", "edt: T₀ · 0.8^(θ/H); dynatemp: low + (high − low) · (H / its largest)^e."
    )
    high: float = param(
        1.0,
        "Highest temperature",
        "EDT's T₀, or dynatemp's temperature where all tokens are equally probable.",
        symbol="T₀",
        gt=0.0,
        le=10.0,
    )
    theta: float = param(
        1.0,
        "Sensitivity",
        "EDT only: how soon the temperature falls as the entropy does; 0: never.",
        symbol="θ",
        unit="nats",
        ge=0.0,
        le=20.0,
    )
    low: float = param(
        0.5,
        "Lowest temperature",
        "Dynatemp only: the temperature where one token has all the probability.",
        symbol="T_low",
        ge=0.0,
        le=10.0,
        validate_default=True,
    )
    exponent: float = param(
        1.0,
        "Exponent",
        "Dynatemp only: above 1 the temperature stays low for longer.",
        symbol="e",
        gt=0.0,
        le=10.0,
    )
    filters: FilterChain = param(
        (TopP(p=0.95),), "Filters", "Chain applied behind the temperature.", unit="chain"
    )

    @field_validator("low")
    @classmethod
    def _below_high(cls, low: float, known: ValidationInfo) -> float:
        high = known.data.get("high", low)
        if known.data.get("rule") == "dynatemp" and low > high:
            raise ValueError(f"high = {high:g} must be at least as much")
        return low


@method(
    title="Entropy temperature",
    family="sampling",
    paper="https://arxiv.org/abs/2403.14541",
    params=EntropyTemperatureParams,
    claims={"exact"},
    notes=(
        Note("temperature", "The temperature that the entropy of the step called for"),
        Note("entropy", "Entropy of the model's law before any filter", unit="nats"),
    ),
    presets={
        "EDT": preset(
            "Where one token stands out the temperature falls; where the model hesitates it "
            "comes near T₀.",
            rule="edt",
        ),
        "dynatemp": preset(
            "The more the model hesitates the higher the temperature, and up to 1.5.",
            rule="dynatemp",
            high=1.5,
            low=0.3,
        ),
        "break it": preset(
            "Hot everywhere and nothing cut off: words stop belonging together.",
            rule="dynatemp",
            high=8.0,
            low=4.0,
            filters="none",
        ),
    },
)
def entropy_temperature(run: Run, p: EntropyTemperatureParams) -> None:
    rule: EntropyTemperature = (
        EDT(t0=p.high, theta=p.theta)
        if p.rule == "edt"
        else DynaTemp(high=p.high, low=p.low, exponent=p.exponent)
    )
    node = run.root
    for _ in run.steps():
        z = run.target([node])  # (1, V)
        h = entropy(z.softmax(-1))
        run.note("entropy", float(h), node)
        run.note("temperature", float(rule.temperature(z, h)), node)
        (law,) = run.laws((rule, *p.filters), z, [node])
        node = run.add(node, run.choose(law))
        run.emit(node)
