"""Grid beam search: the best of all texts that hold the phrases, and beam search without any."""

import pytest
from oracle import Walk, all_texts, play, text_logp, toy_pair

import explorer.phrases as phrases
from explorer.errors import InputError
from explorer.models.table import EOS

LENGTH = 4


def holds(text, wanted):
    """Whether the phrases stand in the text, none of them in the place of another."""
    if not wanted:
        return True
    first, *rest = wanted
    n = len(first)
    places = [i for i in range(len(text) - n + 1) if tuple(text[i : i + n]) == first]
    return any(holds((*text[:i], *[-1] * n, *text[i + n :]), rest) for i in places)


def searched(table, wanted, k=64, length=LENGTH, alpha=0.0):
    values = {"phrases": wanted, "num_beams": k, "length_penalty": alpha}
    return play("grid_beam_search", values, {"target": table}, Walk(), length).end().outputs


def is_the_best(seed, wanted, tokens):
    table = toy_pair(seed, vocab_size=4)["target"]
    texts = [text for text in all_texts(4, LENGTH) if holds(text, tokens)]
    best = max(texts, key=lambda text: text_logp(table, text))
    return tuple(searched(table, wanted, 64)[0].token_ids) == best


WANTED = {"c": [(3,)], "ab": [(1, 2)], "a;b": [(1,), (2,)], "aa;c": [(1, 1), (3,)]}


@pytest.mark.parametrize("wanted", WANTED)
def test_a_wide_grid_finds_the_best_text_that_holds_the_phrases(wanted):
    assert all(is_the_best(seed, wanted, WANTED[wanted]) for seed in range(6))


def test_every_answer_of_a_narrow_grid_holds_the_phrases():
    for seed in range(10):
        for wanted, tokens in WANTED.items():
            for output in searched(toy_pair(seed)["target"], wanted, k=2, length=6, alpha=1.0):
                assert holds(output.token_ids, tokens)


def test_without_phrases_it_is_beam_search():
    for seed in range(10):
        pair = toy_pair(seed)
        beam = play("beam_search", {"num_beams": 3}, pair, Walk(), 6).end().outputs
        grid = searched(pair["target"], "", k=3, length=6, alpha=1.0)
        assert [(o.token_ids, o.score) for o in grid] == [(o.token_ids, o.score) for o in beam]


def test_letting_every_row_end_is_caught(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(phrases.Progress, "complete", True)
    assert not all(is_the_best(seed, "a;b", WANTED["a;b"]) for seed in range(6))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("a;;b", "phrases: '' is not allowed: it must have tokens"),
        ("a;b;a", "phrases: 'a' stands there twice"),
        ("abc;bc", "phrases: they need 5 tokens; the new text has at most 4"),
        ("ax", "toy table reads the letters"),
    ],
)
def test_phrases_that_cannot_be_are_refused(wanted, sentence):
    with pytest.raises(InputError, match=sentence):
        searched(toy_pair(0)["target"], wanted, 2)


def test_a_filter_that_forbids_the_phrase_leaves_the_best_so_far():
    table = toy_pair(1)["target"]
    likely = searched(table, "", 1)[0].token_ids[0]
    other = next("abcd"[i - 1] for i in range(1, 5) if i != likely)
    values = {"phrases": 3 * other, "num_beams": 2, "filters": "top_k=1"}
    events = []
    run = play("grid_beam_search", values, {"target": table}, Walk(), LENGTH, record=events)
    run.end()
    missing = [e.value for e in events if e.kind == "note" and e.name == "missing"]
    assert missing and missing[0].endswith("of 3 tokens of the phrases did not come")
    assert EOS not in run.tree.tokens(run.head)
