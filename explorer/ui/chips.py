"""The chips of the filter chain: what they show of a choice, and what a changed chain would do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from explorer.errors import InputError, UnknownName
from explorer.preview import NONE_KEPT, Previewer, by_coin, read_chain
from explorer.sampling import FILTERS, Filter, chain_text
from explorer.sampling.chain import allowed
from explorer.trace import ChoiceEvent, Fold, Header
from visualizers import Reading
from visualizers.distribution import would_be
from visualizers.picture import plain
from visualizers.words import number


def filters() -> dict[str, dict[str, Any]]:
    """Every filter as the script needs it: its idea, and of each parameter its name, what it
    means, what is allowed, and a number to begin with."""
    return {
        name: {
            "idea": (kind.__doc__ or "").split("\n\n", 1)[0].replace("\n    ", " "),
            "parameters": [
                {
                    "name": parameter,
                    "about": kind.model_fields[parameter].description,
                    "allowed": allowed(kind, parameter),
                    "value": str((kind.model_fields[parameter].examples or [0])[0]),
                }
                for parameter in kind.parameters()
            ],
        }
        for name, kind in FILTERS.items()
    }


def previewed(
    header: Header,
    reading: Reading,
    token_text: Callable[[int], str],
    question: Mapping[str, Any],
) -> dict[str, Any]:
    """A choice's own filters, and what it would be under others.

    The question has "of", a choice's name, and perhaps "chain": filters as `parse_chain` takes
    them. The answer:

        of       the choice again
        why      a sentence where its filters cannot be moved; then there is nothing else, but
        never    if the run has no whole law at all
        again    (of an example, see `explorer.ui.watching`) if another run may have some
        own      the filters it was made with: [{name, parameter: number, …}]
        node     behind which it was made         param   the parameter that holds the filters
        problem  a sentence where the chain cannot be read
        chain    the changed chain as a text      frame   the figure's frame of what it would be
        told     sentences: the mass that each filter removes, and removed

    The last three are there if a chain was given.
    """
    of = str(question.get("of", ""))
    choice = _choice(reading.fold, of)
    answer: dict[str, Any] = {"of": of}
    try:
        previewer = Previewer(header, reading.fold, choice, token_text)
    except InputError as error:
        why = str(error)
        return answer | {"why": why} | ({"never": True} if why == NONE_KEPT else {})
    own = previewer.own
    answer |= {"own": [_plain(f) for f in own.chain], "param": own.param, "node": choice.node}
    if (given := question.get("chain")) is None:
        return answer
    try:
        chain = read_chain(given)
    except InputError as error:
        return answer | {"problem": str(error)}
    other = previewer.under(chain)
    frame = would_be(reading, of, choice, other)
    told = " ".join(filter(None, [_masses(choice, other), by_coin(chain)]))
    return answer | {"chain": chain_text(chain), "frame": plain(frame), "told": plain(told)}


def _choice(fold: Fold, of: str) -> ChoiceEvent:
    """The choice of that name, which is `choice <node> <place>`."""
    try:
        _, node, place = of.split()
        return fold.choices[int(node)][int(place)]
    except (ValueError, LookupError):
        raise UnknownName("choice", of, ()) from None


def _plain(rule: Filter) -> dict[str, str]:
    numbers = orjson.loads(rule.model_dump_json())
    return {key: str(value).removesuffix(".0") for key, value in numbers.items()}


def _masses(choice: ChoiceEvent, other: ChoiceEvent) -> str:
    """How much each filter would remove, and how much it did."""
    before, after = choice.removed_mass, other.removed_mass
    parts = []
    for name in dict.fromkeys([*after, *before]):
        was, would = before.get(name, 0.0), after.get(name, 0.0)
        if was > 0 or would > 0:
            parts.append(f"{name} {number(would)} (it was {number(was)})")
    if not parts:
        return "No mass would be removed, and none was."
    return f"Mass that would be removed: {', '.join(parts)}."
