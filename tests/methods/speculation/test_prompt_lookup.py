"""Prompt lookup copies what it should, as often as `transformers`, and keeps the law."""

import pytest
from oracle import Walk, endless, exact_law, play, table_law, total_variation, toy_pair
from rules import believing
from tiny import Tiny

import explorer.methods.speculation.prompt_lookup as module
from explorer.methods.speculation.prompt_lookup import lookup
from explorer.run import Prompt

TEXT = [5, 1, 2, 3, 4, 1, 2, 3, 9, 1, 2]


@pytest.mark.parametrize(
    ("text", "max_ngram", "at", "matched"),
    [
        (TEXT, 2, 3, 2),  # the first of two places
        (TEXT, 1, 3, 1),
        ([*TEXT, 3, 9], 3, 9, 3),  # the longest match wins
        ([7, 7], 3, 1, 1),
        ([1, 2, 3], 3, 3, 0),
        ([1], 3, 1, 0),
    ],
)
def test_where_the_ending_stands(text, max_ngram, at, matched):
    assert lookup(text, max_ngram) == (at, matched)


def test_what_is_copied_says_where_it_stands():
    table, events = endless(toy_pair(2)["target"]), []
    letters = Prompt("", (3, 1, 4, 1, 2, 3, 1))
    run = play("prompt_lookup", {"length": 3}, {"target": table}, Walk(), 16, letters, events)
    text = table.decode([*letters.ids, *run.tree.tokens(run.head)])
    told = {e.step: e.value for e in events if e.kind == "note" and e.name == "source"}
    assert told[0] == "“dab” from prompt and text, tokens 3 to 5"
    guessed = {e.step for e in events if e.kind == "node" and e.by == "lookup"}
    assert guessed <= set(told)
    for said in told.values():
        words, where = said.removeprefix("“").split("” from prompt and text, tokens ")
        first, last = map(int, where.split(" to "))
        assert text[first - 1 : last] == words
    matches = [e.value for e in events if e.kind == "note" and e.name == "match"]
    found = {step for step, n in enumerate(matches) if n}
    assert found - {len(matches) - 1} == set(told), "but for the last token, which is not guessed"


def test_it_is_the_prompt_lookup_of_transformers():
    """Text and number of the target's passes, the one that reads the prompt included there."""
    saved = 0
    for seed in range(8):
        tiny = Tiny(seed, eos=(12,))
        prompt = Prompt("", (3, 1, 4, 1, 5, 3, 1, 4, 2, 3, 1, 4))
        params = {"max_ngram": 3, "length": 5}
        run = play("prompt_lookup", params, {"target": tiny.model}, Walk(), 24, prompt)
        with tiny.counted() as passes:
            (ids,), _ = tiny.generate(
                prompt.ids,
                do_sample=False,
                max_new_tokens=24,
                prompt_lookup_num_tokens=5,
                max_matching_ngram_size=3,
            )
        assert run.tree.tokens(run.head) == ids
        assert run.totals()["steps"] == len(passes)
        saved += len(ids) - len(passes)
    assert saved > 20  # otherwise nothing was ever copied


def test_believing_a_copy_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    law = exact_law("prompt_lookup", {"filters": "none"}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01
