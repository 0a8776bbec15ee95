"""`kill -9` of a process that writes, at random moments: what was kept stays, nothing breaks.

The kills fall between two statements, and while runs are packed anew and removed: moments that
kills of the whole app seldom hit (`tests/ui/test_kill.py`, which looks at how much is lost).
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_makers import same
from store_writer import make_batch

from storage import Store
from storage.store import FILE

KILLS = 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_twenty_kills_lose_nothing_that_was_kept_and_break_nothing(folder):
    """All twenty hit the same database, one after another, as it was left by the one before."""
    looked_at, events_kept = 0, 0
    with writers(folder) as process:
        for number in range(KILLS):
            run_id = os.urandom(8).hex()
            told = kill_at_random(process, folder, run_id, begun=number % 4 != 0)
            kept = max((n for word, n in told if word == "kept"), default=0)
            made = max((n for word, n in told if word == "made"), default=0)
            with Store(folder, undo_seconds=0) as store:
                me = store.local_owner()
                assert store.runs(me, status="running").total == 0
                if not kept and run_id not in {run.run_id for run in store.runs(me).runs}:
                    continue  # killed before it began
                assert store.run(run_id, me).status == "failed"
                events = store.trace(run_id, me).events
            assert same(events, [e for seq in range(0, len(events), 2) for e in make_batch(seq)])
            assert kept <= len(events) <= made, "what `append` returned for is not there"
            looked_at += 1
            events_kept += len(events)
            database = sqlite3.connect(folder / FILE)
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            database.close()
    assert looked_at >= KILLS * 3 // 4
    assert events_kept > KILLS


def writers(folder):
    """What forks a writer for each run id that it is given."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here.parents[1]), str(here)])
    return subprocess.Popen(
        [sys.executable, str(here / "store_writer.py"), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )


def kill_at_random(process, folder, run_id, begun):
    """Kills a writer; what it had told: (made or kept, events) in order.

    `begun`: not before it kept something, so that it is killed while it streams.
    """
    print(run_id, file=process.stdin, flush=True)
    child = int(process.stdout.readline())
    told = folder / f"{run_id}.told"
    try:
        wait_until(lambda: told.exists() and (not begun or b"kept" in told.read_bytes()))
        time.sleep(random.uniform(0, 0.1))
    finally:
        os.kill(child, signal.SIGKILL)
    assert process.stdout.readline(), "it is not dead"
    lines = [line.split() for line in told.read_text().splitlines(keepends=True) if "\n" in line]
    return [(word, int(n)) for word, n in lines]


def wait_until(true):
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "the writer did not begin"
        time.sleep(0.005)
