"""A method's page as plain data: what docstring, parameters, presets and oracle say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from explorer.oracles import oracle_of
from explorer.registry import CLAIMS, FAMILIES, Method
from explorer.sampling import chain_text

LINK_OR_CODE = re.compile(r"(https?://[^\s,;)]+[^\s,;).])|`([^`]+)`")


def method_page(method: Method) -> dict[str, Any]:
    """All there is to read about a method, ready for JSON.

    `sections` are headings with paragraphs; a paragraph is a list of pieces: texts, links
    {"link": address} and names in programs {"code": name}.
    """
    return {
        "id": method.id,
        "title": method.title,
        "family": f"{method.family.capitalize()}: {uncapitalised(FAMILIES[method.family])}",
        "idea": method.idea,
        "paper": method.paper,
        "models": [*method.models, *(f"{role} (if there is one)" for role in method.optional)],
        "claims": [[claim, CLAIMS[claim]] for claim in sorted(method.claims)],
        "sections": sections(method.page),
        "params": parameters(method),
        "presets": [
            {"name": name, "about": preset.about, "values": _assigned(preset.values)}
            for name, preset in method.presets.items()
        ],
        "oracle": oracle_of(method.id),
    }


def sections(page: str) -> list[dict[str, Any]]:
    """The parts of a docstring below its first sentence, by their headings."""
    found = []
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        paragraphs = [" ".join(lines.split()) for lines in text.split("\n\n") if lines.strip()]
        found.append({"heading": heading.strip(), "paragraphs": list(map(_pieces, paragraphs))})
    return found


def parameters(method: Method) -> list[dict[str, str]]:
    """Name, title, symbol, unit, what is allowed, default and description of each parameter."""
    schema = method.params.model_json_schema()
    found = []
    for name in method.params.model_fields:
        about = schema["properties"][name]
        unit = about.get("unit", "")
        found.append(
            {
                "name": name,
                "title": about["title"],
                "symbol": about.get("symbol", ""),
                "unit": "" if unit in ("chain", "text") else unit,
                "allowed": "a chain of filters" if unit == "chain" else _allowed(about),
                "default": said(method.params.model_fields[name].default),
                "about": about["description"],
            }
        )
    return found


def uncapitalised(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def said(value: Any) -> str:
    """A parameter's value as a person would write it."""
    if isinstance(value, str):
        return value if value.strip() else json.dumps(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        if all(isinstance(part, int | float) for part in value) and value:
            return ", ".join(map(_number, value))
        return chain_text(value)
    return _number(value) if isinstance(value, int | float) else str(value)


def _assigned(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {said(value)}" for name, value in values.items()) or "the defaults"


def _allowed(about: Mapping[str, Any]) -> str:
    """The bounds of a parameter in words."""
    if "anyOf" in about:
        return " or ".join(filter(None, (_allowed(part) for part in about["anyOf"])))
    if "enum" in about:
        return "one of " + ", ".join(map(str, about["enum"]))
    if "const" in about:
        return str(about["const"])
    match about.get("type"):
        case "boolean":
            return "yes or no"
        case "integer" | "number":
            return _bounds(about)
        case "array":
            most = f"at most {about['maxItems']} " if "maxItems" in about else ""
            return f"{most}numbers, with commas between them"
        case "string":
            most = f"of at most {about['maxLength']:,} characters" if "maxLength" in about else ""
            return f"a text {most}".strip()
    return ""


def _bounds(about: Mapping[str, Any]) -> str:
    kind = "a whole number" if about["type"] == "integer" else "a number"
    words = {
        "minimum": " from ",
        "exclusiveMinimum": " above ",
        "maximum": " to ",
        "exclusiveMaximum": " below ",
    }
    told = [f"{words[key]}{_number(about[key])}" for key in words if key in about]
    return kind + (",".join(told) if "exclusiveMinimum" in about else "".join(told))


def _number(value: float) -> str:
    return f"{value:,}".removesuffix(".0")


def _pieces(paragraph: str) -> list[str | dict[str, str]]:
    pieces: list[str | dict[str, str]] = []
    end = 0
    for found in LINK_OR_CODE.finditer(paragraph):
        link, code = found.groups()
        pieces += [paragraph[end : found.start()], {"link": link} if link else {"code": code}]
        end = found.end()
    return [piece for piece in (*pieces, paragraph[end:]) if piece]
