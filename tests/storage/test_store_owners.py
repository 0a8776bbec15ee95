"""Who may read what: their own, what is shared with them, and nothing else."""

from __future__ import annotations

import inspect

import pytest
from store_makers import make_events, make_trace, same

from explorer.errors import InputError
from storage import NotThere, Shared, Store

SENTENCE = (
    "There is no {what} {id!r} for you: "
    "it was never here, was deleted, or is not shared with you (any more)."
)
VALUES = {"title": "T", "note": "n", "tags": ["a"], "header": None, "session_id": "0" * 16}


def guarded(about):
    """Every public function of the store that names a thing of this sort and who asks."""
    found = []
    for name, function in inspect.getmembers(Store, inspect.isfunction):
        parameters = inspect.signature(function).parameters
        if not name.startswith("_") and about in parameters and {"owner", "reader"} & {*parameters}:
            found.append(name)
    return found


def call(store, name, about, thing, who):
    parameters = inspect.signature(getattr(store, name)).parameters
    required = {
        p.name: VALUES[p.name]
        for p in parameters.values()
        if p.default is p.empty and p.name in VALUES
    }
    role = "owner" if "owner" in parameters else "reader"
    return getattr(store, name)(**required | {about: thing, role: who})


def test_there_are_functions_to_guard():
    assert {"trace", "events_since", "run", "header", "rename", "set_note", "set_tags"} <= {
        *guarded("run_id")
    }
    assert {"export_session", "delete_session", "share_session"} <= {*guarded("session_id")}
    assert guarded("share_id") == ["revoke"]


@pytest.mark.parametrize("name", guarded("run_id"))
def test_somebody_elses_run_and_no_run_get_the_same_sentence(store, me, stranger, name):
    mine = store.keep(make_trace(2), me)
    for thing in (mine, "0" * 16, "", "\0\ud800", "<script>"):
        with pytest.raises(NotThere) as caught:
            call(store, name, "run_id", thing, stranger)
        assert str(caught.value) == SENTENCE.format(what="run", id=thing)
    assert same(store.trace(mine, me).events, make_events(2))
    assert store.run(mine, me).title == "Once upon a time"


NARROW_DOWN = ("runs", "kinds", "create_run", "keep", "move_run")  # to or into a session


@pytest.mark.parametrize("name", [n for n in guarded("session_id") if n not in NARROW_DOWN])
def test_somebody_elses_session_and_no_session_get_the_same_sentence(store, me, stranger, name):
    mine = store.create_session(me, "Mine")
    for thing in (mine, "0" * 16, "", "\0\ud800"):
        with pytest.raises(NotThere) as caught:
            call(store, name, "session_id", thing, stranger)
        assert str(caught.value) == SENTENCE.format(what="session", id=thing)
    assert [session.title for session in store.sessions(me)] == ["Mine"]


def test_lists_show_only_ones_own(store, me, stranger):
    mine = store.keep(make_trace(2), me)
    store.set_tags(mine, me, ["secret"])
    store.share_run(mine, me)
    session = store.run(mine, me).session_id
    assert store.runs(stranger).total == store.runs(stranger, session_id=session).total == 0
    assert store.runs(stranger, text="once", tag="secret").runs == []
    assert store.sessions(stranger) == store.shares(stranger) == []
    assert store.kinds(stranger).tags == {}


def test_a_token_is_the_same_owner_again_and_another_token_another_one(store):
    me, stranger = store.owner_of("m" * 40), store.owner_of("s" * 40)
    assert store.owner_of("m" * 40) == me != stranger
    assert store.local_owner() == store.local_owner() not in (me, stranger)


@pytest.mark.parametrize(
    "token", ["", "short", "m" * 31, "m" * 129, "é" * 40, "m" * 39 + "\n", None]
)
def test_what_is_no_token_is_refused(store, token):
    with pytest.raises(InputError, match="reload the page"):
        store.owner_of(token)


def test_the_token_itself_is_nowhere_on_the_disk(tmp_path):
    token = "a-token-that-a-browser-made-0123456789"
    with Store(tmp_path) as store:
        store.keep(make_trace(1), store.owner_of(token))
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(path.name.endswith("-wal") for path in files)
        assert not any(token.encode() in path.read_bytes() for path in files)


def test_a_share_of_a_run_shows_that_run_and_nothing_else(store, me):
    shown, hidden = store.keep(make_trace(2), me), store.keep(make_trace(3), me)
    guest = Shared(store.share_run(shown, me))
    assert same(store.trace(shown, guest).events, make_events(2))
    assert store.events_since(shown, guest).status == "done"
    assert [run.run_id for run in store.runs(guest).runs] == [shown]
    session = store.run(shown, guest).session_id
    with pytest.raises(NotThere):
        store.trace(hidden, guest)
    with pytest.raises(NotThere):
        store.export_session(session, guest)
    assert store.sessions(guest) == []


def test_a_share_of_a_session_shows_its_runs_and_later_ones(store, me):
    session, other = store.create_session(me, "Lesson"), store.create_session(me, "Private")
    first, hidden = store.keep(make_trace(1), me, session), store.keep(make_trace(1), me, other)
    guest = Shared(store.share_session(session, me))
    later = store.keep(make_trace(1), me, session)
    assert [run.run_id for run in store.runs(guest).runs] == [later, first]
    assert [(s.title, s.runs) for s in store.sessions(guest)] == [("Lesson", 2)]
    with pytest.raises(NotThere):
        store.trace(hidden, guest)


def test_a_revoked_share_opens_nothing_any_more(store, me, stranger):
    run_id = store.keep(make_trace(2), me)
    kept, ended = store.share_run(run_id, me), store.share_run(run_id, me)
    with pytest.raises(NotThere):
        store.revoke(ended, stranger)
    assert store.trace(run_id, Shared(ended))
    store.revoke(ended, me)
    for name in ("trace", "header", "run", "events_since"):
        with pytest.raises(NotThere) as caught:
            getattr(store, name)(run_id, Shared(ended))
        assert str(caught.value) == SENTENCE.format(what="run", id=run_id)
    with pytest.raises(NotThere):
        store.revoke(ended, me)
    assert [share.share_id for share in store.shares(me)] == [kept]
    assert store.trace(run_id, Shared(kept))


@pytest.mark.parametrize("share", ["", "%", "\0", "\ud800", None, 7, "x" * 10**6])
def test_what_is_no_share_opens_nothing(store, me, share):
    run_id = store.keep(make_trace(1), me)
    store.share_run(run_id, me)
    with pytest.raises(NotThere):
        store.trace(run_id, Shared(share))
    assert store.runs(Shared(share)).total == 0


def test_deleting_hides_from_guests_and_undoing_shows_again(store, me):
    run_id = store.keep(make_trace(1), me)
    session = store.run(run_id, me).session_id
    guests = [Shared(store.share_run(run_id, me)), Shared(store.share_session(session, me))]
    for delete, undo, thing in (
        (store.delete_run, store.undo_delete_run, run_id),
        (store.delete_session, store.undo_delete_session, session),
    ):
        delete(thing, me)
        assert store.shares(me) == [] or thing == run_id
        for guest in guests:
            with pytest.raises(NotThere):
                store.trace(run_id, guest)
        undo(thing, me)
        assert all(store.trace(run_id, guest) for guest in guests)


def test_a_share_id_in_an_owners_place_changes_nothing(store, me):
    run_id = store.keep(make_trace(1), me)
    guest = Shared(store.share_run(run_id, me))
    changing = [
        n for n in guarded("run_id") if "owner" in inspect.signature(getattr(Store, n)).parameters
    ]
    assert len(changing) > 5
    for name in changing:
        with pytest.raises(NotThere):
            call(store, name, "run_id", run_id, guest)
    assert store.run(run_id, me).title == "Once upon a time"
