"""The Python side of the trace view: chunks add up to the ribbon, answers are small and plain."""

from __future__ import annotations

import json
from itertools import chain

import orjson
import pytest
from trace_runs import RUNS

from explorer.errors import UnknownName
from explorer.trace import Fold
from explorer.ui.live import live_chunks
from explorer.ui.payload import pictures_payload
from explorer.worker import Batch, End
from visualizers import pictures

MADE = ["sample", "search", "rounds", "one", "none", "stopped", "failed", "hostile", "200"]


def batches(run, size=1):
    """The run's events, so many steps in each batch; the last one only tells the end."""
    steps = run.by_step()
    grouped = [list(chain(*steps[i : i + size])) for i in range(0, len(steps), size)]
    for seq, events in enumerate(grouped):
        yield Batch(run.name, seq, events)
    yield Batch(run.name, len(grouped), [], None, run.end)


def added_up(chunks):
    """What a browser has after each chunk."""
    text = []
    for chunk in chunks:
        assert chunk["at"] <= len(text), "a chunk begins behind the text"
        text = text[: chunk["at"]] + chunk["tokens"]
        yield chunk, list(text)


@pytest.mark.parametrize("name", MADE)
def test_chunks_add_up_to_the_ribbon_at_every_step(name):
    run = RUNS[name]()
    whole = pictures_payload(run.trace(), run.token_text)["tokens"]
    for chunk, text in added_up(live_chunks(batches(run), Fold(), run.token_text)):
        step = chunk["status"]["step"]
        if chunk["status"]["state"] != "running":
            continue
        expected = sorted(
            (token["place"], token["node"], token["text"], cls)
            for token in whole
            for since, until, cls in token["shows"]
            if since <= step and (until is None or step < until)
        )
        assert [(t["place"], t["node"], t["text"], t["class"]) for t in text] == expected


@pytest.mark.parametrize("name", MADE)
def test_the_numbers_of_a_streamed_token_are_the_ribbons(name):
    run = RUNS[name]()
    whole = {t["node"]: t for t in pictures_payload(run.trace(), run.token_text)["tokens"]}
    *_, (_, text) = added_up(live_chunks(batches(run), Fold(), run.token_text))
    for token in text:
        for number in ("p", "surprisal", "entropy", "by"):
            assert token[number] == whole[token["node"]][number]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_chunk_is_small_whatever_the_watcher_missed(size):
    run = RUNS["long"]()
    chunks = list(live_chunks(batches(run, size), Fold(), run.token_text))
    assert max(len(orjson.dumps(chunk)) for chunk in chunks) < 10_000
    assert [chunk["seq"] for chunk in chunks] == list(range(len(chunks)))
    assert [chunk["done"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    *_, (_, text) = added_up(chunks)
    assert len(text) == 1000


def test_the_end_is_told_with_its_sentence():
    run = RUNS["failed"]()
    *_, last = live_chunks(batches(run), Fold(), run.token_text)
    assert last["done"] and last["status"]["state"] == "failed"
    assert last["status"]["sentence"] == run.end.sentence
    assert last["status"]["tokens"] == 12


def test_waiting_is_told_before_anything_happened():
    chunks = live_chunks([Batch("r", 0), Batch("r", 1, end=End("stopped"))], Fold(), str)
    first, last = list(chunks)
    assert first["status"]["state"] == "waiting" and not first["done"]
    assert last["status"]["state"] == "stopped" and last["done"]


@pytest.mark.parametrize("name", MADE)
def test_pictures_tables_and_stubs_are_fetched_one_by_one(name):
    run = RUNS[name]()
    trace = run.trace()
    overview = pictures_payload(trace, run.token_text)
    drawn = {p.id: p for p in pictures(trace.fold(), run.token_text, [])}
    assert [p["id"] for p in overview["pictures"]] == [i for i in drawn if i != "ribbon"]
    for name_, whole in drawn.items():
        asked = {"want": "picture", "picture": name_}
        given = pictures_payload(trace, run.token_text, asked)["picture"]
        assert given["captions"] == whole.captions and not given["table"]["rows"]
        table = pictures_payload(trace, run.token_text, asked | {"want": "table"})["table"]
        assert table["steps"] == whole.table.steps
        for mark in whole.marks:
            if mark.shape == "stub":
                question = asked | {"want": "opens", "of": mark.of}
                opens = pictures_payload(trace, run.token_text, question)["opens"]
                assert len(opens) == len(mark.opens)
        json.dumps(given, allow_nan=False)


def test_what_is_known_better_than_the_trace_wins():
    run = RUNS["sample"]()
    run.events.pop()
    assert pictures_payload(run.trace(), run.token_text)["status"]["state"] == "failed"
    told = {"state": "running"}
    answer = pictures_payload(run.trace(), run.token_text, {}, told)
    assert answer["status"]["state"] == "running" and answer["status"]["tokens"] == 40


def test_a_picture_that_is_not_there_is_said_so():
    run = RUNS["one"]()
    with pytest.raises(UnknownName, match="picture"):
        pictures_payload(run.trace(), run.token_text, {"want": "picture", "picture": "nonsense"})
