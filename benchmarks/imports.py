"""How long the appends of a run wait while a large file is imported into the same process.

python -m benchmarks.imports > benchmarks/results/imports.jsonl
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.measure import emit, environment
from explorer.trace import AnyEvent, ChoiceEvent, Header, NodeEvent, Trace
from storage import Store

MIB = 50
EVERY_SECONDS = 0.03  # a batch of a run, as workers send them
CHOICE_BYTES = 2300  # about what a step of this takes in a file
CANDIDATES = 40


def main() -> None:
    print(json.dumps(environment()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for runs in (1, 30, 400):
            file = Path(folder) / f"{runs}.json"
            with Store(Path(folder) / f"{runs}", most_bytes=2**30) as store:
                for number in range(runs):
                    steps = MIB * 2**20 // runs // CHOICE_BYTES
                    store.keep(Trace(header(number), events(0, steps)), store.local_owner())
                file.write_text("".join(store.export_all(store.local_owner())), encoding="utf-8")
            with Store(Path(folder) / f"{runs} again", most_bytes=2**30) as store:
                beside_an_import(store, file, runs)


def beside_an_import(store: Store, file: Path, runs: int) -> None:
    """Imports a file while a run streams, and tells what its appends took."""
    me, over = store.local_owner(), threading.Event()
    streaming = header(10**6)
    store.create_run(streaming, me)
    took: list[float] = []

    def stream() -> None:
        step = 0
        while not over.wait(EVERY_SECONDS):
            batch = events(step, step + 2)
            start = time.perf_counter()
            store.append(streaming.run_id, 2 * step, batch)
            took.append(time.perf_counter() - start)
            step += 2

    thread = threading.Thread(target=stream)
    thread.start()
    start = time.perf_counter()
    store.import_session(file, me)
    seconds = time.perf_counter() - start
    over.set()
    thread.join()
    emit(
        f"import: {runs} runs",
        mebibytes=file.stat().st_size / 2**20,
        seconds=seconds,
        append_ms_median=1000 * statistics.median(took),
        append_ms_longest=1000 * max(took),
        bar=1000,
    )


def header(number: int) -> Header:
    return Header(
        run_id=f"{number:016x}",
        created="2026-01-01T00:00:00+00:00",
        method="sample",
        method_version=1,
        params={},
        models={"target": "target"},
        prompt="Once upon a time",
        prompt_ids=[1],
        seed=0,
        limits={},
        versions={},
        threads=1,
    )


def events(start: int, end: int) -> list[AnyEvent]:
    """A choice and a node for each step from `start` to before `end`."""
    chance = random.Random(start)
    found: list[AnyEvent] = []
    for step in range(start, end):
        raw = [-chance.expovariate(0.2) for _ in range(CANDIDATES)]
        found += [
            ChoiceEvent(
                step=step,
                ms=float(step),
                node=step,
                stream="target",
                tokens=list(range(CANDIDATES)),
                raw=raw,
                final=raw,
                removed_by=[None] * CANDIDATES,
                removed_mass={},
                chosen=[0],
                u=0.5,
            ),
            NodeEvent(step=step, ms=float(step), id=step + 1, parent=step, token=1, by="target"),
        ]
    return found


if __name__ == "__main__":
    sys.exit(main())
