"""How quick the library of runs stays: search among ten thousand.

python -m benchmarks.store > benchmarks/results/store.jsonl
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import emit, environment, side_by_side
from explorer.trace import DoneEvent, Header, Output, Trace
from storage import Store

RUNS, WORDS, REPEATS = 10_000, 120, 9
SEARCHES = {
    "newest": {},
    "two words": {"text": "w17 w23"},
    "a word that is nowhere": {"text": "nowhere"},
    "method": {"method": "method 3"},
    "model": {"model": "model 1"},
    "tag": {"tag": "tag 4"},
    "all at once": {"text": "w5", "method": "method 3", "model": "model 1", "tag": "tag 4"},
}


def main() -> None:
    print(json.dumps(environment()), flush=True)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        me = store.local_owner()
        chance = random.Random(0)
        for i in range(RUNS):
            words = " ".join(f"w{chance.randrange(2000)}" for _ in range(WORDS))
            store.keep(run_of(i, words), me)
            store.set_tags(f"{i:016x}", me, [f"tag {i % 50}"])
        sides = {name: lambda w=wanted: store.runs(me, **w) for name, wanted in SEARCHES.items()}
        # What the list can be narrowed down to is counted when a session is opened.
        sides["a session is opened"] = lambda: (store.runs(me), store.kinds(me, None))
        for name, seconds in side_by_side(sides, REPEATS).items():
            emit(f"search: {name}", milliseconds=1000 * statistics.median(seconds), bar=100)


def run_of(i: int, words: str) -> Trace:
    """A finished run whose text are these words."""
    header = Header(
        run_id=f"{i:016x}",
        created="2026-01-01T00:00:00+00:00",
        method=f"method {i % 40}",
        method_version=1,
        params={},
        models={"target": f"model {i % 7}"},
        prompt=words[:200],
        prompt_ids=[1],
        seed=0,
        limits={},
        versions={},
        threads=1,
    )
    output = Output(node=0, token_ids=[], text=words)
    done = DoneEvent(step=0, ms=0.0, reason="length", outputs=[output], totals={})
    return Trace(header, [done])


if __name__ == "__main__":
    sys.exit(main())
