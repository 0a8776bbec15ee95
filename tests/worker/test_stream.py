"""The pieces that need no worker: the stream of a job, the feed of a run, and the keeper."""

from __future__ import annotations

import logging
import pickle
import threading
import time

import pytest
from worker_models import STEP_SECONDS, Shelf
from worker_tools import Memory, job

from explorer.trace import NodeEvent
from explorer.worker.feed import Feed, unpacked
from explorer.worker.keeper import LOST, Keeper
from explorer.worker.protocol import End, Ended, Happened, Started
from explorer.worker.stream import stream

MUCH = 2**30


def never():
    return False


def events_of(messages):
    return [e for m in messages if isinstance(m, Happened) for e in unpacked(m.packed)]


def pieces(*numbers):
    events = [
        NodeEvent(step=0, ms=0.0, id=number, parent=0, token=1, by="target") for number in numbers
    ]
    return Happened(pickle.dumps(events), len(events))


def ids(batch):
    return [event.id for event in batch.events]


def test_a_stream_begins_with_the_header_and_ends_with_the_end():
    messages = list(stream(job("toy"), Shelf(), never, MUCH))
    assert [type(m) for m in (messages[0], messages[-1])] == [Started, Ended]
    assert {type(m) for m in messages[1:-1]} == {Happened}


def test_a_stop_is_seen_at_the_very_next_step():
    asked = []

    def stop():
        asked.append(True)
        return len(asked) == 4

    events = events_of(stream(job("endless"), Shelf(), stop, MUCH))
    assert events[-1].reason == "stopped"
    assert events[-1].totals["steps"] == 3
    assert len(asked) == 4


def test_the_first_event_comes_at_once_and_the_others_in_batches():
    times, sizes = [], []
    for message in stream(job("slow", max_new_tokens=3), Shelf(), never, MUCH):
        if isinstance(message, Happened):
            times.append(time.monotonic())
            sizes.append(len(unpacked(message.packed)))
    assert times[1] - times[0] > STEP_SECONDS / 2  # the first did not wait for the first token
    fast = list(stream(job("endless", max_new_tokens=60), Shelf(), never, MUCH))
    assert len(fast) < len(events_of(fast)) / 4


def test_a_run_that_fills_memory_is_ended_with_a_sentence():
    messages = list(stream(job("slow", max_new_tokens=60), Shelf(), never, 3000))
    assert messages[-1].end.status == "stopped"
    assert "the most that a run may record" in messages[-1].end.sentence
    assert events_of(messages)[-1].reason == "stopped"
    assert sum(len(m.packed) for m in messages[1:-1]) < 10_000


def test_leaving_a_stream_ends_its_run():
    messages = stream(job("slow", max_new_tokens=60), Shelf(), never, MUCH)
    next(messages)
    messages.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("run")]


def test_who_is_behind_gets_all_that_waits_in_one_batch():
    feed = Feed("a" * 16)
    feed.add(pieces(1))
    watching = feed.follow()
    assert ids(next(watching)) == [1]
    for number in (2, 3, 4):
        feed.add(pieces(number))
    batch = next(watching)
    assert (ids(batch), batch.seq) == ([2, 3, 4], 1)
    feed.add(Ended(End("done")))
    assert [b.end for b in watching] == [End("done")]


@pytest.mark.parametrize("after", range(-1, 8))
def test_who_has_some_events_gets_the_others(after):
    feed = Feed("a" * 16)
    for numbers in ((0, 1), (2, 3, 4), (5,)):
        feed.add(pieces(*numbers))
    feed.add(Ended(End("done")))
    (batch,) = feed.follow(after)
    assert ids(batch) == list(range(max(0, after), 6))
    assert batch.seq == min(max(0, after), 6)


def test_a_sink_that_fails_over_one_run_keeps_the_others(caplog):
    class Failing(Memory):
        def append(self, run_id, seq, events):
            if run_id == "bad" and seq == 1:
                raise OSError("disk full")
            super().append(run_id, seq, events)

    memory, kept = Failing(), []
    keeper = Keeper(memory, kept.append)
    bad, good = Feed("bad"), Feed("good")
    with caplog.at_level(logging.ERROR, logger="explorer.worker"):
        for number in range(4):
            keeper.put(bad, pieces(number))
            keeper.put(good, pieces(number))
        for feed in (bad, good):
            keeper.put(feed, Ended(End("done")))
        keeper.close(10)
    assert memory.ends == {"bad": ("failed", LOST), "good": ("done", "")}
    assert [seq for seq, _ in memory.pieces["good"]] == [0, 1, 2, 3]
    assert [seq for seq, _ in memory.pieces["bad"]] == [0]
    assert kept == [bad, good]
    assert "disk full" in caplog.text


def test_a_slow_sink_holds_up_the_next_run_but_not_this_one():
    going = threading.Event()

    class Slow(Memory):
        def append(self, run_id, seq, events):
            going.wait(30)
            super().append(run_id, seq, events)

    memory = Slow()
    keeper = Keeper(memory, lambda feed: None)
    feed = Feed("a" * 16)
    for number in range(100):
        keeper.put(feed, pieces(number))  # returns at once
    waiting = threading.Thread(target=keeper.wait_for_room, args=(1000,))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    going.set()
    waiting.join(10)
    assert not waiting.is_alive()
    keeper.close(10)
    assert len(memory.pieces["a" * 16]) == 100


@pytest.mark.parametrize("most", [1, 3])
def test_runs_that_ended_are_forgotten_at_last(most, monkeypatch):
    from explorer.worker import desk
    from explorer.worker.zero import ZeroWorker

    monkeypatch.setattr(desk, "MOST_ENDED", most)
    memory = Memory()
    worker = ZeroWorker(memory, desks=1, library=Shelf, decorate=lambda stream: stream)
    jobs = [job("toy", seed=i) for i in range(5)]
    for wanted in jobs:
        worker.submit(wanted)
    for wanted in jobs:
        memory.end(wanted.run_id)
    worker.close()
    assert len(worker._feeds) == most
