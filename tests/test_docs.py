"""Documents that cannot rot: what they show is run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_adding_a_method_works_as_it_is_written(tmp_path):
    """Follow CONTRIBUTING to the letter in a copy, and run the contracts of the new method."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    method, proof = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for folder in ("explorer", "tests"):
        target = tmp_path / folder
        for source in (ROOT / folder).rglob("*.py"):
            copy = target / source.relative_to(ROOT / folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "explorer/methods/sampling/lottery.py").write_text(method, encoding="utf-8")
    (tmp_path / "tests/methods/sampling/test_lottery.py").write_text(proof, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-k", "lottery"]
    tests = ["tests/methods/sampling/test_lottery.py", "tests/test_contracts.py"]
    done = subprocess.run(command + tests, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert re.search(r"1[5-9] passed|[2-9]\d passed", done.stdout), done.stdout[-500:]
