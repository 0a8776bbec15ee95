"""What every benchmark shares: interleaved medians, and where they were taken."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import statistics
import time
from collections.abc import Callable
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
    print(json.dumps({"row": row, **{k: _short(v) for k, v in figures.items()}}), flush=True)


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_short(v) for v in value]
    return value


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()
