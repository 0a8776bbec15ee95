"""Processes that stream events into a store until they are killed (see test_store_kill).

Run as a script: for each run id on standard input it forks a process that writes that run, prints
its number, and another line when it is dead. Forking saves the second that importing takes; the
tests' own process cannot do it, as it may have threads.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from store_makers import make_choice, make_header

from explorer.trace import NodeEvent
from storage import Store


def make_batch(seq):
    """The events behind the first `seq` ones: for every number the same."""
    at = {"step": seq, "ms": float(seq)}
    node = NodeEvent(id=seq // 2 + 1, parent=seq // 2, token=seq, by="target", **at)
    return [node, make_choice(seq, 20)]


def write_until_killed(folder, run_id):
    """Stream batches of two events; a file tells how many were made, and how many are kept.

    Now and then another run is made, packed and deleted, so that these are cut off too.
    """
    told = os.open(folder / f"{run_id}.told", os.O_WRONLY | os.O_CREAT)
    with Store(folder) as store:
        owner = store.local_owner()
        store.create_run(make_header(run_id=run_id), owner)
        seq = 0
        while True:
            events = make_batch(seq)
            os.write(told, f"made {seq + 2}\n".encode())
            store.append(run_id, seq, events)
            seq += 2
            os.write(told, f"kept {seq}\n".encode())
            if random.random() < 0.05:
                other = make_header(run_id=os.urandom(8).hex())
                store.create_run(other, owner)
                for start in range(0, 20, 2):
                    store.append(other.run_id, start, make_batch(start))
                store.finish(other.run_id)
                store.delete_run(other.run_id, owner)


if __name__ == "__main__":
    Store(Path(sys.argv[1])).close()  # what is loaded at the first use is loaded once
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            write_until_killed(Path(sys.argv[1]), line.strip())
        print(child, flush=True)
        print(os.waitpid(child, 0), flush=True)
