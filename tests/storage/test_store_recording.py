"""A run from its making to its end, and what a dead process leaves."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from store_makers import make_events, make_header, make_trace, same

from explorer.errors import InputError
from storage import NotThere, Store
from storage.store import FILE


def stream(store, trace, owner, batch=3):
    store.create_run(trace.header, owner)
    for seq in range(0, len(trace.events), batch):
        store.append(trace.run_id, seq, trace.events[seq : seq + batch])


def test_what_was_written_is_read_back_bit_for_bit_while_it_streams_and_afterwards(store, me):
    trace = make_trace(30)
    stream(store, trace, me)
    assert same(store.trace(trace.run_id, me).events, trace.events)
    store.finish(trace.run_id)
    again = store.trace(trace.run_id, me)
    assert same(again.events, trace.events)
    assert same(again.header, trace.header)
    assert store.header(trace.run_id, me) == trace.header


def test_a_run_goes_from_queued_to_running_to_done(store, me):
    trace = make_trace(3)
    store.create_run(trace.header, me)
    assert store.run(trace.run_id, me).status == "queued"
    store.start(trace.run_id)
    assert store.run(trace.run_id, me).status == "running"
    store.append(trace.run_id, 0, trace.events)
    store.finish(trace.run_id)
    info = store.run(trace.run_id, me)
    assert (info.status, info.ended, info.events) == ("done", True, len(trace.events))
    assert info.text == trace.text
    assert info.figures["finish_reason"] == "length"
    assert info.figures["nodes"] == 3


@pytest.mark.parametrize(
    ("reason", "status"),
    [("eos", "done"), ("time", "done"), ("stopped", "stopped"), ("failed", "failed")],
)
def test_the_last_event_tells_how_a_run_ended(store, me, reason, status):
    trace = make_trace(2, reason=reason)
    store.keep(trace, me)
    assert store.run(trace.run_id, me).status == status


def test_a_run_without_an_end_failed_and_keeps_its_events(store, me):
    trace = make_trace(4)
    store.create_run(trace.header, me)
    store.append(trace.run_id, 0, trace.events[:-1])
    store.finish(trace.run_id)
    assert store.run(trace.run_id, me).status == "failed"
    assert same(store.trace(trace.run_id, me).events, trace.events[:-1])


def test_a_stop_and_the_natural_end_may_cross(store, me):
    trace = make_trace(2)
    store.keep(trace, me)
    store.finish(trace.run_id, "stopped")
    assert store.run(trace.run_id, me).status == "done"


def test_a_queued_run_may_begin_with_the_header_that_is_known_then(store, me):
    queued = make_header(prompt_ids=[], models={"target": "small"})
    store.create_run(queued, me)
    final = queued.model_copy(update={"prompt_ids": [5, 6], "models": {"target": "large"}})
    store.start(queued.run_id, final)
    assert store.header(queued.run_id, me) == final
    assert store.runs(me, model="large").total == store.runs(me, text="large").total == 1
    assert store.runs(me, model="small").total == store.runs(me, text="small").total == 0
    with pytest.raises(InputError, match="not of"):
        store.start(queued.run_id, make_header())


def test_a_watcher_gets_each_event_once_wherever_it_asks(store, me):
    trace = make_trace(10)
    stream(store, trace, me, batch=4)
    for status in ("running", "done"):  # in small chunks, then packed anew
        for seq in range(len(trace.events) + 1):
            found = store.events_since(trace.run_id, me, seq)
            assert same(found.events, trace.events[seq:])
            assert (found.seq, found.status) == (len(trace.events), status)
        store.finish(trace.run_id)
    assert store.events_since(trace.run_id, me, -3).events == trace.events
    assert store.events_since(trace.run_id, me, 10**30) == ([], len(trace.events), "done")


def test_a_run_that_ended_is_stored_in_few_chunks(fresh, folder):
    me = fresh.local_owner()
    trace = make_trace(410)
    stream(fresh, trace, me, batch=5)

    def chunks():
        with sqlite3.connect(folder / FILE) as db:
            found = db.execute(
                "SELECT count(*), sum(length(body) + length(columns)) FROM chunks"
            ).fetchone()
        db.close()
        return found

    before = chunks()
    fresh.finish(trace.run_id)
    after = chunks()
    assert (before[0], after[0]) == (411, 2)
    assert after[1] < 0.6 * before[1]
    assert same(fresh.trace(trace.run_id, me).events, trace.events)


def test_missing_doubled_and_late_events_are_refused_and_nothing_is_lost(store, me):
    trace = make_trace(3)
    stream(store, trace, me)
    for seq in (0, len(trace.events) - 1, len(trace.events) + 1, -1):
        with pytest.raises(InputError, match="cannot go on at"):
            store.append(trace.run_id, seq, make_events(1))
    store.finish(trace.run_id)
    with pytest.raises(InputError, match="is done: nothing can be added"):
        store.append(trace.run_id, len(trace.events), make_events(1))
    with pytest.raises(InputError, match="is done"):
        store.start(trace.run_id)
    assert same(store.trace(trace.run_id, me).events, trace.events)


def test_a_run_id_is_used_once_by_whomever(store, me, stranger):
    trace = make_trace(1)
    store.keep(trace, me)
    with pytest.raises(InputError, match="already"):
        store.create_run(trace.header, stranger)


@pytest.mark.parametrize("name", ["0" * 16, "", "\0", "\ud800", "x" * 10**6, "' OR 1=1 --", None])
def test_a_run_that_is_not_there_is_a_sentence_for_writers_too(store, name):
    with pytest.raises(NotThere):
        store.append(name, 0, [])
    with pytest.raises(NotThere):
        store.finish(name)


def test_runs_of_a_session_that_is_not_there_are_refused(store, me, stranger):
    mine = store.create_session(me, "Mine")
    with pytest.raises(NotThere):
        store.create_run(make_header(), stranger, mine)
    with pytest.raises(NotThere):
        store.create_run(make_header(), me, "0" * 16)
    assert store.runs(me).total == store.runs(stranger).total == 0


def test_text_that_a_database_refuses_is_kept_in_the_trace(store, me):
    trace = make_trace(1, text="a\0b\ud800c", prompt="zero \0 byte", models={"target": "m\0"})
    store.keep(trace, me)
    assert same(store.trace(trace.run_id, me).events, trace.events)
    assert store.trace(trace.run_id, me).header == trace.header
    assert store.run(trace.run_id, me).text == "a\ufffdb?c"


def test_threads_write_and_read_side_by_side(store, me):
    traces = [make_trace(12, seed=i) for i in range(6)]
    wrong = []

    def work(trace):
        try:
            stream(store, trace, me, batch=2)
            store.events_since(trace.run_id, me, 5)
            store.finish(trace.run_id)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(trace,)) for trace in traces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for trace in traces:
        assert same(store.trace(trace.run_id, me).events, trace.events)


def test_the_sentence_of_how_a_run_ended_is_kept(folder):
    trace = make_trace(3)
    with Store(folder) as store:
        me = store.owner_of("m" * 40)
        store.create_run(trace.header, me)
        assert store.run(trace.run_id, me).sentence == ""
        store.finish(trace.run_id, "failed", "Memory ran out:\nfewer tokens need less.")
        store.finish(trace.run_id, "failed", "It has ended already.")
    with Store(folder) as store:
        assert store.run(trace.run_id, me).sentence == "Memory ran out: fewer tokens need less."


@pytest.mark.parametrize("said", ["x" * 5000, "a\0b \x1b[2J \ud800", "\x85\u2028 \t"])
def test_whatever_a_library_said_of_a_failure_can_be_kept_and_travels(store, me, said):
    session = store.create_session(me, "Failures")
    header = make_header()
    store.create_run(header, me, session)
    store.finish(header.run_id, "failed", said)
    kept = store.run(header.run_id, me).sentence
    assert len(kept) <= 1000
    text = "".join(store.export_session(session, me))
    ((_, run_id),) = store.import_session(text.encode(), me).run_ids
    assert store.run(run_id, me).sentence == kept


def test_runs_of_a_process_that_died_end_when_the_store_opens(tmp_path):
    """The runs of one that lives, the command line beside the app, go on."""
    died, lives = Store(tmp_path), Store(tmp_path)
    me = died.owner_of("m" * 40)
    lost, queued, ended, going = (make_trace(3) for _ in range(4))
    for store, trace in ((died, lost), (died, queued), (died, ended), (lives, going)):
        store.create_run(trace.header, me)
    died.append(lost.run_id, 0, lost.events[:7])
    died.append(ended.run_id, 0, ended.events)  # its end was written, only `finish` was not
    lives.append(going.run_id, 0, going.events[:2])
    died.close()
    with Store(tmp_path) as opened:
        status = {run.run_id: run.status for run in opened.runs(me).runs}
        assert status == {
            lost.run_id: "failed",
            queued.run_id: "failed",
            ended.run_id: "done",
            going.run_id: "running",
        }
        sentence = {run.run_id: run.sentence for run in opened.runs(me).runs}
        assert "kept" in sentence[lost.run_id]
        assert "before the run began" in sentence[queued.run_id]
        assert sentence[ended.run_id] == sentence[going.run_id] == ""
        assert same(opened.trace(lost.run_id, me).events, lost.events[:7])
        assert opened.run(ended.run_id, me).text == ended.text
        lives.append(going.run_id, 2, going.events[2:])
    lives.close()
    assert not list((tmp_path / "living").iterdir())


def test_storage_needs_neither_gradio_nor_torch():
    code = (
        "import storage, sys; sys.exit(bool({'gradio', 'torch', 'transformers'} & {*sys.modules}))"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=60)
