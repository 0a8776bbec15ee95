"""Filters of the next-token law (temperature, truncation, penalties) and chains of them."""

from explorer.sampling.base import Filter, Seen
from explorer.sampling.chain import FILTERS, AnyFilter, FilterChain, chain_text, parse_chain
from explorer.sampling.filtered import Filtered, apply
from explorer.sampling.penalties import (
    FrequencyPenalty,
    NoRepeatNGram,
    PresencePenalty,
    RepetitionPenalty,
)
from explorer.sampling.truncation import (
    Epsilon,
    Eta,
    MinP,
    Temperature,
    TopK,
    TopNSigma,
    TopP,
    Typical,
)

__all__ = [
    "FILTERS",
    "AnyFilter",
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
    "Temperature",
    "TopK",
    "TopNSigma",
    "TopP",
    "Typical",
    "apply",
    "chain_text",
    "parse_chain",
]
