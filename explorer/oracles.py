"""What proves a method's claims, and how it stood when it was last run.

`make oracles` runs the tests of every method and writes down what came out; nothing in that file
is written by hand. `tests/test_oracles.py` keeps it from naming tests that are gone.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

RECORD = Path(__file__).parents[1] / "assets" / "oracles.json"
FAR = (
    "On toy models the law of its texts is {} from the target's: 0 would be the same, 1 nothing in "
    "common (total variation, texts of three tokens, settings that act on such)."
)
SHOWN_VERSIONS = ("torch", "transformers")


@cache
def recorded() -> dict[str, dict[str, Any]]:
    """What was written down, by method.

    Each entry: `date`, `versions`, the `version` of the method, and `checks`, of which each has
    the `test` (file and function), how many `cases` it was run with and how many `passed`, and
    whether it is a `control`: a bug that is planted, and must be noticed. `distance` is how far a
    method that is not lossless is from the target on the toy pairs, from 0 to 1.
    """
    found: dict[str, dict[str, Any]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def oracle_of(method_id: str) -> dict[str, Any]:
    """How the checks of a method stood, in words and as a list.

    {"sentence", "failed": whether one did, "checks": [{"words", "own", "cases", "passed",
    "control"}]}, the method's own before those that every method must pass.
    """
    entry = recorded().get(method_id)
    if entry is None:
        return {"sentence": "Its checks were not recorded yet.", "failed": False, "checks": []}
    checks = [_check(found) for found in entry["checks"]]
    cases = sum(check["cases"] for check in checks)
    own = sum(check["cases"] for check in checks if check["own"])
    passed = sum(check["passed"] for check in checks)
    versions = " and ".join(f"{name} {entry['versions'][name]}" for name in SHOWN_VERSIONS)
    how = "all passed" if passed == cases else f"{cases - passed} of them failed"
    far = entry.get("distance")
    landed = "" if far is None else f" {FAR.format(far)}"
    return {
        "sentence": f"{own} checks of its own, {cases - own} that every method must keep: {how} "
        f"on {entry['date']} with {versions}.{landed}",
        "failed": passed < cases,
        "checks": sorted(checks, key=lambda check: not check["own"]),
    }


def _check(found: dict[str, Any]) -> dict[str, Any]:
    file, _, function = found["test"].partition("::")
    words = function.removeprefix("test_").replace("_", " ")
    return {
        "words": words[:1].upper() + words[1:],
        "own": file.startswith("tests/methods/"),
        "cases": found["cases"],
        "passed": found["passed"],
        "control": found["control"],
    }
