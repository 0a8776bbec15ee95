"""How often guesses stand by the size of the draft and the temperature, as it was measured.

`python -m benchmarks.acceptance` measures the bundled models and writes the record; it says nothing
about other weights, so whoever reads it asks for those it is of.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

RECORD = Path(__file__).parents[1] / "assets" / "acceptance.json"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The mean chance that a guess of a draft stands, at a temperature of both laws.

    `share` is the draft's size as a share of the target's, `error` the standard error of the mean
    over texts, `own` whether the draft is a model of its own and no part of the target.
    """

    draft: str
    share: float
    own: bool
    temperature: float
    acceptance: float
    error: float


@cache
def recorded() -> dict[str, Any]:
    """What was written down; nothing where nobody measured."""
    if not RECORD.exists():
        return {}
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def measured_for(revisions: Container[str]) -> list[Acceptance]:
    """What was measured with these weights: of the target's parts, and of a draft among them."""
    known = recorded()
    if known.get("target") not in revisions:
        return []
    drafts = {about["name"]: about for about in known["drafts"]}
    return [
        Acceptance(row["draft"], about["share"], "revision" in about, row["temperature"],
                   row["acceptance"], row["error"])
        for row in known["rows"]
        if "revision" not in (about := drafts[row["draft"]]) or about["revision"] in revisions
    ]  # fmt: skip
