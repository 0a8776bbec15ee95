"""The library: found quickly, named, tagged, noted, deleted and brought back."""

from __future__ import annotations

import random
import time

import pytest
from sqlalchemy import insert
from store_makers import make_events, make_header, make_trace, same

from explorer.errors import InputError
from storage import NotThere, Shared, Store
from storage.codec import pack_header
from storage.models import RunModelRow, RunRow, TagRow


@pytest.fixture
def three(store, me):
    """Three runs of two methods and two models, oldest first."""
    return [
        store.keep(make_trace(prompt="The Fox", text=" RAN", method="greedy"), me),
        store.keep(make_trace(prompt="Ärger", text=" 100%_sure", model="draft"), me),
        store.keep(make_trace(prompt="A fox again", text=" slept"), me),
    ]


def found(store, who, **wanted):
    return [run.run_id for run in store.runs(who, **wanted).runs]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ({}, [2, 1, 0]),
        ({"text": "FOX"}, [2, 0]),
        ({"text": "fox  ran"}, [0]),
        ({"text": "ran fox"}, [0]),
        ({"text": "äRGER"}, [1]),
        ({"text": "100%_s"}, [1]),
        ({"text": "%"}, [1]),
        ({"text": "_"}, [1]),
        ({"text": "\\"}, []),
        ({"text": "'; DROP TABLE runs; --"}, []),
        ({"text": "draft"}, [1]),
        ({"text": "greedy"}, [0]),
        ({"method": "greedy"}, [0]),
        ({"method": "gree"}, []),
        ({"model": "target"}, [2, 0]),
        ({"model": "target", "text": "fox", "method": "sample"}, [2]),
        ({"status": "done"}, [2, 1, 0]),
        ({"status": "failed"}, []),
        ({"session_id": "0" * 16}, []),
        ({"tag": "none"}, []),
        ({"text": "\ud800\ud800", "method": "\0"}, []),
    ],
    ids=str,
)
def test_a_search_finds_what_has_all_that_was_asked_for(store, me, three, wanted, places):
    if "\ud800" in wanted.get("text", ""):
        with pytest.raises(InputError, match="leave it out"):
            store.runs(me, **wanted)
        return
    page = store.runs(me, **wanted)
    assert [run.run_id for run in page.runs] == [three[i] for i in places]
    assert page.total == len(places)


def test_names_tags_and_notes_are_found_and_their_old_words_are_not(store, me, three):
    fox = three[0]
    store.rename(fox, me, "  My   best\nrun ")
    store.set_tags(fox, me, ["lesson 1", "beam", "beam", " beam "])
    store.set_note(fox, me, "Look at\nstep five")
    info = store.run(fox, me)
    assert (info.title, info.tags) == ("My best run", ("beam", "lesson 1"))
    assert info.note == "Look at\nstep five"
    for text in ("best", "lesson", "five", "the fox"):
        assert found(store, me, text=text) == [fox]
    assert found(store, me, tag="beam") == [fox]
    assert store.kinds(me).tags == {"beam": 1, "lesson 1": 1}
    store.rename(fox, me, "Other")
    store.set_tags(fox, me, [])
    store.set_note(fox, me, "")
    for text in ("best", "lesson", "five"):
        assert found(store, me, text=text) == []
    assert store.kinds(me).tags == {}


def test_a_run_is_named_by_how_its_prompt_begins(store, me):
    run_id = store.keep(make_trace(prompt="One\n two " + "x" * 500), me)
    title = store.run(run_id, me).title
    assert title.startswith("One two x")
    assert len(title) == 80


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("rename", ""),
        ("rename", " \n"),
        ("rename", "x" * 201),
        ("rename", "a\0b"),
        ("rename", "\ud800"),
        ("rename", None),
        ("set_note", "x" * 10_001),
        ("set_note", "\x1b[31m"),
        ("set_tags", ["x" * 51]),
        ("set_tags", [""]),
        ("set_tags", [f"tag {i}" for i in range(31)]),
        ("set_tags", [7]),
    ],
)
def test_words_that_are_not_allowed_are_a_sentence_and_change_nothing(
    store, me, three, change, value
):
    before = store.run(three[0], me)
    with pytest.raises(InputError, match=r"\.$|\.\)$"):
        getattr(store, change)(three[0], me, value)
    assert store.run(three[0], me) == before


def test_hostile_words_are_kept_as_they_are(store, me):
    words = "<script>alert(1)</script> ${x} {{y}} `z` \u202e <img onerror=1>"
    run_id = store.keep(make_trace(prompt=words, text=words), me)
    store.rename(run_id, me, words)
    store.set_tags(run_id, me, [words[:50]])
    info = store.run(run_id, me)
    assert info.title == info.prompt == info.text == words
    assert info.tags == (words[:50].strip(),)
    assert found(store, me, text="${x} {{y}}") == [run_id]


def test_pages_join_without_gap_or_repetition_even_as_runs_arrive(store, me):
    made = [store.keep(make_trace(1), me) for _ in range(7)]
    first = store.runs(me, limit=3)
    store.keep(make_trace(1), me)
    second = store.runs(me, limit=3, before=first.next)
    third = store.runs(me, limit=3, before=second.next)
    runs = [*first.runs, *second.runs, *third.runs]
    assert [run.run_id for run in runs] == made[::-1]
    assert (first.total, second.total, third.next) == (7, 8, None)
    assert found(store, me, before=-(10**30)) == []
    assert len(found(store, me, before=10**30)) == 8


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_page_has_a_sensible_size(store, me, limit):
    with pytest.raises(InputError, match="from 1 to 200"):
        store.runs(me, limit=limit)


def test_a_search_that_is_too_long_is_a_sentence(store, me):
    with pytest.raises(InputError, match="at most 200"):
        store.runs(me, text="x " * 101)


def test_sessions_hold_their_own_runs(store, me):
    outside = store.keep(make_trace(1), me)
    lesson = store.create_session(me, "Lesson")
    inside = store.keep(make_trace(1), me, lesson)
    assert found(store, me, session_id=lesson) == [inside]
    assert found(store, me) == [inside, outside]
    assert store.run(inside, me).session_id == lesson != store.run(outside, me).session_id
    store.rename_session(lesson, me, "Lesson one")
    assert [(s.title, s.runs) for s in store.sessions(me)] == [("Lesson one", 1), ("My runs", 1)]


def test_a_first_run_makes_a_first_session(store, me):
    store.keep(make_trace(1), me)
    store.keep(make_trace(1), me)
    assert [(s.title, s.runs) for s in store.sessions(me)] == [("My runs", 2)]


# Deleting ----------------------------------------------------------------------------------------


def test_a_deleted_run_is_gone_until_it_is_brought_back_whole(store, me, three):
    store.set_tags(three[1], me, ["kept"])
    before = store.run(three[1], me)
    until = store.delete_run(three[1], me)
    assert 590 < until - time.time() <= 600
    assert found(store, me) == [three[2], three[0]]
    assert store.kinds(me).tags == {}
    assert store.sessions(me)[0].runs == 2
    for read in (store.trace, store.run, store.events_since, store.delete_run):
        with pytest.raises(NotThere):
            read(three[1], me)
    store.undo_delete_run(three[1], me)
    assert store.run(three[1], me) == before
    assert same(store.trace(three[1], me).events, make_events(text=" 100%_sure"))


def test_after_its_time_a_deleted_run_is_gone_for_good(folder):
    with Store(folder, undo_seconds=0) as store:
        me = store.owner_of("m" * 40)
        run_id = store.keep(make_trace(), me)
        store.set_tags(run_id, me, ["a"])
        store.share_run(run_id, me)
        store.delete_run(run_id, me)
        with pytest.raises(NotThere):
            store.undo_delete_run(run_id, me)
        with store._db.read() as db:
            for table in ("runs", "chunks", "tags", "run_models", "shares"):
                assert db.connection().exec_driver_sql(f"SELECT * FROM {table}").all() == []


def test_the_time_for_undoing_ends_even_if_nobody_cleared_away(folder, monkeypatch):
    monkeypatch.setattr(Store, "purge", lambda self: None)
    with Store(folder, undo_seconds=0) as store:
        me = store.local_owner()
        run_id = store.keep(make_trace(), me)
        session = store.run(run_id, me).session_id
        store.delete_run(run_id, me)
        with pytest.raises(NotThere):
            store.undo_delete_run(run_id, me)
        store.delete_session(session, me)
        with pytest.raises(NotThere):
            store.undo_delete_session(session, me)


def test_what_was_deleted_can_be_brought_back_after_a_restart(folder):
    with Store(folder) as store:
        me = store.owner_of("m" * 40)
        run_id = store.keep(make_trace(), me)
        store.delete_run(run_id, me)
    with Store(folder) as store:
        store.undo_delete_run(run_id, me)
        assert found(store, me) == [run_id]


def test_a_session_takes_its_runs_with_it_and_brings_them_back(store, me, three):
    session = store.run(three[0], me).session_id
    store.delete_run(three[0], me)
    store.delete_session(session, me)
    assert store.sessions(me) == []
    assert found(store, me) == []
    with pytest.raises(NotThere):
        store.trace(three[1], me)
    with pytest.raises(NotThere):
        store.undo_delete_run(three[0], me)  # its session is not there
    store.undo_delete_session(session, me)
    assert found(store, me) == [three[2], three[1]]
    store.undo_delete_run(three[0], me)
    assert found(store, me) == three[::-1]


def test_a_run_that_goes_on_is_not_deleted_and_loses_nothing(store, me):
    trace = make_trace(3)
    store.create_run(trace.header, me)
    session = store.run(trace.run_id, me).session_id
    with pytest.raises(InputError, match="is queued: stop it, then delete it"):
        store.delete_run(trace.run_id, me)
    store.append(trace.run_id, 0, trace.events[:4])
    with pytest.raises(InputError, match="is running: stop it, then delete it"):
        store.delete_run(trace.run_id, me)
    with pytest.raises(InputError, match=trace.run_id):
        store.delete_session(session, me)
    store.append(trace.run_id, 4, trace.events[4:])
    store.finish(trace.run_id)
    assert same(store.trace(trace.run_id, me).events, trace.events)
    store.delete_run(trace.run_id, me)


# Many runs ---------------------------------------------------------------------------------------


def test_a_few_are_found_among_a_thousand(fresh):
    """How fast, among ten thousand, is measured by `benchmarks/store.py`."""
    me = fresh.local_owner()
    fill(fresh, me, 1000)
    assert fresh.runs(me).total == 1000
    assert fresh.runs(me, tag="tag 4").total == 20
    assert fresh.runs(me, text="nowhere").total == 0
    some = fresh.runs(me, text="w1999", limit=100)
    assert 0 < some.total < 200
    tagged = fresh.runs(me, text="w1999", tag="tag 4")
    assert tagged.total == sum("tag 4" in run.tags for run in some.runs)


def fill(store, me, count):
    """Runs with a text of 600 letters each, written past the store to save the time."""
    r = random.Random(0)
    session = store.create_session(me, "Many")
    header = pack_header(make_header())
    vocabulary = [f"w{i}" for i in range(2000)]
    runs, models, tags = [], [], []
    for i in range(1, count + 1):
        words = " ".join(r.choices(vocabulary, k=120))
        run = {
            "id": i, "run_id": f"{i:016x}", "session": 1, "status": "done",
            "method": f"method {i % 40}", "created": 0.0, "events": 0, "title": words[:40],
            "note": "", "figures": {}, "header": header, "prompt": words[:200], "text": words,
            "searched": words,
        }  # fmt: skip
        runs.append(run)
        models += [{"run": i, "role": role, "model": f"model {i % 7}"} for role in ("target", "d")]
        tags += [{"run": i, "tag": f"tag {i % 50}"}]
    with store._db.write() as db:
        db.execute(insert(RunRow), runs)
        db.execute(insert(RunModelRow), models)
        db.execute(insert(TagRow), tags)
    assert store.runs(me, session_id=session).total == count


# Branches ----------------------------------------------------------------------------------------


@pytest.fixture
def family(store, me):
    """A run, two branches of it, a branch of the first of these, and a run of its own."""
    kept = [store.keep(make_trace(prompt="root"), me)]
    for above in (0, 0, 1):
        kept.append(store.keep(make_trace(prompt="b", parent=kept[above], begun=[1, 2]), me))
    store.keep(make_trace(prompt="alone"), me)
    return kept


def relatives(store, who, run_id):
    return [(run.run_id, run.parent) for run in store.family(run_id, who)]


def test_a_family_is_the_same_from_each_of_its_members(store, me, family):
    a, b, c, d = family
    for member in family:
        assert relatives(store, me, member) == [(a, None), (b, a), (c, a), (d, b)]


def test_a_family_has_only_what_one_may_see(store, me, stranger, family):
    a, b, _, d = family
    with pytest.raises(NotThere):
        store.family(b, stranger)
    shared = Shared(store.share_run(b, me))
    assert relatives(store, shared, b) == [(b, a)]
    store.delete_run(b, me)  # it joins its parent and its branch no more
    assert [run for run, _ in relatives(store, me, a)] == [family[0], family[2]]
    assert [run for run, _ in relatives(store, me, d)] == [d]


def test_branches_of_what_is_not_kept_here_are_one_family(store, me):
    """An example, or a run that is gone."""
    kept = [store.keep(make_trace(parent="f" * 16), me) for _ in range(2)]
    assert [run for run, _ in relatives(store, me, kept[0])] == kept


def test_runs_that_branch_in_a_circle_are_a_family_all_the_same(store, me):
    """No run of ours does; a file can say so."""
    one, two = make_trace(), make_trace()
    one.header = one.header.model_copy(update={"parent": two.run_id})
    two.header = two.header.model_copy(update={"parent": one.run_id})
    kept = [store.keep(trace, me) for trace in (one, two)]
    assert {run for run, _ in relatives(store, me, kept[0])} == set(kept)


def test_a_run_moves_to_another_session_of_its_owner(store, me, stranger, three):
    lesson = store.create_session(me, "Lesson")
    store.move_run(three[1], me, lesson)
    assert found(store, me, session_id=lesson) == [three[1]]
    assert found(store, me, session_id=store.run(three[0], me).session_id) == [three[2], three[0]]
    theirs = store.create_session(stranger, "Theirs")
    for session in (theirs, "0" * 16):
        with pytest.raises(NotThere):
            store.move_run(three[0], me, session)
    assert found(store, stranger) == []


def test_the_kinds_of_runs_are_counted_for_whoever_sees_them(store, me, stranger, three):
    store.set_tags(three[1], me, ["lesson"])
    kinds = store.kinds(me)
    assert kinds.methods["greedy"] == 1
    assert kinds.models["draft"] == 1
    assert sum(kinds.methods.values()) == sum(kinds.models.values()) == 3
    assert kinds.tags == {"lesson": 1}
    guest = Shared(store.share_run(three[1], me))
    assert store.kinds(guest).models == {"draft": 1}
    assert store.kinds(stranger).methods == {}
    lesson = store.create_session(me, "Lesson")
    store.move_run(three[1], me, lesson)
    assert store.kinds(me, lesson).models == {"draft": 1}
