"""A chain of filters as options of `transformers`' `generate`, where both mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from explorer.sampling.base import Filter
from explorer.sampling.truncation import Temperature

# In the order in which `generate` applies them, whatever the order of its arguments.
PENALTIES = {"repetition_penalty": "repetition_penalty", "no_repeat_ngram": "no_repeat_ngram_size"}
WARPERS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "typical": "typical_p",
    "epsilon": "epsilon_cutoff",
    "eta": "eta_cutoff",
}


def generate_options(chain: Sequence[Filter], greedy: bool = False) -> dict[str, Any] | None:
    """The options that filter like the chain; None where `generate` has none that do.

    A chain with temperature 0, and any chain of a `greedy` method, is decoding without draws.
    """
    zero = [f for f in chain if isinstance(f, Temperature) and f.t == 0]
    if greedy or zero:
        named = _named([f for f in chain if f not in zero], PENALTIES)
        return None if named is None else {"do_sample": False, **named}
    named = _named(chain, PENALTIES | WARPERS)
    # Fifty tokens are its default where nothing is said.
    return None if named is None else {"do_sample": True, "top_k": 0, **named}


def _named(chain: Sequence[Filter], names: dict[str, str]) -> dict[str, Any] | None:
    """Option -> number, if every filter has an option and they stand in `generate`'s order."""
    places = [list(names).index(f.name) if f.name in names else -1 for f in chain]
    if -1 in places or places != sorted(set(places)):
        return None
    return {names[f.name]: getattr(f, f.parameters()[0]) for f in chain}
