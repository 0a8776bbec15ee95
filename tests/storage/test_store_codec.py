"""Events as bytes: nothing is lost, little is stored, damage is found out."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import zstandard
from store_makers import make_choice, make_events, make_header, same

from explorer.errors import TraceError
from explorer.trace.laws import law_text
from explorer.trace.trace import EVENTS
from storage.codec import Chunk, pack, pack_header, unpack, unpack_header

LAW = -np.random.default_rng(0).exponential(5, 4096).astype(np.float16)


def test_every_kind_of_event_comes_back_bit_for_bit():
    events = make_events(20)
    assert {event.kind for event in events} == {
        "view", "node", "eval", "choice", "mark", "note", "done",
    }  # fmt: skip
    assert same(unpack(pack(events)), events)


def test_a_header_comes_back():
    header = make_header(prompt="0\0 \u202e 😀")
    assert same(unpack_header(pack_header(header)), header)


def test_an_empty_chunk_is_a_chunk():
    assert unpack(pack([])) == []


@pytest.mark.parametrize(
    "column",
    [
        [0.0, -0.0, -5e-324, -1e308],
        [-1.0, None, -2.5, None],
        [-0.1, -0.2, -0.3, -1 / 3],
        [0, -1, -2, -3],
        [-math.inf, -1.0, None, -1.0],
        [math.nan, -1.0, None, -1.0],
        [10**400, -1.0, None, -1.0],
    ],
    ids=["signs", "gaps", "double", "whole", "infinite", "undefined", "huge"],
)
def test_log_probabilities_of_every_sort_survive(column):
    choice = replace(make_choice(0, candidates=4), raw=column)
    beside = make_choice(1, candidates=4)
    assert same(unpack(pack([beside, choice, beside])), [beside, choice, beside])


@pytest.mark.parametrize(
    "change",
    [
        {"tokens": [1, 2, 3, 2**31]},
        {"tokens": [1, 2, 3]},
        {"removed_by": ["top_k", None]},
        {"tokens": [], "raw": [], "final": [], "removed_by": []},
        {"removed_by": ["", "\ud800", "\0", "</script>"]},
    ],
    ids=["large ids", "short", "uneven", "none", "odd reasons"],
)
def test_candidates_that_no_method_of_ours_writes_survive(change):
    choice = replace(make_choice(0, candidates=4), **change)
    assert same(unpack(pack([choice])), [choice])


@pytest.mark.parametrize(
    "entered",
    ["", "AAA=", "AAAA", "AB==", "no base64", "A", "\ud800", law_text(LAW), law_text(LAW[:1])],
    ids=["none", "whole", "odd", "not canonical", "words", "cut", "no text", "law", "one"],
)
def test_whole_laws_survive_and_so_does_what_is_none(entered):
    choices = [replace(make_choice(i), entered=law_text(LAW), offset=i / 3) for i in range(3)]
    choices[1] = replace(choices[1], entered=entered, tokens=[1])
    assert same(unpack(pack(choices)), choices)
    assert same(unpack(pack(choices[::-1])), choices[::-1])


def test_whole_laws_stand_packed_beside_the_json():
    """Base64 adds a third; and exponents lie side by side."""
    choices = [replace(make_choice(i), entered=law_text(LAW * (1 + i / 9))) for i in range(9)]
    bare = pack([replace(choice, entered="") for choice in choices])
    whole = pack(choices)
    text = sum(len(choice.entered) for choice in choices)
    assert len(whole.body) < len(bare.body) + 100
    assert len(whole.columns) - len(bare.columns) < 0.7 * text


def test_a_chunk_from_before_there_were_whole_laws_opens():
    choices = [make_choice(i) for i in range(3)]
    chunk = pack(choices)
    head = json.loads(zstandard.decompress(chunk.body))
    assert head.pop("laws") == [0, 0, 0]
    for event in head["events"]:
        del event["offset"]
    old = replace(chunk, body=zstandard.compress(json.dumps(head).encode()))
    assert same(unpack(old), choices)


def test_more_reasons_than_a_byte_can_name_survive():
    choices = [replace(make_choice(i, 2), removed_by=[f"filter {i}", None]) for i in range(600)]
    assert same(unpack(pack(choices)), choices)


def test_columns_take_a_third_of_compressed_json_and_single_precision_half_of_double():
    """200 steps of 50 candidates, as in the notes on storage: 469 KB of JSON here."""

    def size(chunk):
        return len(chunk.body) + len(chunk.columns)

    single = [make_choice(step, 50) for step in range(200)]
    double = [make_choice(step, 50, single=False) for step in range(200)]
    plain = json.dumps(EVENTS.dump_python(single, mode="json")).encode()
    assert size(pack(single)) < 0.5 * len(zstandard.compress(plain, 3))
    assert size(pack(single)) < 90_000
    assert size(pack(single)) < 0.65 * size(pack(double))
    assert same(unpack(pack(double)), double)


def test_damage_anywhere_is_a_sentence():
    chunk = pack(make_events(3))
    for part in ("body", "columns"):
        data = getattr(chunk, part)
        for place in range(0, len(data), 7):
            broken = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
            with pytest.raises(TraceError, match="damaged in the database"):
                unpack(replace(chunk, **{part: broken}))
        with pytest.raises(TraceError):
            unpack(replace(chunk, **{part: data[:-3]}))
    with pytest.raises(TraceError):
        unpack(Chunk(chunk.count + 1, chunk.body, chunk.columns))
    with pytest.raises(TraceError):
        unpack(Chunk(chunk.count, pack([]).body, chunk.columns))
