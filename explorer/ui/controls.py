"""A control for each declared parameter, made from its pydantic schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import gradio as gr

from explorer.registry import Method
from explorer.sampling.chain import chain_text

CHAIN_HELP = (
    "Written as temperature=0.7,top_p=0.9 in the order they act, or none; "
    "all names stand under Methods."
)


@dataclass(frozen=True, slots=True)
class Control:
    """A parameter's component, and how its value becomes what the schema wants."""

    name: str
    component: gr.components.Component
    read: Callable[[Any], Any]


def controls(
    method: Method, values: Mapping[str, Any], key: str, prefix: str = ""
) -> Iterator[Control]:
    """The controls of a method, at these values and the defaults of all others.

    `key` becomes part of every component's key. It must differ where the values do: a keyed
    component keeps the value it had. `prefix` begins their names on the page.
    """
    schema = method.params.model_json_schema()
    for name, field in method.params.model_fields.items():
        about = _resolved(schema["properties"][name], schema.get("$defs", {}))
        value = values.get(name, field.default)
        others = [p.values[name] for p in method.presets.values() if name in p.values]
        make, read = _kind(about, value, [field.default, *others])
        yield Control(
            name,
            make(
                label=_label(about),
                info=about.get("description"),
                elem_id=f"field-{prefix}param-{name}",
                key=f"{prefix}param/{key}/{name}",
                interactive=True,
            ),
            read,
        )


def _kind(
    about: Mapping[str, Any], value: Any, examples: list[Any]
) -> tuple[Callable[..., Any], Callable[[Any], Any]]:
    """A maker of the component and a reader of its value."""
    choices = _choices(about)
    if about.get("unit") == "chain":
        text = value if isinstance(value, str) else chain_text(value)
        return _with_help(gr.Textbox, CHAIN_HELP, value=text, max_lines=3), _as_text
    if about.get("type") == "boolean":
        return _partial(gr.Checkbox, value=value), bool
    if choices:
        kind = gr.Radio if len(choices) <= 4 else gr.Dropdown
        shown = [(_said(choice), json.dumps(choice)) for choice in choices]
        return _partial(kind, choices=shown, value=json.dumps(value)), _from_json
    if about.get("type") in ("integer", "number"):
        return _number(about, value, examples), _as_number
    if about.get("type") == "array":
        text = ", ".join(map(str, value))
        return _partial(gr.Textbox, value=text, max_lines=2), _as_list
    if about.get("type") == "string":
        lines = 3 if about.get("maxLength", 0) > 200 else 1
        return _partial(gr.Textbox, value=value, lines=lines, max_lines=8), _as_text
    return _partial(gr.Textbox, value=json.dumps(value), max_lines=4), _from_json


def _number(about: Mapping[str, Any], value: Any, examples: list[Any]) -> Callable[..., Any]:
    """A slider where both ends are known, else a field."""
    whole = about["type"] == "integer"
    step = 1 if whole else _step(examples)
    low = about.get("minimum", about.get("exclusiveMinimum"))
    high = about.get("maximum", about.get("exclusiveMaximum"))
    if low is None or high is None:
        precision = 0 if whole else None
        return _partial(gr.Number, value=value, minimum=low, maximum=high, precision=precision)
    # An end that is itself not allowed is a step away.
    low = low + step if "exclusiveMinimum" in about else low
    high = high - step if "exclusiveMaximum" in about else high
    return _partial(gr.Slider, value=value, minimum=low, maximum=high, step=step)


def _step(examples: list[Any]) -> float:
    """Fine enough for every value that a preset has, and for two digits."""
    places = [-int(Decimal(str(x)).as_tuple().exponent) for x in examples if x is not None]
    return float(Decimal(1).scaleb(-max([2, *places])))


def _choices(about: Mapping[str, Any]) -> list[Any]:
    """All values of a parameter that has only a few; empty if it has many."""
    if "enum" in about:
        return list(about["enum"])
    if "const" in about:
        return [about["const"]]
    parts = about.get("anyOf", [])
    found = []
    for part in parts:
        inside = [True, False] if part.get("type") == "boolean" else _choices(part)
        if not inside:
            return []
        found += inside
    return found


def _resolved(about: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    reference = about.get("$ref", "").removeprefix("#/$defs/")
    return {**defs.get(reference, {}), **about}


def _label(about: Mapping[str, Any]) -> str:
    """The title with the paper's letter and the unit: "Draft length γ (tokens)"."""
    symbol = f" {about['symbol']}" if about.get("symbol") else ""
    unit = about.get("unit", "")
    return f"{about['title']}{symbol}" + (f" ({unit})" if unit not in ("", "chain", "text") else "")


def _said(choice: Any) -> str:
    if isinstance(choice, bool):
        return "yes" if choice else "no"
    return str(choice).replace("_", " ")


def _partial(kind: Callable[..., Any], **fixed: Any) -> Callable[..., Any]:
    return lambda **more: kind(**fixed, **more)


def _with_help(kind: Callable[..., Any], text: str, **fixed: Any) -> Callable[..., Any]:
    def make(info: str | None = None, **more: Any) -> Any:
        return kind(**fixed, info=f"{info or ''} {text}".strip(), **more)

    return make


# What comes back from the page. What cannot be read is handed on as it is: the schema refuses it
# with a better sentence.


def _as_text(value: Any) -> Any:
    return "" if value is None else value


def _as_number(value: Any) -> Any:
    return "" if value is None else value


def _as_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = [part for part in re.split(r"[,;\s]+", value.strip("[]() \n")) if part]
    return [int(part) if re.fullmatch(r"-?\d{1,18}", part) else part for part in parts]


def _from_json(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value
