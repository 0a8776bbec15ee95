"""The worker with a process: what it promises when that process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from worker_tools import PATIENCE, Memory, follow, job, local_worker

from explorer.settings import Settings
from explorer.trace import Trace, check_events
from explorer.worker import local as local_module
from explorer.worker import make_worker


def wait_until(true):
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(pid):
    """Whether no such process runs; a zombie has ended too."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_killed_process_fails_its_run_keeps_its_events_and_is_started_again(local, memory):
    wanted, waiting = job("slow", max_new_tokens=60), job("toy")
    local.submit(wanted)
    local.submit(waiting)
    _, seen = follow(local, wanted.run_id, lambda events: events and events[-1].step == 2)
    (pid,) = local.pids
    os.kill(pid, signal.SIGKILL)
    status, sentence = memory.end(wanted.run_id)
    assert status == "failed"
    assert "exit code -9" in sentence
    assert "What had happened until then is kept" in sentence
    kept = memory.events(wanted.run_id)
    assert kept[: len(seen)] == seen
    check_events(kept)
    batches, events = follow(local, wanted.run_id)
    assert events == kept
    assert batches[-1].end.status == "failed"
    assert memory.end(waiting.run_id) == ("done", "")
    assert local.pids != [pid]


def test_a_process_that_is_killed_while_idle_is_started_again(local, memory):
    wanted = job("toy")
    local.submit(wanted)
    memory.end(wanted.run_id)
    (pid,) = local.pids
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: local.pids != [pid])
    wanted = job("toy", seed=1)
    local.submit(wanted)
    assert memory.end(wanted.run_id) == ("done", "")


def test_a_step_that_does_not_end_is_ended_with_its_process(local, memory):
    wanted, after = job("hanging"), job("toy")
    local.submit(wanted)
    local.submit(after)
    follow(local, wanted.run_id, lambda events: events and events[-1].step == 2)
    local.cancel(wanted.run_id)
    status, sentence = memory.end(wanted.run_id)
    assert status == "stopped"
    assert "A step went on for 0.5 s" in sentence
    assert memory.end(after.run_id) == ("done", "")


def test_the_limit_of_seconds_holds_for_a_step_that_does_not_end(local, memory):
    wanted = job("hanging", max_seconds=0.2)
    local.submit(wanted)
    status, sentence = memory.end(wanted.run_id)
    assert status == "failed"
    assert "A step went on for 0.5 s" in sentence


def test_closing_ends_runs_and_processes_and_tells_the_sink():
    memory = Memory()
    worker = local_worker(memory)
    running, waiting = job("slow", max_new_tokens=60), job("toy")
    worker.submit(running)
    worker.submit(waiting)
    follow(worker, running.run_id, lambda events: events and events[-1].step == 1)
    (pid,) = worker.pids
    worker.close()
    assert {memory.ends[j.run_id][0] for j in (running, waiting)} == {"stopped"}
    assert memory.events(running.run_id)[-1].reason == "stopped"
    assert gone(pid)
    with pytest.raises(Exception, match="closing"):
        worker.submit(job("toy"))


def test_the_process_leaves_when_the_program_is_killed_in_the_middle_of_a_step():
    code = """
import os, signal
from worker_tools import Memory, follow, job, local_worker
worker, wanted = local_worker(Memory()), job("hanging")
worker.submit(wanted)
follow(worker, wanted.run_id, lambda events: events and events[-1].step == 2)
print(*worker.pids, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env, timeout=120
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    wait_until(lambda: gone(pid))


def test_the_settings_reach_the_process(monkeypatch):
    made = {}

    class Fake:
        def __init__(self, sink, **values):
            made.update(values)

    monkeypatch.setattr(local_module, "LocalWorker", Fake)
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    make_worker(Settings(device="cpu", threads=2, max_queue=5, preload="a, b"), Memory())
    assert made["devices"] == ("cpu",)
    assert made["preload"] == ("a", "b")
    assert made["max_queue"] == 5
    assert made["environment"]["EXPLORER_THREADS"] == "2"
    assert "EXPLORER_DATABASE_URL" not in made["environment"]
    make_worker(Settings(worker_devices="cuda:0,cuda:1"), Memory())
    assert made["devices"] == ("cuda:0", "cuda:1")


def test_a_run_is_verified_where_its_model_is_and_nothing_is_kept_of_that(local, memory):
    wanted = job("toy", "prompt_lookup", max_new_tokens=8)
    local.submit(wanted)
    assert memory.end(wanted.run_id) == ("done", "")
    trace = Trace(memory.headers[wanted.run_id], memory.events(wanted.run_id))
    check = replace(job("toy", "prompt_lookup"), of=trace)
    local.submit(check)
    batches, events = follow(local, check.run_id)
    end = batches[-1].end
    assert (end.status, end.holds) == ("done", True)
    assert end.sentence.startswith("The target alone writes the same")
    assert events == []
    again = job("toy")
    local.submit(again)
    memory.end(again.run_id)  # the sink heard of what came behind, and of the check nothing
    assert check.run_id not in memory.ends | memory.headers
