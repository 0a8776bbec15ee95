"""A session as a file: out and in without loss, and nothing hostile gets in."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
from store_makers import make_events, make_header, make_trace, same

from explorer.errors import InputError, TraceError
from explorer.trace.laws import law_text
from storage import NotThere, Shared, Store, StoreError, transfer
from storage.foreign import read_document, trace_from


@pytest.fixture
def session(store, me):
    """A session of two runs, one of which broke off."""
    made = store.create_session(me, "Lesson ${1}")
    first = make_trace(8, prompt="First")
    store.keep(first, me, made)
    store.rename(first.run_id, me, "One")
    store.set_note(first.run_id, me, "a\nnote")
    store.set_tags(first.run_id, me, ["x", "<b>"])
    second = make_header(prompt="Second")
    store.create_run(second, me, made)
    store.append(second.run_id, 0, make_events(3)[:-1])
    store.finish(second.run_id, "failed", "The process ended <b>in the middle</b>.")
    return made


@pytest.fixture
def document(store, me, session):
    """That session as plain Python data, as a file of it holds them."""
    return json.loads("".join(store.export_session(session, me)))


def described(store, who, session_id):
    """All that a person knows of a session, without what differs from copy to copy."""
    runs = []
    for run in store.runs(who, session_id=session_id).runs:
        trace = store.trace(run.run_id, who)
        about = (run.title, run.note, run.tags, run.method, run.models, run.status, run.figures)
        about += (run.sentence,)
        header = trace.header.model_dump(exclude={"run_id"})
        runs.append((about, run.prompt, run.text, header, repr(trace.events)))
    return runs


def count(store):
    with store._db.read() as db:
        tables = ("sessions", "runs", "chunks", "tags")
        query = "SELECT count(*) FROM {}"
        return [db.connection().exec_driver_sql(query.format(t)).scalar() for t in tables]


def import_of(store, me, document):
    return store.import_session(json.dumps(document).encode(), me)


# Out and in --------------------------------------------------------------------------------------


def test_a_session_comes_back_in_another_database(store, me, session, tmp_path):
    file = tmp_path / "session.json"
    file.write_text("".join(store.export_session(session, me)), encoding="utf-8")
    with Store(tmp_path / "other") as other:
        you = other.owner_of("y" * 40)
        imported = other.import_session(file, you)
        assert described(other, you, imported.session_id) == described(store, me, session)
        # Ids that are free are kept, so that links in notes and lessons go on working.
        assert all(old == new for old, new in imported.run_ids)
        again = "".join(other.export_session(imported.session_id, you))
    ours, theirs = json.loads(again), json.loads(file.read_text(encoding="utf-8"))
    assert ours.pop("exported")
    assert theirs.pop("exported")
    assert ours == theirs


def test_runs_that_exist_already_get_new_ids(store, me, stranger, session, document):
    before = described(store, me, session)
    store.delete_run(document["runs"][0]["header"]["run_id"], me)  # still there, for undoing
    document["runs"].append(copy.deepcopy(document["runs"][0]))
    imported = import_of(store, stranger, document)
    new = [new for _, new in imported.run_ids]
    assert len({*new, *(old for old, _ in imported.run_ids)}) == 5
    assert len(described(store, stranger, imported.session_id)) == 3
    assert store.trace(new[0], stranger).run_id == new[0]
    store.undo_delete_run(document["runs"][0]["header"]["run_id"], me)
    assert described(store, me, session) == before


def test_an_exported_trace_alone_is_a_session_of_one_run(store, me):
    trace = make_trace(4, prompt="Alone")
    imported = import_of(store, me, trace.to_dict())
    assert store.sessions(me)[0].title == "Alone"
    assert same(store.trace(trace.run_id, me).events, trace.events)
    assert len(imported.run_ids) == 1


def test_an_empty_session_and_a_run_without_events_travel(store, me):
    empty = store.create_session(me, "Empty")
    assert import_of(store, me, json.loads("".join(store.export_session(empty, me)))).run_ids == []
    store.create_run(make_header(), me, empty)
    imported = import_of(store, me, json.loads("".join(store.export_session(empty, me))))
    (run,) = store.runs(me, session_id=imported.session_id).runs
    assert (run.status, run.events) == ("failed", 0)


def test_what_is_no_number_leaves_as_null(store, me):
    trace = make_trace(1)
    trace.events[5].value = [math.inf, -math.inf, math.nan]
    store.keep(trace, me)
    session = store.run(trace.run_id, me).session_id
    text = "".join(store.export_session(session, me))
    assert "NaN" not in text
    assert "Infinity" not in text
    imported = import_of(store, me, json.loads(text))
    assert math.isnan(store.trace(trace.run_id, me).events[5].value[2])
    events = store.trace(imported.run_ids[0][1], me).events
    assert events[5].value == [None, None, None]


def test_a_guest_may_export_what_is_shared_and_nobody_else(store, me, stranger, session):
    guest = Shared(store.share_session(session, me))
    assert len(json.loads("".join(store.export_session(session, guest)))["runs"]) == 2
    for who in (stranger, Shared("x")):
        with pytest.raises(NotThere):
            store.export_session(session, who)


def test_what_is_deleted_or_revoked_during_an_export_is_left_out(store, me, session):
    run_id = store.runs(me, session_id=session).runs[0].run_id
    pieces = store.export_session(session, me)
    start = next(pieces)
    store.delete_run(run_id, me)
    assert len(json.loads(start + "".join(pieces))["runs"]) == 1


def test_all_runs_come_back_as_one_session(store, me, stranger, session, tmp_path):
    store.keep(make_trace(2, prompt="Third"), me, store.create_session(me, "Another"))
    gone = store.keep(make_trace(1), me, session)
    store.delete_run(gone, me)
    store.delete_session(store.run(store.keep(make_trace(1), me), me).session_id, me)
    left = [run.run_id for run in store.runs(me).runs]
    store.keep(make_trace(1), stranger)
    file = tmp_path / "all.json"
    file.write_text("".join(store.export_all(me)), encoding="utf-8")
    with Store(tmp_path / "other") as other:
        you = other.owner_of("y" * 40)
        imported = other.import_session(file, you)
        assert [session.title for session in other.sessions(you)] == ["All runs"]
        assert [run.run_id for run in other.runs(you).runs] == left
        assert described(other, you, imported.session_id) == described(store, me, None)


def test_somebody_without_runs_exports_none(store, me):
    assert json.loads("".join(store.export_all(me)))["runs"] == []


def test_what_could_not_be_imported_again_is_not_exported(folder, tmp_path, monkeypatch):
    with Store(folder) as store:
        me = store.local_owner()
        for _ in range(3):
            store.keep(make_trace(20), me)
        text = "".join(store.export_all(me))
        session = store.sessions(me)[0].session_id
        monkeypatch.setattr(transfer, "MOST_RUNS", 2)
        for export in (lambda: store.export_all(me), lambda: store.export_session(session, me)):
            with pytest.raises(
                InputError, match=r"3 runs; .* at most 2: export a session or a run"
            ):
                export()
    monkeypatch.undo()
    size = len(text.encode())
    with Store(folder, most_bytes=size) as store:
        exported = "".join(store.export_all(me)).encode()
        assert len(store.import_session(exported, me).run_ids) == 3
        with pytest.raises(InputError, match=r"more than .* MiB, the largest file that can be"):
            "".join(store.export_all(me))


def test_hostile_words_stay_data(store, me, document):
    words = "<script>${x}</script> {{y}} \u202e ![](http://x)"
    run = document["runs"][0]
    run["header"]["prompt"] = run["title"] = run["note"] = document["title"] = words
    run["sentence"] = words
    run["events"][-1]["outputs"][0]["text"] = words
    imported = import_of(store, me, document)
    info = store.run(imported.run_ids[0][1], me)
    assert info.title == info.note == info.prompt == info.text == info.sentence == words
    assert store.sessions(me)[0].title == words


# What does not get in ----------------------------------------------------------------------------


def test_two_hundred_megabytes_are_refused(store, me, tmp_path):
    file = tmp_path / "large.json"
    with file.open("wb") as large:
        large.truncate(200 * 10**6)
    with pytest.raises(TraceError, match="has 191 MiB; at most 64 are allowed"):
        store.import_session(file, me)
    with pytest.raises(TraceError, match="at most"):
        read_document(b"[]" + b" " * 100, 101)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\x1f\x8b\x08",
        b"\xff\xfe\x00\xd8",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1' + b"0" * 5000 + b"}",
        b'{"a": 9223372036854775808}',
        b"[" * 10**6,
        b"[" * 500 + b"]" * 500,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"decoding_explorer_session": 2, "title": "T", "runs": []}',
        b'{"decoding_explorer_session": true, "title": "T", "runs": []}',
        b'{"decoding_explorer_session": 1, "title": "T"}',
        b'{"decoding_explorer_session": 1, "title": "T", "runs": {}}',
        b'{"decoding_explorer_session": 1, "title": "T", "runs": [1]}',
        b'{"decoding_explorer_session": 1, "title": "", "runs": []}',
        b'{"decoding_explorer_session": 1, "title": 5, "runs": []}',
        b'{"decoding_explorer_session": 1, "title": "\\ud800", "runs": []}',
    ],
    ids=lambda raw: raw[:24].decode("latin-1"),
)
def test_what_is_no_session_is_a_sentence(store, me, raw):
    before = count(store)
    with pytest.raises(TraceError, match=r"^The file .*\.$"):
        store.import_session(raw, me)
    assert count(store) == before


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9223372036854775808"])
def test_numbers_that_a_computer_cannot_hold_are_refused_wherever_they_stand(
    store, me, document, number
):
    text = json.dumps(document)
    assert text.count('"seconds": 0.25') == 1
    store.import_session(text.replace('"seconds": 0.25', '"seconds": 1e99').encode(), me)
    with pytest.raises(TraceError, match="not JSON"):
        store.import_session(text.replace('"seconds": 0.25', f'"seconds": {number}').encode(), me)


def test_whole_laws_leave_and_come(store, me, document):
    law = law_text(np.linspace(-20, 0, 50_000).astype(np.float16))
    choice = document["runs"][0]["events"][2]
    choice |= {"tokens": [49_999] * len(choice["tokens"]), "chosen": [0]}
    choice |= {"entered": law, "offset": 7.25}
    imported = import_of(store, me, document)
    again = json.loads("".join(store.export_session(imported.session_id, me)))
    assert again["runs"][0]["events"][2] == choice


def set_at(document, path, value):
    *way, last = path
    for key in way:
        document = document[key]
    document[last] = value


DEEP = json.loads("[" * 60 + "]" * 60)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["header"], None),
        (["header", "format"], 99),
        (["header", "run_id"], "../../etc/passwd"),
        (["header", "run_id"], "0" * 15 + "\n"),
        (["header", "prompt"], "x" * 20_001),
        (["header", "prompt"], "\ud800"),
        (["header", "prompt_ids"], ["a"]),
        (["header", "models"], {"target": {"a": 1}}),
        (["header", "extra"], 1),
        (["header", "params"], {"deep": DEEP}),
        (["events"], None),
        (["events"], [{"kind": "nothing"}]),
        (["events", 0, "model"], DEEP),
        (["events", 1, "nodes"], [5]),
        (["events", 2, "tokens"], [1]),
        (["events", 2, "raw"], ["x"]),
        (["events", 2, "entered"], "no base64"),
        (["events", 2, "entered"], "AAAAAA=="),
        (["events", 2, "entered"], [1]),
        (["events", 2, "offset"], 1e99),
        (["events", 3, "parent"], 9),
        (["events", 3, "id"], -1),
        (["events", 4, "mark"], "exploded"),
        (["events", 4, "node"], 10**6),
        (["events", 5, "step"], -1),
        (["events", -1, "step"], 10**9),
        (["events", -1, "reason"], "boredom"),
        (["events", -1, "outputs"], [{"node": 99, "token_ids": [], "text": ""}]),
        (["title"], "x" * 201),
        (["title"], ["a"]),
        (["note"], "x" * 10_001),
        (["note"], None),
        (["tags"], ["x"] * 20 + [5]),
        (["tags"], {"a": 1}),
        (["sentence"], "x" * 1001),
        (["sentence"], "\x1b[2J"),
        (["sentence"], None),
        (["owner"], 1),
    ],
    ids=str,
)
def test_a_run_that_is_damaged_is_a_sentence_and_nothing_of_the_file_gets_in(
    store, me, document, path, value
):
    set_at(document["runs"][-1 if path[0] == "owner" else 0], path, value)
    before = count(store)
    with pytest.raises(TraceError, match=r"\.$") as caught:
        import_of(store, me, document)
    assert len(str(caught.value)) < 400
    assert count(store) == before


@pytest.mark.parametrize("status", ["running", "queued", "exploded", None, 7, []])
def test_a_run_that_did_not_end_where_it_came_from_does_not_go_on_here(store, me, document, status):
    document["runs"][1]["status"] = status
    imported = import_of(store, me, document)
    assert store.run(imported.run_ids[1][1], me).status == "failed"


def test_an_import_that_breaks_off_leaves_nothing(store, me, document, monkeypatch):
    document["runs"] = [document["runs"][1]] * 50
    before, inserted, insert_chunks = count(store), [], transfer.insert_chunks

    def full(db, number, chunks):
        assert store.sessions(me)[0].title == "Lesson ${1}"  # nobody sees a half
        assert len(store.sessions(me)) == 1
        inserted.append(number)
        if len(inserted) == 45:
            raise StoreError("The disk is full.")
        insert_chunks(db, number, chunks)

    monkeypatch.setattr(transfer, "insert_chunks", full)
    with pytest.raises(StoreError, match="full"):
        import_of(store, me, document)
    assert count(store) == before


def test_a_missing_file_is_a_sentence(store, me, tmp_path):
    for path in (tmp_path / "nothing.json", tmp_path):
        with pytest.raises(TraceError, match="cannot be read"):
            store.import_session(path, me)


def test_roles_that_differ_only_in_what_a_database_refuses_are_no_trouble(store, me, document):
    document["runs"][0]["header"]["models"] = {"a\0": "x", "a\ufffd": "y"}
    imported = import_of(store, me, document)
    assert len(store.run(imported.run_ids[0][1], me).models) == 1


def test_more_runs_than_anybody_has_are_refused(store, me, document):
    document["runs"] = [{}] * 2001
    with pytest.raises(TraceError, match="at most 2,000"):
        import_of(store, me, document)


def test_a_trace_from_plain_data_is_the_trace(store):
    trace = make_trace(6)
    again = trace_from(json.loads(json.dumps(trace.to_dict())), "it")
    assert same(again.events, trace.events)
    assert again.header == trace.header


def test_an_owner_is_needed_to_import(store, document):
    with pytest.raises((InputError, AttributeError)):
        import_of(store, Shared("x"), document)


def test_a_branch_of_a_file_belongs_to_the_run_of_that_file(store, me):
    made = store.create_session(me, "Family")
    root = store.keep(make_trace(prompt="root"), me, made)
    store.keep(make_trace(prompt="branch", parent=root, begun=[4, 5], forced=1), me, made)
    file = "".join(store.export_session(made, me)).encode()
    copied = store.import_session(file, me)
    (_, new_root), (_, new_branch) = copied.run_ids
    header = store.header(new_branch, me)
    assert (header.parent, header.begun, header.forced) == (new_root, [4, 5], 1)
    assert [run.run_id for run in store.family(new_branch, me)] == [new_root, new_branch]
    alone = json.loads(file)
    del alone["runs"][0]  # whose branch it was does not come with it
    ((_, orphan),) = store.import_session(json.dumps(alone).encode(), me).run_ids
    assert store.header(orphan, me).parent == ""
    alone["runs"][0]["header"]["forced"] = 3
    with pytest.raises(TraceError, match="more tokens were chosen than it began with"):
        store.import_session(json.dumps(alone).encode(), me)
