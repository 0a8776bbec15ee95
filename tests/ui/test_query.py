"""What is typed into the search, read and written."""

from __future__ import annotations

import pytest

from explorer.ui.query import Query, read_query


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", Query()),
        ("the  fox", Query("the fox")),
        ("fox method:greedy", Query("fox", method="greedy")),
        ('tag:"lesson one" fox', Query("fox", tag="lesson one")),
        ("tag:first tag:second", Query(tag="second")),
        ("model:org/name", Query(model="org/name")),
        ("tag:", Query("tag:")),
        ("a:b http://tag:x", Query("a:b http://tag:x")),
        ('tag:""', Query()),
    ],
)
def test_a_search_is_read(typed, meant):
    assert read_query(typed) == meant


@pytest.mark.parametrize("tag", ["one", "two words", "<img src=x>${1}", "a:b", "Ä,ö"])
def test_what_is_written_is_read_again(tag):
    query = Query("some words").narrowed("tag", tag).narrowed("model", "toy")
    assert read_query(str(query)) == query
    assert read_query(str(query.narrowed("tag", ""))) == Query("some words", model="toy")


def test_what_cannot_be_written_is_looked_for_as_words():
    assert read_query(str(Query(tag='a "b"'))) == Query('a "b"')


def test_an_unknown_kind_narrows_nothing():
    assert Query("x").narrowed("owner", "me") == Query("x")
