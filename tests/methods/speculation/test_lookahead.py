"""Lookahead decoding: the window's n-grams are the target's own, and its law is kept."""

import itertools

from oracle import Walk, endless, exact_law, play, table_law, total_variation, toy_pair
from rules import believing
from tiny import Tiny

import explorer.methods.speculation.lookahead as module
from explorer.methods.speculation.lookahead import Pool
from explorer.run import Prompt

PROMPT = Prompt("", (3, 1, 4, 1, 5))


def test_the_pool_keeps_the_newest_of_each_first_token():
    pool = Pool(per_token=2)
    for ngram in ([1, 2, 3], [1, 4, 5], [7, 8, 9], [1, 2, 3], [1, 6, 6]):
        pool.put(ngram)
    assert pool.beginning_with(1) == [(6, 6), (2, 3)]
    assert pool.beginning_with(7) == [(8, 9)]
    assert pool.beginning_with(5) == []
    assert len(pool) == 3


def test_what_ends_an_ngram_is_the_targets_own_continuation(monkeypatch):
    """After N - 1 passes every row of the window is made of the target's own tokens."""
    put = []
    honest = Pool.put
    monkeypatch.setattr(Pool, "put", lambda pool, ngram: (put.append(ngram), honest(pool, ngram)))
    tiny = Tiny(3, eos=(12,))
    for parameter in tiny.net.model.layers.parameters():
        parameter.data *= 0  # what is left sees the last token alone
    play("lookahead", {"ngram": 3, "window": 4}, {"target": tiny.model}, Walk(), 20, PROMPT)
    plain = {}
    for first in range(13):
        run = play("greedy", {}, {"target": tiny.model}, Walk(), 1, Prompt("", (first,)))
        plain[first] = run.tree.tokens(run.head)[0]
    settled = put[2 * 4 :]
    assert settled
    for i, (first, second, third) in enumerate(settled):
        assert third == plain[second]
        # The first column's first token is the text's own, whatever the window had there.
        assert i % 4 == 0 or second == plain[first]


def test_the_first_n_gram_of_a_pass_begins_with_the_texts_last_token(monkeypatch):
    put = []
    honest = Pool.put
    monkeypatch.setattr(Pool, "put", lambda pool, ngram: (put.append(ngram), honest(pool, ngram)))
    tiny = Tiny(2, eos=(12,))
    params = {"ngram": 2, "window": 3, "checked": 0}  # a token a pass, W bigrams of it
    run = play("lookahead", params, {"target": tiny.model}, Walk(), 12, PROMPT)
    text = [PROMPT.ids[-1], *run.tree.tokens(run.head)]
    firsts = put[::3]
    assert len(firsts) > 4
    assert firsts == [list(pair) for pair in itertools.pairwise(text)][: len(firsts)]


def test_without_checks_it_writes_one_token_a_pass():
    tiny = Tiny(2, eos=(12,))
    run = play("lookahead", {"checked": 0}, {"target": tiny.model}, Walk(), 12, PROMPT)
    assert run.totals()["steps"] == len(run.tree.tokens(run.head))


def test_window_and_guesses_are_read_in_one_pass():
    events = []
    tiny = Tiny(2, eos=(12,))
    run = play("lookahead", {}, {"target": tiny.model}, Walk(), 20, PROMPT, record=events)
    assert len([e for e in events if e.kind == "eval"]) == run.totals()["steps"]


def test_the_window_and_the_offered_n_grams_are_noted():
    table, events = endless(toy_pair(2)["target"]), []
    params, letters = {"ngram": 3, "window": 3}, Prompt("", (3, 1, 4, 1, 2))
    run = play("lookahead", params, {"target": table}, Walk(), 24, letters, events)
    noted = {name: [e for e in events if e.kind == "note" and e.name == name]
             for name in ("window", "offered", "hits")}  # fmt: skip
    assert noted["window"][0].value == "bad | abc", "the last token, and the prompt in turn"
    hits = {e.step: e.value for e in noted["hits"]}
    assert noted["offered"]
    for told in noted["offered"]:
        ngrams = told.value.split(" | ")
        assert len(ngrams) == hits.pop(told.step)
        assert len({ngram[0] for ngram in ngrams}) == 1, "all begin with the last token"
        assert {len(ngram) for ngram in ngrams} == {3}
    assert not any(hits.values()), "where there were any, they were told"
    assert run.totals()["tokens"] == 24


def test_believing_the_pool_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    params = {"filters": "none", "ngram": 2, "window": 2}
    law = exact_law("lookahead", params, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4)) > 0.01
