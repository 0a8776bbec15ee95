"""The file: how it is opened, how it came to be, and what happens when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from store_makers import make_events, make_trace, same

from explorer.settings import Settings
from storage import Store, StoreError, open_store
from storage.models import Base
from storage.store import FILE

OLDEST = Path(__file__).parent / "oldest.sql"


def test_every_connection_waits_first_then_logs_ahead_with_foreign_keys(fresh):
    connections = []
    try:
        for engine in (fresh._db._engine, fresh._db._writing_engine):
            connections += [engine.connect(), engine.connect()]
        for connection in connections:
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("busy_timeout", "journal_mode", "foreign_keys", "synchronous")
            }
            assert found == {
                "busy_timeout": 5000, "journal_mode": "wal", "foreign_keys": 1, "synchronous": 1,
            }  # fmt: skip
            connection.rollback()
    finally:
        for connection in connections:
            connection.close()


def test_a_writer_takes_its_turn_at_the_beginning(fresh, folder):
    other = sqlite3.connect(folder / FILE, timeout=0)
    with fresh._db.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    with fresh._db.read():
        other.execute("BEGIN IMMEDIATE")
        other.rollback()
    other.close()


def test_a_transaction_that_fails_changes_nothing(fresh):
    me = fresh.local_owner()
    session = fresh.create_session(me, "Before")

    def fail():
        with fresh._db.write() as db:
            db.connection().exec_driver_sql("UPDATE sessions SET title = 'After'")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [(s.session_id, s.title) for s in fresh.sessions(me)] == [(session, "Before")]


def test_an_empty_database_gets_the_tables_of_the_models(tmp_path):
    (tmp_path / FILE).touch()
    with Store(tmp_path) as store, store._db.read() as db:
        context = MigrationContext.configure(db.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert db.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_the_oldest_database_opens_with_all_that_is_in_it(tmp_path):
    """`oldest.sql` was written by the first version, and is never written anew."""
    with sqlite3.connect(tmp_path / FILE) as old:
        old.executescript(OLDEST.read_text(encoding="utf-8"))
    old.close()
    with Store(tmp_path) as store, store._db.read() as db:
        context = MigrationContext.configure(db.connection())
        assert compare_metadata(context, Base.metadata) == []
        me = store.owner_of("m" * 40)
        (run,) = store.runs(me, text="oldest", tag="kept", model="target", method="sample").runs
        assert (run.title, run.note, run.status) == ("The oldest run", "a note", "done")
        assert run.sentence == ""  # a column of version 0002
        assert run.parent is None  # and of 0003
        assert [session.title for session in store.sessions(me)] == ["My runs"]
        (share,) = store.shares(me)
        assert share.run_id == run.run_id
        trace = store.trace(run.run_id, me)
        assert same(trace.events, make_events(6))
        assert trace.header.prompt == "The oldest prompt"


def test_a_database_of_a_newer_version_is_a_sentence_and_stays_as_it_is(folder):
    with sqlite3.connect(folder / FILE) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    with pytest.raises(StoreError, match="written by a newer version"):
        Store(folder)
    with sqlite3.connect(folder / FILE) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    db.close()


def test_several_may_make_the_database_at_once(tmp_path):
    """Threads stand for processes: each store has connections and a lock of its own."""
    wrong = []

    def work():
        try:
            with Store(tmp_path) as store:
                store.keep(make_trace(1), store.local_owner())
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    with Store(tmp_path) as store:
        assert store.runs(store.local_owner()).total == 4


def test_others_on_the_machine_cannot_look_into_the_data_folder(tmp_path):
    with Store(tmp_path / "data"):
        pass
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["a b", "100%", "what?", "ä#ö"])
def test_a_data_folder_may_have_any_name(tmp_path, name):
    with Store(tmp_path / name) as store:
        store.keep(make_trace(1), store.local_owner())
    assert (tmp_path / name / FILE).exists()


def test_a_file_that_is_no_database_is_a_sentence(tmp_path):
    (tmp_path / FILE).write_bytes(b"this is a letter to my aunt" * 100)
    with pytest.raises(StoreError, match=r"explorer.sqlite cannot be used: file is not a database"):
        Store(tmp_path)


def test_a_place_where_nothing_can_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "file")
    with pytest.raises(StoreError, match="cannot be used: unable to open database file"):
        Store(tmp_path / "data", f"sqlite:///{tmp_path}/none/x.sqlite")


@pytest.mark.parametrize("url", ["nonsense", "oracle9://user:secret@host/x", "sqlite"])
def test_an_address_that_is_none_is_a_sentence_without_the_password(tmp_path, url):
    with pytest.raises(StoreError, match="write it as sqlite:") as caught:
        Store(tmp_path, url)
    assert "secret" not in str(caught.value)


def test_a_locked_database_is_a_sentence_and_the_store_goes_on(fresh, folder):
    me = fresh.local_owner()
    with fresh._db.read() as db:
        db.connection().exec_driver_sql("PRAGMA busy_timeout=10")
    other = sqlite3.connect(folder / FILE)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="cannot be used: database is locked"):
        fresh.keep(make_trace(1), me)
    assert fresh.runs(me).total == 0  # reading needs no turn
    other.rollback()
    other.close()
    fresh.keep(make_trace(1), me)
    assert fresh.runs(me).total == 1


def test_the_settings_say_where(tmp_path):
    chosen = Settings(data_folder=tmp_path / "here", undo_seconds=5)
    with open_store(chosen) as store:
        store.keep(make_trace(1), store.local_owner())
    assert (tmp_path / "here" / FILE).exists()
    elsewhere = f"sqlite:///{tmp_path}/elsewhere.sqlite"
    with open_store(Settings(data_folder=tmp_path / "h", database_url=elsewhere)) as store:
        store.keep(make_trace(1), store.local_owner())
    assert (tmp_path / "elsewhere.sqlite").exists()
    assert not (tmp_path / "h" / FILE).exists()
