"""What every worker promises, held for the one with a process and for ZeroGPU's."""

from __future__ import annotations

import logging
import subprocess
import sys
from itertools import accumulate

import pytest
from worker_models import Shelf
from worker_tools import QUEUE, follow, job

from explorer.decoding import find_models, run_request
from explorer.errors import InputError
from explorer.models.loading import bundled_folders
from explorer.registry import get_method
from explorer.trace import Trace
from explorer.worker import QueueFull


def direct(wanted):
    """The trace of the same job, made here."""
    request, method = wanted.request, get_method(wanted.request.method)
    models = find_models(request, method, Shelf())
    return run_request(request, method, method.parse(request.params), models, header=wanted.header)


def timeless(header, events):
    return Trace(header, list(events)).without_times()


def step_of(events):
    return events[-1].step if events else -1


@pytest.mark.parametrize(
    ("method", "model", "values"),
    [
        ("sample", "endless", {"max_new_tokens": 50}),
        ("beam_search", "toy", {"params": {"num_beams": 4}}),
        ("sample", "target", {"prompt": "Once upon a time", "max_new_tokens": 24}),
    ],
)
def test_events_are_those_of_a_direct_run(worker, memory, method, model, values):
    if model == "target" and model not in bundled_folders():
        pytest.skip("the bundled models are not here")
    wanted = job(model, method, seed=3, max_seconds=10, **values)
    worker.submit(wanted)
    batches, events = follow(worker, wanted.run_id)
    trace = direct(wanted)
    assert timeless(trace.header, events) == trace.without_times()
    assert next(b.header for b in batches if b.header) == trace.header
    assert [b.end.status for b in batches if b.end] == ["done"]
    assert batches[-1].end is not None
    assert memory.end(wanted.run_id) == ("done", "")
    assert memory.headers[wanted.run_id] == trace.header
    assert memory.events(wanted.run_id) == events
    for told in (memory.pieces[wanted.run_id], [(b.seq, b.events) for b in batches]):
        assert [seq for seq, _ in told] == list(accumulate([0, *(len(e) for _, e in told[:-1])]))


def test_the_header_is_there_before_the_run_is(memory):
    wanted = job("toy", seed=5)
    assert wanted.header.prompt_ids == []
    assert wanted.header.models == {"target": "toy"}
    assert wanted.header.limits["max_new_tokens"] == 64


def test_events_come_while_the_run_goes_on(worker):
    wanted = job("slow", max_new_tokens=4)
    worker.submit(wanted)
    batches, _ = follow(worker, wanted.run_id, lambda events: step_of(events) == 1)
    assert batches[-1].end is None
    assert worker.position(wanted.run_id) == 0
    follow(worker, wanted.run_id)


def test_cancel_ends_a_run_within_one_step(worker, memory):
    wanted = job("slow", max_new_tokens=60)
    worker.submit(wanted)
    _, seen = follow(worker, wanted.run_id, lambda events: step_of(events) == 2)
    assert worker.cancel(wanted.run_id)
    _, events = follow(worker, wanted.run_id)
    assert events[-1].reason == "stopped"
    # The step that was seen may be over by the time that the wish arrives, and the next begun.
    assert step_of(events) <= step_of(seen) + 1
    assert memory.end(wanted.run_id)[0] == "stopped"
    assert not worker.cancel(wanted.run_id)


def test_a_watcher_that_leaves_ends_nothing(worker, memory):
    wanted = job("slow", max_new_tokens=3)
    worker.submit(wanted)
    watching = worker.watch(wanted.run_id)
    next(watching)
    watching.close()
    assert memory.end(wanted.run_id) == ("done", "")
    assert memory.events(wanted.run_id)[-1].reason == "length"


def test_late_watchers_get_all(worker):
    wanted = job("slow", max_new_tokens=3)
    worker.submit(wanted)
    early = worker.watch(wanted.run_id)
    first = [next(early)]
    follow(worker, wanted.run_id, lambda events: step_of(events) == 1)
    _, late = follow(worker, wanted.run_id)
    _, after_the_end = follow(worker, wanted.run_id)
    first += list(early)
    assert [e for batch in first for e in batch.events] == late == after_the_end
    assert late[-1].kind == "done"


def test_a_watcher_goes_on_behind_what_it_has(worker, memory):
    wanted = job("slow", max_new_tokens=3)
    worker.submit(wanted)
    _, events = follow(worker, wanted.run_id)
    memory.end(wanted.run_id)
    batches, rest = follow(worker, wanted.run_id, after=5)
    assert rest == events[5:]
    assert batches[0].seq == 5


def test_runs_wait_in_a_line_with_positions(worker, memory):
    first, second, third = job("slow", max_new_tokens=3), job("toy"), job("toy", seed=1)
    for wanted in (first, second, third):
        worker.submit(wanted)
    assert [worker.position(w.run_id) for w in (first, second, third)] == [0, 1, 2]
    assert worker.cancel(second.run_id)
    assert memory.end(second.run_id)[0] == "stopped"
    assert second.run_id not in memory.headers
    assert worker.position(third.run_id) == 1
    follow(worker, third.run_id)
    assert memory.end(third.run_id) == ("done", "")
    assert list(memory.ends).index(first.run_id) < list(memory.ends).index(third.run_id)
    assert worker.position(first.run_id) is None


def test_while_a_run_waits_its_watchers_hear_that_time_goes_by(worker):
    first, second = job("slow", max_new_tokens=3), job("toy")
    worker.submit(first)
    worker.submit(second)
    batch = next(worker.watch(second.run_id, beat_seconds=0.05))
    assert (batch.events, batch.header, batch.end) == ([], None, None)
    follow(worker, second.run_id)


def test_a_full_queue_is_a_sentence_and_nothing_is_lost(worker, memory):
    jobs = [job("slow", max_new_tokens=2), *(job("toy", seed=i) for i in range(QUEUE))]
    for wanted in jobs:
        worker.submit(wanted)
    with pytest.raises(QueueFull, match="queue is full: 2 runs are waiting"):
        worker.submit(job("toy"))
    assert {memory.end(wanted.run_id) for wanted in jobs} == {("done", "")}
    wanted = job("toy")
    worker.submit(wanted)
    assert memory.end(wanted.run_id) == ("done", "")


def test_the_same_run_is_not_made_twice(worker, memory):
    wanted = job("toy")
    worker.submit(wanted)
    with pytest.raises(InputError, match="already"):
        worker.submit(wanted)
    memory.end(wanted.run_id)


def test_a_run_that_is_not_there_is_a_sentence(worker):
    with pytest.raises(InputError, match="ended some time ago, or never was"):
        worker.watch("0" * 16)
    assert worker.position("0" * 16) is None
    assert not worker.cancel("0" * 16)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"model": "no/such/model"}, "There is no folder"),
        ({"model": "toy", "prompt": "Once"}, "The toy table reads the letters a to d alone"),
        ({"model": "toy", "prompt": "a" * 64}, "The prompt has 64 tokens"),
        ({"model": "hungry"}, "Memory ran out"),
    ],
    ids=["model", "letters", "length", "memory"],
)
def test_what_is_not_allowed_is_a_failed_run_with_its_sentence(worker, memory, values, sentence):
    wanted = job(**values)
    worker.submit(wanted)
    batches, _ = follow(worker, wanted.run_id)
    assert batches[-1].end.status == "failed"
    assert sentence in batches[-1].end.sentence
    assert memory.end(wanted.run_id) == ("failed", batches[-1].end.sentence)


def test_a_run_that_raises_tells_the_person_little_and_the_log_all(worker, memory, caplog):
    wanted = job("broken")
    with caplog.at_level(logging.ERROR, logger="explorer.worker"):
        worker.submit(wanted)
        status, sentence = memory.end(wanted.run_id)
    assert status == "failed"
    assert "mistake in the program (ZeroDivisionError)" in sentence
    assert "secret" not in sentence
    assert "the secret of the machine room" in caplog.text
    assert "Traceback" in caplog.text
    assert memory.events(wanted.run_id)[-1].reason == "failed"
    assert step_of(memory.events(wanted.run_id)) == 3


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_new_tokens": 2}, "length"),
        ({"max_nodes": 3}, "nodes"),
        ({"max_seconds": 0.3}, "time"),
    ],
)
def test_limits_end_a_run(worker, memory, limits, reason):
    wanted = job("slow", **limits)
    worker.submit(wanted)
    assert memory.end(wanted.run_id) == ("done", "")
    assert memory.events(wanted.run_id)[-1].reason == reason


def test_importing_workers_and_starting_one_loads_no_torch():
    code = """
import sys
import explorer.worker
from explorer.settings import settings
import explorer.worker.local
assert "torch" not in sys.modules and "gradio" not in sys.modules
import torch
assert "torch" in sys.modules  # the check would see it
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_watchers_that_do_not_read_slow_nothing_and_miss_nothing(worker, memory):
    wanted = job("endless", max_new_tokens=60)
    worker.submit(wanted)
    watchers = [worker.watch(wanted.run_id) for _ in range(20)]
    first = [next(watching) for watching in watchers]
    assert memory.end(wanted.run_id) == ("done", "")
    for begun, watching in zip(first, watchers, strict=True):
        rest = [event for batch in watching for event in batch.events]
        assert [*begun.events, *rest] == memory.events(wanted.run_id)
