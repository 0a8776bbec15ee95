"""Filters of the next-token law (temperature, truncation, penalties) and chains of them."""

from explorer.sampling.base import Filter, Seen
from explorer.sampling.chain import FILTERS, AnyFilter, FilterChain, chain_text, parse_chain
from explorer.sampling.dynamic_temperature import EDT, DynaTemp, EntropyTemperature
from explorer.sampling.filtered import Filtered, apply, removed_masses, removers
from explorer.sampling.generate import generate_options
from explorer.sampling.penalties import (
    DRY,
    FrequencyPenalty,
    NoRepeatNGram,
    PresencePenalty,
    RepetitionPenalty,
)
from explorer.sampling.truncation import (
    XTC,
    Epsilon,
    Eta,
    MinP,
    TailFree,
    Temperature,
    TopA,
    TopK,
    TopNSigma,
    TopP,
    Typical,
)

__all__ = [
    "DRY",
    "EDT",
    "FILTERS",
    "XTC",
    "AnyFilter",
    "DynaTemp",
    "EntropyTemperature",
    "Epsilon",
    "Eta",
    "Filter",
    "FilterChain",
    "Filtered",
    "FrequencyPenalty",
    "MinP",
    "NoRepeatNGram",
    "PresencePenalty",
    "RepetitionPenalty",
    "Seen",
    "TailFree",
    "Temperature",
    "TopA",
    "TopK",
    "TopNSigma",
    "TopP",
    "Typical",
    "apply",
    "chain_text",
    "generate_options",
    "parse_chain",
    "removed_masses",
    "removers",
]
