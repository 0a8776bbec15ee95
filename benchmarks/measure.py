"""What every benchmark shares: interleaved medians, and where they were taken."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def environment() -> dict[str, Any]:
    """Machine and versions, the first line of every recorded output."""
    names = ("torch", "transformers", "numpy")
    return {
        "row": "environment",
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names},
    }


def side_by_side(
    sides: dict[str, Callable[[], Any]], repeats: int, warm: int = 1
) -> dict[str, list[float]]:
    """Seconds of each side, taken in turns so that a noisy machine is noisy for all."""
    for _ in range(warm):
        for run in sides.values():
            run()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(numerator: list[float], denominator: list[float]) -> float:
    """Median of the ratios of neighbouring repeats."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


def emit(row: str, **figures: Any) -> None:
    """One JSON line; floats to four significant digits."""
    print(json.dumps({"row": row, **shortened(figures)}), flush=True)


class Rows:
    """A benchmark's output in a file: what stands there already is not measured again.

    The first row is the environment with `of`, what was measured; rows of something else are not
    gone on with.
    """

    def __init__(self, path: Path, **of: Any) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
        if not self._rows:
            self._write(environment() | of)
        elif any(self._rows[0].get(name) != value for name, value in of.items()):
            raise SystemExit(f"{path} has rows of something else than {of}: move it away first.")

    def find(self, row: str, **key: Any) -> dict[str, Any] | None:
        """The row of that name with these entries, if it was measured before."""
        wanted = {"row": row, **key}.items()
        return next((r for r in self._rows if all(r.get(k) == v for k, v in wanted)), None)

    def measure(
        self, row: str, figures: Callable[[], dict[str, Any]], **key: Any
    ) -> dict[str, Any]:
        """The row with these entries, measured if it is not there yet."""
        found = self.find(row, **key)
        return found or self._write({"row": row, **key, **shortened(figures())})

    def _write(self, row: dict[str, Any]) -> dict[str, Any]:
        self._rows.append(row)
        with self._path.open("a", encoding="utf-8") as lines:
            print(json.dumps(row), file=lines)
        print(json.dumps(row), flush=True)
        return row


def shortened(value: Any) -> Any:
    """The same with all floats to four significant digits."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {k: shortened(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shortened(v) for v in value]
    return value


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()
