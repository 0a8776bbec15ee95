"""A chain of filters as people write it: "temperature=0.7,top_p=0.9".

Further parameters of a filter stand behind its main one: "dry=0.8 base=1.75,xtc=0.5 threshold=0.2".
The same chain can be a list of {"name": "top_p", "p": 0.9}, which is also what it dumps to.
"" and "none" are the empty chain. Whatever cannot be read is answered with one sentence: what was
wrong, with which value, what is allowed.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, NoReturn, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from explorer.sampling.base import Filter
from explorer.sampling.dynamic_temperature import EDT, DynaTemp
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

AnyFilter = Annotated[
    Temperature
    | EDT
    | DynaTemp
    | TopK
    | TopP
    | MinP
    | TopA
    | Typical
    | TailFree
    | Epsilon
    | Eta
    | TopNSigma
    | XTC
    | RepetitionPenalty
    | FrequencyPenalty
    | PresencePenalty
    | DRY
    | NoRepeatNGram,
    Field(discriminator="name"),
]

FILTERS: dict[str, type[Filter]] = {
    kind.model_fields["name"].default: kind for kind in get_args(get_args(AnyFilter)[0])
}


def parse_chain(value: object) -> tuple[Filter, ...]:
    """Read a chain from its short text, or from a list of dicts, texts or filters.

    Raises a ValueError whose message is one sentence.
    """
    match value:
        case str():
            text = value.strip()
            return tuple(map(_parse_filter, text.split(","))) if text not in ("", "none") else ()
        case list() | tuple():
            return tuple(map(_parse_filter, value))
    _refuse(
        f"A filter chain is a text such as 'temperature=0.7,top_p=0.9' or a list of filters, "
        f"but this is {value!r}."
    )


def chain_text(chain: Iterable[Filter]) -> str:
    """The short text of a chain; reading it back gives an equal chain. Empty chain: "none"."""
    return ",".join(map(_filter_text, chain)) or "none"


def example(kind: type[Filter]) -> str:
    """How a filter is written, with a number for each of its parameters."""
    fields = kind.model_fields
    numbers = [(name, (fields[name].examples or [0])[0]) for name in kind.parameters()]
    return _written(fields["name"].default, numbers)


FilterChain = Annotated[
    tuple[AnyFilter, ...],
    BeforeValidator(parse_chain, json_schema_input_type=str | list[AnyFilter]),
    Field(
        title="Filters",
        description="Filters in the order they act, for instance temperature=0.7,top_p=0.9.",
    ),
]


def _parse_filter(item: object) -> Filter:
    match item:
        case Filter():
            return item
        case str():
            main, *further = re.sub(r"\s*=\s*", "=", item).split() or [""]
            name, _, number = main.partition("=")
            kind = _kind(name, item)
            given: dict[str, Any] = {kind.parameters()[0]: number} if number else {}
            for word in further:
                parameter, equals, number = word.partition("=")
                if not equals:
                    _refuse(f"{item!r} cannot be read; write it like {example(kind)!r}.")
                given[parameter] = number
        case Mapping():
            given = {str(key): entry for key, entry in item.items() if key != "name"}
            kind = _kind(item.get("name"), item)
        case _:
            _refuse(f"A filter is a text such as 'top_p=0.9', but this is {item!r}.")
    try:
        return kind(name=kind.model_fields["name"].default, **given)
    except ValidationError as error:
        _refuse(_complaint(kind, error))


def _kind(name: object, item: object) -> type[Filter]:
    if isinstance(name, str) and name in FILTERS:
        return FILTERS[name]
    known = f"the filters are {', '.join(FILTERS)}."
    if not name:
        _refuse(f"A filter needs a name, but {item!r} has none; {known}")
    close = get_close_matches(str(name), FILTERS, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    _refuse(f"There is no filter {name!r}{hint}; {known}")


def _complaint(kind: type[Filter], error: ValidationError) -> str:
    """What the first error of building a filter says, as one sentence."""
    first = error.errors()[0]
    name, parameters = kind.model_fields["name"].default, kind.parameters()
    field = str(first["loc"][0])
    if field not in parameters:
        few = "its one parameter is" if len(parameters) == 1 else "its parameters are"
        return f"{name} has no parameter {field!r}; {few} {', '.join(parameters)}."
    if first["type"] == "missing":
        hint = f", for instance {example(kind)}"
        return f"{name} needs a value for {field}{hint}; {allowed(kind, field)}."
    why = str(first["ctx"]["error"]) if first["type"] == "value_error" else allowed(kind, field)
    which = name if field == parameters[0] else f"{name} {field}"
    return f"{which}={first['input']} is not allowed: {why}."


def allowed(kind: type[Filter], parameter: str) -> str:
    """The range of a filter's parameter, read from its declaration."""
    field = kind.model_fields[parameter]
    limits = []
    for bound in field.metadata:
        match bound:
            case Ge(ge=least):
                limits.append(f"at least {least}")
            case Gt(gt=least):
                limits.append(f"above {least}")
            case Le(le=most):
                limits.append(f"at most {most}")
            case Lt(lt=most):
                limits.append(f"below {most}")
    number = "a whole number" if field.annotation is int else "a number"
    return f"{parameter} must be {number}, {' and '.join(limits)}"


def _filter_text(rule: Filter) -> str:
    main, *further = rule.parameters()
    told = [main] + [p for p in further if getattr(rule, p) != type(rule).model_fields[p].default]
    return _written(rule.name, [(parameter, getattr(rule, parameter)) for parameter in told])


def _written(name: str, numbers: list[tuple[str, Any]]) -> str:
    (_, main), *further = numbers
    return " ".join([f"{name}={_number(main)}", *(f"{p}={_number(x)}" for p, x in further)])


def _number(value: Any) -> str:
    """Shortest text that reads back as the same number: 2.0 is "2"."""
    return repr(value).removesuffix(".0")


def _refuse(sentence: str) -> NoReturn:
    # A ValueError that pydantic shows as it is, without a "Value error, " before it.
    raise PydanticCustomError("filter_chain", "{sentence}", {"sentence": sentence})
