"""What a choice would have been made from under another filter chain, without a new run.

The law as it came to the filters stands in the trace, and everything else that a filter may look
at: prompt, text, end tokens. So the same chain of filters acts on the same numbers as in a run,
in half precision but for the most probable candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, islice
from math import exp, inf

import torch
from torch import Tensor

from explorer.errors import InputError
from explorer.registry import get_method
from explorer.sampling import FILTERS, Filter, Filtered, Seen, apply, parse_chain
from explorer.trace import ChoiceEvent, Fold, Header
from explorer.trace.events import Number, Value
from explorer.trace.laws import read_law

MOST_FILTERS = 40
MOST_SIDES = 16  # ways in which the coins of a chain may have fallen that are tried
AGREES = 0.02  # in probability: how near the run's own chain must come to what was recorded

NOT_KEPT = (
    "The whole law of this choice was not kept, so its filters cannot be moved here. A run keeps "
    "its first laws, as many as there is room for and some of each step, and none that the method "
    "changed behind its filters."
)
NONE_KEPT = (
    "This run was recorded without whole laws, so its filters cannot be moved. That is so where "
    "there is no room for them, and where the method changes each law behind its filters."
)
NO_CHAIN = "This method has no filters to move."
NOT_ALONE = (
    "The method does more to this law than its filters, so moving them here would not show what "
    "another run draws from."
)


@dataclass(frozen=True, slots=True)
class OwnChain:
    """The chain that made a recorded law, and the parameter of the method that holds it."""

    param: str
    chain: tuple[Filter, ...]


class Previewer:
    """One choice of a run, ready to be sent through other filters.

    Args:
        header, fold: the run, as far as it is.
        choice: one of the fold's choices.
        token_text: how the run's target writes a token.

    Raises:
        InputError: nothing can be said about this choice, and why.
    """

    def __init__(
        self, header: Header, fold: Fold, choice: ChoiceEvent, token_text: Callable[[int], str]
    ) -> None:
        self._choice = choice
        if not choice.entered:
            kept = any(c.entered for choices in fold.choices.values() for c in choices)
            raise InputError(NOT_KEPT if kept else NONE_KEPT)
        self._scores = _scores(choice)
        self._seen = _seen(header, fold, choice, token_text)
        used = {*self._seen.prompt, *self._seen.generated}
        if used and not 0 <= min(used) <= max(used) < self._scores.shape[1]:
            raise InputError("The text has tokens that the recorded law does not know.")
        self.own = self._found(declared_chains(header))

    def under(self, chain: tuple[Filter, ...]) -> ChoiceEvent:
        """The choice as a run with this chain records it: its law's candidates, what removed each
        of them and the mass that each filter removed. What was chosen is left as it was.

        A filter that acts by a coin (`Filter.chance`) is shown acting.
        """
        return self._under(chain, _by_coin(chain))

    def _under(self, chain: tuple[Filter, ...], fired: Iterable[Filter]) -> ChoiceEvent:
        choice = self._choice
        filtered = apply(chain, self._scores, [replace(self._seen, fired=frozenset(fired))])
        masks = {cause: mass for cause, mass in choice.removed_mass.items() if cause not in FILTERS}
        return replace(
            choice,
            final=[_number(x) for x in filtered.logp[0, choice.tokens].tolist()],
            removed_by=self._causes(filtered, chain),
            removed_mass=masks | _masses(filtered, chain),
        )

    def _causes(self, filtered: Filtered, chain: tuple[Filter, ...]) -> list[str | None]:
        indices = filtered.removed_by[0, self._choice.tokens].tolist()
        impossible = (filtered.raw[0, self._choice.tokens] == -inf).tolist()
        return [
            before if gone else chain[i].name if i >= 0 else None
            for i, gone, before in zip(indices, impossible, self._choice.removed_by, strict=True)
        ]

    def _found(self, declared: Mapping[str, tuple[Filter, ...]]) -> OwnChain:
        """The declared chain that leads from the law that entered to the one that was recorded."""
        for name, chain in declared.items():
            for fired in islice(_sides(_by_coin(chain)), MOST_SIDES):
                if _agree(self._under(chain, fired), self._choice):
                    return OwnChain(name, chain)
        raise InputError(NOT_ALONE if declared else NO_CHAIN)


def declared_chains(header: Header) -> dict[str, tuple[Filter, ...]]:
    """The filter chains among the parameters of a run, by the parameter's name.

    Raises:
        InputError: the run is of a method that is not known here, or with what no method takes.
    """
    fields = get_method(header.method).params.model_fields
    found = {}
    for name, field in fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("unit") == "chain":
            found[name] = read_chain(header.params.get(name, field.get_default()))
    return found


def read_chain(value: object) -> tuple[Filter, ...]:
    """A chain of bounded length, from text or plain data.

    Raises:
        InputError: what is wrong with it.
    """
    try:
        chain = parse_chain(value)
    except ValueError as error:
        raise InputError(str(error)) from None
    if len(chain) > MOST_FILTERS:
        raise InputError(f"A chain of {len(chain)} filters is too long: at most {MOST_FILTERS}.")
    return chain


def by_coin(chain: Iterable[Filter]) -> str:
    """A sentence on the filters of a chain that act by a coin; "" if there are none."""
    names = " and ".join(dict.fromkeys(rule.name for rule in _by_coin(chain)))
    return f"{names} acts by a coin: this is what it does when the coin says so." if names else ""


def _scores(choice: ChoiceEvent) -> Tensor:
    """The scores (1, V) that came to the filters.

    The law is known in half precision, its candidates are in full, where those before the filters
    are the same law: a method may compare with another one.
    """
    half = torch.from_numpy(read_law(choice.entered).astype("float32"))
    scores = half.clone()
    for token, raw in zip(choice.tokens, choice.raw, strict=True):
        if raw is not None and abs(raw - float(half[token])) <= 1e-3 * abs(raw) + 1e-6:
            scores[token] = raw
    return (scores + choice.offset)[None]


def _seen(
    header: Header, fold: Fold, choice: ChoiceEvent, token_text: Callable[[int], str]
) -> Seen:
    view = fold.views.get("target")
    return Seen(
        tuple(header.prompt_ids),
        (*header.begun, *fold.tokens(choice.node)),
        eos_ids=frozenset(_whole(view.model.get("eos_ids")) if view else ()),
        token_text=token_text,
    )


def _whole(value: Value) -> list[int]:
    return [x for x in value if isinstance(x, int)] if isinstance(value, list) else []


def _by_coin(chain: Iterable[Filter]) -> list[Filter]:
    return [rule for rule in dict.fromkeys(chain) if rule.chance]


def _sides(filters: list[Filter]) -> Iterator[tuple[Filter, ...]]:
    for count in range(len(filters) + 1):
        yield from combinations(filters, count)


def _masses(filtered: Filtered, chain: tuple[Filter, ...]) -> dict[str, float]:
    taken: dict[str, float] = {}
    for rule, mass in zip(chain, filtered.removed_mass[0].tolist(), strict=True):
        taken[rule.name] = taken.get(rule.name, 0.0) + mass
    return taken


def _agree(one: ChoiceEvent, other: ChoiceEvent) -> bool:
    return all(abs(_p(a) - _p(b)) < AGREES for a, b in zip(one.final, other.final, strict=True))


def _p(logp: Number) -> float:
    return exp(logp) if logp is not None else 0.0


def _number(logp: float) -> Number:
    return logp if logp > -inf else None
