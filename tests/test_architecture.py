"""The direction of imports, and nothing unspeakable in the repository."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("explorer", "visualizers", "storage")

# Module prefix -> what it must not import. The first matching prefix counts.
FORBIDDEN = {
    "explorer/ui/": {"plotly"},
    "explorer/methods/": {
        "gradio",
        "plotly",
        "sqlalchemy",
        "storage",
        "visualizers",
        "transformers",
        "explorer.models",
        "explorer.ui",
        "explorer.worker",
        "explorer.trace",
    },
    "explorer/trace/": {"torch", "transformers", "gradio", "plotly", "storage", "visualizers"},
    "explorer/worker/": {"gradio", "plotly", "visualizers"},
    "explorer/cli.py": {"gradio", "plotly"},
    "explorer/": {"gradio", "plotly", "storage", "visualizers"},
    "visualizers/": {"gradio", "torch", "transformers", "sqlalchemy", "storage", "explorer.models"},
    "storage/": {"gradio", "torch", "transformers", "plotly", "visualizers", "explorer.models"},
}


def modules():
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    place = path.relative_to(ROOT).as_posix()
    forbidden = next(names for prefix, names in FORBIDDEN.items() if place.startswith(prefix))
    for name in imported(path):
        for bad in forbidden:
            assert name != bad and not name.startswith(bad + "."), f"{place} imports {name}"


def test_the_rule_would_see_a_wrong_import(tmp_path):
    """Negative control."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import gradio as gr\nfrom sqlalchemy.orm import Session\n")
    assert set(imported(wrong)) == {"gradio", "sqlalchemy.orm"}
