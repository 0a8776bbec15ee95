"""Every method's page is whole: nothing on it is empty, and nothing of its docstring is lost."""

from __future__ import annotations

import json

import pytest

from explorer.method_page import method_page, parameters, said, sections
from explorer.registry import all_methods, get_method

METHODS = all_methods()
HEADINGS = ["What it does", "When to use it", "What to look at", "Guarantee", "Reference"]


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_every_part_of_a_page_says_something(method):
    page = method_page(method)
    assert [s["heading"] for s in page["sections"]] == HEADINGS
    assert all(s["paragraphs"] for s in page["sections"])
    assert [p["name"] for p in page["params"]] == list(method.params.model_fields)
    for told in page["params"]:
        assert told["title"] and told["about"] and told["allowed"] and told["default"], told
    assert len(page["presets"]) == len(method.presets)
    assert page["claims"]
    assert json.loads(json.dumps(page)) == page


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_no_word_of_the_docstring_is_lost(method):
    def text(piece):
        return piece if isinstance(piece, str) else piece.get("link") or f"`{piece['code']}`"

    told = [method.idea]
    for section in sections(method.page):
        told += ["##", section["heading"]]
        told += ["".join(map(text, pieces)) for pieces in section["paragraphs"]]
    assert " ".join(told).split() == method.page.split()


def test_links_and_names_in_programs_are_told_apart():
    (section,) = sections(
        "Idea.\n\n## Reference\nAs in `beam`, https://a.org/x; later https://b.org."
    )
    assert section["paragraphs"] == [
        ["As in ", {"code": "beam"}, ", ", {"link": "https://a.org/x"}, "; later ",
         {"link": "https://b.org"}, "."]
    ]  # fmt: skip


def test_bounds_are_said_in_words():
    told = {p["name"]: p for p in parameters(get_method("beam_search"))}
    assert told["num_beams"]["allowed"] == "a whole number from 1 to 64"
    assert told["num_beams"]["symbol"] == "B"
    assert told["early_stopping"]["allowed"] == "yes or no or never"
    assert told["filters"]["default"] == "none"
    eta = next(p for p in parameters(get_method("mirostat")) if p["name"] == "eta")
    assert (eta["allowed"], eta["default"]) == ("a number above 0, to 2", "0.1")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "yes"),
        (2.0, "2"),
        (1000, "1,000"),
        ((1, 0.5), "1, 0.5"),
        ("\n", '"\\n"'),
        ((), "none"),
    ],
)
def test_values_are_said_as_a_person_would_write_them(value, words):
    assert said(value) == words
