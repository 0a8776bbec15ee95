"""`kill -9` of the worker and of the web process, at random moments of a run.

At most one second of events is lost, what is kept is whole, and the next run works.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from kill_app import LIVING, TOKEN, TOLD, Told

from explorer.decoding import run_request
from explorer.registry import get_method
from explorer.worker import make_job
from storage import Store
from storage.living import Presence
from storage.store import FILE

LIVES = (3, 3, 2, 2)  # of web processes, one after another on each data folder; two kills in each
MOST_LOST_SECONDS = 1.0
PATIENCE = 300.0  # for each step, on a busy machine
JOB = {"method": "sample", "prompt": "ab", "models": {"target": "toy"}, "max_new_tokens": 1000}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_twenty_kills_lose_at_most_a_second_each(tmp_path):
    """Ten of the worker, ten of the web process; several apps at a time, as starting takes long."""
    whole = events_of_a_whole_run()
    with app() as forker, ThreadPoolExecutor(len(LIVES)) as several:
        lives = [
            several.submit(live_and_die, forker, tmp_path / str(number), lives, whole, number)
            for number, lives in enumerate(LIVES)
        ]
        kills = [kill for life in lives for kill in life.result()]
        assert status_of_one_more_run(forker, tmp_path / "0") == "done"
    assert sorted(kills) == ["web"] * 10 + ["worker"] * 10


def live_and_die(forker, folder, lives, whole, seed):
    """Kills of worker and web process in turn, each in the middle of a run; what was killed."""
    chance = random.Random(seed)
    kills = []
    for _ in range(lives):
        with web_process(forker, folder) as (ask, web):
            first = ask(JOB)
            killed = kill_at_random(chance, folder, first["worker"])
            wait_for_end(folder, first["run"])
            check(folder, first["run"], killed, whole, "The process that made the run ended")
            kills.append("worker")
            second = ask(JOB)
            killed = kill_at_random(chance, folder, web)
            wait_until(lambda pid=web: gone(pid))
            check(folder, second["run"], killed, whole, "The program ended in the middle")
            wait_until(lambda: workers_are_gone(folder))
            kills.append("web")
    return kills


def status_of_one_more_run(forker, folder):
    with web_process(forker, folder) as (ask, _):
        return wait_for_end(folder, ask(JOB | {"max_new_tokens": 3})["run"]).status


def check(folder, run_id, killed, whole, sentence):
    """A run that was cut off `killed`, by the clock, is kept as far as is promised."""
    with Store(folder) as store:
        me = store.owner_of(TOKEN)
        info, trace = store.run(run_id, me), store.trace(run_id, me)
    assert info.status == "failed"
    assert info.sentence.startswith(sentence)
    events = [event for event in trace.without_times() if event.kind != "done"]
    assert events == whole[: len(events)]
    # Once the model is asked for a token, all that happened up to the one before has happened.
    asked = [at for _, at in told(folder)]
    steps = sum(at <= killed - MOST_LOST_SECONDS for at in asked) - 1
    due = sum(event.step < steps for event in whole)
    assert 0 < due <= len(events), f"{due - len(events)} events of more than a second are lost"
    database = sqlite3.connect(folder / FILE)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()


def kill_at_random(chance, folder, pid):
    """Kills a process between one and two seconds after its run's first token; returns when."""
    wait_until(lambda: told(folder))
    time.sleep(chance.uniform(1.1, 2.1))
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    return killed


def told(folder):
    """(length of the text, when) for each time that the model was asked, in order."""
    try:
        lines = (folder / TOLD).read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    pairs = [line.split() for line in lines if line.endswith("\n")]
    return [(int(length), float(at)) for length, at in pairs]


def events_of_a_whole_run():
    """What the run that is cut off would have come to, without clock readings."""
    job = make_job(**JOB)
    method = get_method(job.request.method)
    params = method.parse(job.request.params)
    trace = run_request(job.request, method, params, {"target": Told()}, header=job.header)
    return trace.without_times()


@contextmanager
def app():
    """What forks web processes."""
    root = Path(__file__).parents[2]
    forker = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("kill_app.py"))],
        stdin=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    try:
        yield forker
    finally:
        forker.kill()
        forker.communicate()


@contextmanager
def web_process(forker, folder):
    """A web process on a data folder: what asks it for a run, and its number."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE)
        print(json.dumps([str(folder), door.getsockname()[1]]), file=forker.stdin, flush=True)
        connection, _ = door.accept()
    connection.settimeout(PATIENCE)
    with connection, connection.makefile("rw") as wishes:

        def ask(job):
            (folder / TOLD).unlink(missing_ok=True)
            print(json.dumps(job), file=wishes, flush=True)
            return json.loads(wishes.readline())

        web = json.loads(wishes.readline())["web"]
        try:
            yield ask, web
        finally:
            if not gone(web):
                os.kill(web, signal.SIGKILL)


def wait_for_end(folder, run_id):
    with Store(folder) as store:
        me = store.owner_of(TOKEN)
        wait_until(lambda: store.run(run_id, me).ended)
        return store.run(run_id, me)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def workers_are_gone(folder):
    me = Presence(folder / LIVING)
    others = {path.name for path in (folder / LIVING).iterdir()} - {me.name}
    dead = me.dead(others)
    me.leave()
    return dead == others


def wait_until(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)
