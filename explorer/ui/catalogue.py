"""What the page says of the methods: the line below the form, and the drawer with all of them."""

from __future__ import annotations

import inspect
from typing import Any

from explorer.registry import CLAIMS, FAMILIES, Method, all_methods
from explorer.sampling.chain import FILTERS, example

ABOUT_FILTERS = "What may stand between a model's law and the choice, by commas, in their order."


def about_method(method: Method) -> dict[str, Any]:
    claims = [[claim, CLAIMS[claim]] for claim in sorted(method.claims)]
    return {"id": method.id, "title": method.title, "idea": method.idea, "claims": claims,
            "paper": method.paper}  # fmt: skip


def catalogue() -> list[dict[str, Any]]:
    """All methods by family, and the filters that their chains are made of."""
    methods = all_methods().values()
    families = [
        {
            "family": family.capitalize(),
            "about": about,
            "methods": [about_method(m) for m in methods if m.family == family],
        }
        for family, about in FAMILIES.items()
        if any(m.family == family for m in methods)
    ]
    filters = {"family": "Filters", "about": ABOUT_FILTERS, "filters": _filters()}
    return [*families, filters]


def _filters() -> list[list[str]]:
    """Each filter as it is written, with example numbers, and what it does."""
    found = []
    for kind in FILTERS.values():
        about = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
        found.append([example(kind), about])
    return found
