"""The record of the oracles cannot rot: it names what is there, and is shown as it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from record_oracles import Recorder

from explorer import oracles
from explorer.oracles import oracle_of, recorded
from explorer.registry import all_methods

ROOT = Path(__file__).parents[1]
METHODS = all_methods()
AGAIN = "run `make oracles`"


@cache
def functions(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_every_method_has_its_checks_recorded(method):
    assert method.id in recorded(), AGAIN
    entry = recorded()[method.id]
    assert entry["version"] == method.version, AGAIN
    own = f"tests/methods/{method.family}/test_{method.id}.py"
    named = {check["test"] for check in entry["checks"]}
    now = {f"{own}::{name}" for name in functions(own) if name.startswith("test_")}
    assert {test for test in named if test.startswith(own)} == now, AGAIN
    for test in named:
        file, _, function = test.partition("::")
        assert function in functions(file), AGAIN


@pytest.mark.parametrize("method_id", METHODS)
def test_every_method_has_a_check_that_could_fail(method_id):
    """Only where a bug was planted and noticed is a check worth something."""
    checks = recorded()[method_id]["checks"]
    assert all(check["cases"] >= 1 for check in checks)
    assert method_id == "greedy" or any(check["control"] for check in checks)


def test_no_method_is_recorded_that_is_gone():
    assert set(recorded()) <= set(METHODS), AGAIN


def check(function, passed, file="tests/methods/x/test_x.py"):
    return {"test": f"{file}::test_{function}", "cases": 3, "passed": passed, "control": False}


def entry(*checks):
    versions = {"torch": "2.0", "transformers": "5.0"}
    return {"date": "2026-01-02", "version": 1, "versions": versions, "checks": list(checks)}


def test_what_passed_is_said_with_date_and_versions(monkeypatch):
    shared = check("it_stops", 3, "tests/test_contracts.py")
    monkeypatch.setattr(
        oracles, "recorded", lambda: {"x": entry(shared, check("the_law_holds", 3))}
    )
    told = oracle_of("x")
    assert told["sentence"] == (
        "3 checks of its own, 3 that every method must keep: all passed on 2026-01-02 with torch "
        "2.0 and transformers 5.0."
    )
    assert [c["words"] for c in told["checks"]] == ["The law holds", "It stops"]
    assert not told["failed"]


def test_how_far_a_method_is_from_the_target_is_said(monkeypatch):
    told = entry(check("a", 3)) | {"distance": 0.126}
    monkeypatch.setattr(oracles, "recorded", lambda: {"x": told})
    assert "0.126 from the target's: 0 would be the same" in oracle_of("x")["sentence"]


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_whoever_speeds_up_and_is_not_lossless_has_its_distance_recorded(method):
    far = method.family == "speculation" and "lossless" not in method.claims
    assert ("distance" in recorded()[method.id]) == far, AGAIN


def test_what_failed_is_said_too(monkeypatch):
    monkeypatch.setattr(oracles, "recorded", lambda: {"x": entry(check("a", 3), check("b", 1))})
    told = oracle_of("x")
    assert told["failed"]
    assert ": 2 of them failed on" in told["sentence"]


def test_a_method_without_a_record_says_so(monkeypatch):
    monkeypatch.setattr(oracles, "recorded", dict)
    assert "not recorded" in oracle_of("x")["sentence"]


def test_what_a_run_of_the_checks_says_is_written_down():
    recorder = Recorder()
    test = "tests/methods/sampling/test_greedy.py::test_a"
    for case, fails in (("1", False), ("2", True)):
        recorder.about[case] = ("greedy", test)
        for when in ("setup", "call", "teardown"):
            failed = fails and when == "call"
            report = SimpleNamespace(nodeid=case, when=when, failed=failed, skipped=False)
            recorder.pytest_runtest_logreport(report)
    (found,) = recorder.entries()["greedy"]["checks"]
    assert found == {"test": test, "cases": 2, "passed": 1, "control": False}


def test_it_is_written_beside_the_checks_that_were_run(tmp_path):
    """From anywhere, and whatever checkout is installed."""
    for folder in ("explorer", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    code = f"import sys; sys.path[0] = '{tmp_path}/tests'; import record_oracles; "
    asked = [sys.executable, "-c", code + "print(record_oracles.RECORD)"]
    told = subprocess.run(asked, cwd="/", capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(tmp_path / "assets" / "oracles.json")
