"""What the page stands on, without a browser: store and worker together."""

from __future__ import annotations

import os
import signal
import time

import pytest

from explorer.settings import Settings
from explorer.ui import runs, sessions
from explorer.ui.service import Service, Visitor
from explorer.worker import QueueFull, make_job
from storage import NotThere, Store

ME, STRANGER = Visitor("m" * 40), Visitor("s" * 40)
PATIENCE = 120
TALE = {
    "method": "sample",
    "prompt": "Once upon a time",
    "models": {"target": "target"},
    "max_new_tokens": 400,
}


@pytest.fixture
def service(tmp_path):
    made = Service(Settings(data_folder=tmp_path, preload="", max_queue=1))
    yield made
    made.close()


def until(done):
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


def test_a_full_queue_refuses_the_next_and_loses_nothing(service):
    taken = [service.start(ME, TALE)]
    until(lambda: service.worker.position(taken[0]) == 0)
    with pytest.raises(QueueFull) as told:
        taken += (service.start(ME, TALE) for _ in range(10))
    assert str(told.value).endswith(".")
    assert {run.run_id for run in service.store.runs(service.owner(ME)).runs} == set(taken)
    for run_id in taken:
        service.stop(run_id, ME)
    until(lambda: not any(service.place(run_id, ME).going for run_id in taken))


def test_a_killed_worker_costs_its_run_nothing_that_was_kept(service, tmp_path):
    run_id = service.start(ME, TALE)
    until(lambda: len(service.trace(run_id, ME).events) > 20)
    before = len(service.trace(run_id, ME).events)
    os.kill(service.worker.pids[0], signal.SIGKILL)
    until(lambda: not service.place(run_id, ME).going)
    place = service.place(run_id, ME)
    assert place.info.status == "failed"
    assert "kept" in place.sentence
    assert place.failure == place.sentence
    with Store(tmp_path) as other:  # as after a restart
        assert other.run(run_id, other.owner_of(ME.token)).sentence == place.sentence
    assert len(service.trace(run_id, ME).events) >= before
    again = service.start(ME, TALE | {"max_new_tokens": 3})
    service.wait(again, ME)
    assert service.place(again, ME).info.status == "done"


def test_all_runs_are_exported_and_come_back(service, tmp_path):
    owner = service.owner(ME)
    for title in ("One", "Two"):
        header = make_job(method="greedy", prompt=title).header
        service.store.create_run(header, owner, service.store.create_session(owner, title))
        service.store.finish(header.run_id, "failed", f"{title} broke off.")
    file = runs.session_file(service, ME, sessions.ALL)
    assert file["name"] == "all-runs.json"
    path = tmp_path / file["name"]
    path.write_text(file["text"], encoding="utf-8")
    session, opened = runs.bring_in(service, STRANGER, str(path))
    brought = service.store.runs(service.owner(STRANGER), session_id=session).runs
    assert [run.sentence for run in brought] == ["Two broke off.", "One broke off."]
    assert opened == brought[0].run_id


def test_a_strangers_run_looks_like_none(service):
    run_id = service.start(ME, TALE | {"max_new_tokens": 2})
    service.wait(run_id, ME)
    for ask in (service.trace, service.place, service.stop):
        with pytest.raises(NotThere) as other:
            ask(run_id, STRANGER)
        with pytest.raises(NotThere) as none:
            ask("0" * 16, STRANGER)
        assert str(other.value).replace(run_id, "") == str(none.value).replace("0" * 16, "")
