"""Large files are read in a process of their own, with the same result."""

from __future__ import annotations

import json
import multiprocessing
import os

import pytest
from store_makers import make_trace, same

from explorer.errors import TraceError
from storage import incoming
from storage.incoming import pack_session

MOST = 2**26


@pytest.fixture
def elsewhere(monkeypatch):
    """Every file is large."""
    monkeypatch.setattr(incoming, "SMALL_BYTES", -1)


def test_another_process_packs_the_same(elsewhere, monkeypatch, tmp_path):
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(make_trace(30, text="é").to_dict()), encoding="utf-8")
    packed = pack_session(file, MOST)
    assert pack_session(file.read_bytes(), MOST) == packed
    monkeypatch.setattr(incoming, "SMALL_BYTES", MOST)
    assert pack_session(file, MOST) == packed
    assert packed.runs[0].events == len(make_trace(30).events)


def test_an_import_of_a_large_file_is_as_one_of_a_small_file(store, me, elsewhere):
    trace = make_trace(10)
    imported = store.import_session(json.dumps(trace.to_dict()).encode(), me)
    ((old, new),) = imported.run_ids
    assert old == new == trace.run_id
    assert same(store.trace(new, me).events, trace.events)


def test_what_is_wrong_with_a_large_file_is_the_same_sentence(elsewhere):
    with pytest.raises(TraceError, match=r"^The file is damaged: it is not JSON\.$"):
        pack_session(b"{", MOST)


def test_a_file_that_is_too_large_needs_no_process(elsewhere, monkeypatch):
    monkeypatch.setattr(multiprocessing, "get_context", None)
    with pytest.raises(TraceError, match="at most"):
        pack_session(b"[]" + b" " * 100, 101)


def test_a_process_that_ends_in_the_middle_is_a_sentence(elsewhere, monkeypatch):
    monkeypatch.setattr(incoming, "_answer", die)
    with pytest.raises(TraceError, match="ended in the middle"):
        pack_session(b"[]", MOST)


def die(*_):
    os._exit(9)
