"""Run what proves the methods' claims, and write down how it stood: `make oracles`.

With ids of methods, only theirs is run and only their entries change. What is checked and where it
is written is the checkout that this file lies in. Exit status: pytest's.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # before any checkout that is installed

from oracle import exact_law, table_law, total_variation, toy_pair

from explorer.decoding import versions
from explorer.oracles import RECORD
from explorer.registry import Method, all_methods, get_method
from explorer.sampling import parse_chain

ROOT = Path(__file__).parents[1]
TOYS = range(10)
# What makes a method act on texts of three letters; the others do so by default.
ACTING = {
    "ada_skip": {"left_out": 4, "window": 1},
    "nest": {"text": "abababba\n\nbbaab"},
    "superposed": {"text": "abababba\n\nbbaab", "filters": "temperature=1", "penalty": 2.0},
}
CONTRACTS = ROOT / "tests" / "test_contracts.py"


class Recorder:
    """Hears of every test: which method it is about, and whether it passed."""

    def __init__(self) -> None:
        self.about: dict[str, tuple[str, str]] = {}  # a test's id -> method, file and function
        self.controls: set[str] = set()
        self.cases: Counter[tuple[str, str]] = Counter()
        self.failed: Counter[tuple[str, str]] = Counter()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            file, _, name = item.nodeid.partition("::")
            test = f"{file}::{name.partition('[')[0]}"
            method = method_of(item, file)
            if method:
                self.about[item.nodeid] = (method, test)
            if is_control(item):
                self.controls.add(test)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        where = self.about.get(report.nodeid)
        if where is None or report.skipped:
            return
        self.cases[where] += report.when == "call"
        self.failed[where] += report.failed

    def entries(self) -> dict[str, dict[str, object]]:
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        found: dict[str, dict[str, object]] = {}
        for (method, test), cases in sorted(self.cases.items()):
            entry = found.setdefault(
                method,
                {
                    "date": today,
                    "version": get_method(method).version,
                    "versions": versions(),
                    "checks": [],
                },
            )
            passed = max(0, cases - self.failed[method, test])
            told = {"test": test, "cases": cases, "passed": passed}
            entry["checks"].append(told | {"control": test in self.controls})
        for method, entry in found.items():
            if (far := distance(get_method(method))) is not None:
                entry["distance"] = far
        return found


def distance(method: Method) -> float | None:
    """How far a method that speeds decoding up without being lossless is from the target.

    The total variation between its law and the target's over texts of three tokens, the mean of
    some toy pairs; of one that is deterministic the share of pairs on which it is not greedy.
    """
    if method.family != "speculation" or "lossless" in method.claims:
        return None
    chain = "temperature=0" if "deterministic" in method.claims else "none"
    drawn = "filters" in method.params.model_fields and chain == "none"
    params = ACTING.get(method.id, {}) | ({"filters": chain} if drawn else {})
    found = []
    for seed in TOYS:
        pair = toy_pair(seed, vocab_size=3)
        law = exact_law(method.id, params, pair, 3)
        want = table_law(pair["target"], 3, parse_chain(chain))
        found.append(total_variation(law, want))
    return round(sum(found) / len(found), 3)


def method_of(item: pytest.Item, file: str) -> str:
    """The method that a test is about: by its file, or, in the contracts, by its parameter."""
    if file.startswith("tests/methods/"):
        return Path(file).stem.removeprefix("test_")
    method = getattr(item, "callspec", None) and item.callspec.params.get("method")
    return method.id if method else ""


def is_control(item: pytest.Item) -> bool:
    """Whether a test plants a bug to see it noticed."""
    said = (item.function.__doc__ or "").casefold()
    return "negative control" in said or item.function.__name__.endswith("caught")


def main(ids: list[str]) -> int:
    methods = [get_method(name) for name in ids] or list(all_methods().values())
    files = [ROOT / "tests" / "methods" / m.family / f"test_{m.id}.py" for m in methods]
    recorder = Recorder()
    some = ["-k", " or ".join(ids)] if ids else []
    status = pytest.main(["-q", *some, *map(str, [*files, CONTRACTS])], plugins=[recorder])
    known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    wanted = {m.id for m in methods}
    kept = {name: entry for name, entry in known.items() if name in all_methods()}
    fresh = {name: entry for name, entry in recorder.entries().items() if name in wanted}
    RECORD.write_text(as_text(kept | fresh), encoding="utf-8")
    return int(status)


def as_text(entries: dict[str, dict[str, object]]) -> str:
    """JSON with a line for each check, so that what changed can be read in a diff."""
    told = []
    for method, entry in sorted(entries.items()):
        checks = ",\n  ".join(json.dumps(check) for check in entry["checks"])
        rest = json.dumps({name: entry[name] for name in entry if name != "checks"})
        told.append(f'"{method}": {rest[:-1]}, "checks": [\n  {checks}\n]}}')
    return "{\n" + ",\n".join(told) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
