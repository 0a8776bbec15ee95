"""The examples: a recorded run of each method, which opens without a model.

`assets/examples/examples.toml` says what was asked for and what there is to notice;
`<method>.json.gz` beside it is the recording, read when it is opened.
"""

from __future__ import annotations

import gzip
import hashlib
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from explorer.errors import TraceError
from explorer.registry import FAMILIES, all_methods
from explorer.trace import Trace
from storage.foreign import read_document, trace_from

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
MOST_BYTES = 4 * 2**20  # of a recording, unpacked
MOST_OPEN = 16  # recordings that stay at hand


@dataclass(frozen=True, slots=True)
class Example:
    """What was asked for, and two sentences of what to notice.

    With `laws` its whole laws are kept too, so that its filters can be moved: 6 KB a law.
    """

    method: str
    notice: str
    prompt: str
    max_new_tokens: int
    params: dict[str, Any]
    seed: int = 0
    laws: bool = False

    @property
    def run_id(self) -> str:
        """The same whenever it is recorded, so that links to it last."""
        return hashlib.sha256(f"example of {self.method}".encode()).hexdigest()[:16]


class Examples:
    """All examples by run id, in the order of the file; the first is what a first visit shows."""

    def __init__(self, folder: Path = EXAMPLES) -> None:
        self.folder = folder
        self._declared = {example.run_id: example for example in declared(folder)}
        # Each look at a run asks for its trace several times.
        self.trace = lru_cache(MOST_OPEN)(self._trace)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._declared

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __getitem__(self, run_id: str) -> Example:
        return self._declared[run_id]

    def _trace(self, run_id: str) -> Trace:
        """A recording.

        Raises:
            TraceError: it is missing or damaged.
        """
        return read_recording(self.folder, self._declared[run_id])


def declared(folder: Path = EXAMPLES) -> list[Example]:
    """What `examples.toml` declares."""
    tables = tomllib.loads((folder / "examples.toml").read_text(encoding="utf-8"))
    return [Example(method=method, **table) for method, table in tables.items()]


def recording(folder: Path, example: Example) -> Path:
    return folder / f"{example.method}.json.gz"


def read_recording(folder: Path, example: Example) -> Trace:
    """A recording, checked as a file from anywhere is.

    Raises:
        TraceError: it is missing or damaged.
    """
    try:
        with gzip.open(recording(folder, example)) as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise TraceError(f"The example of {example.method} cannot be read: {error}.") from None
    return trace_from(read_document(raw, MOST_BYTES), f"The example of {example.method}")


def gallery(examples: Examples) -> list[dict[str, Any]]:
    """What `gallery.js` draws: the examples by family, in the order of the methods."""
    of = {examples[run_id].method: examples[run_id] for run_id in examples}
    found: list[dict[str, Any]] = []
    for family in FAMILIES:
        shown = [
            {"run": of[method.id].run_id, "title": method.title, "notice": of[method.id].notice}
            for method in all_methods().values()
            if method.family == family and method.id in of
        ]
        if shown:
            found.append({"family": family.capitalize(), "examples": shown})
    return found
