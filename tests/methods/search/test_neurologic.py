"""NeuroLogic: the best of all texts that meet the clauses, and beam search without any."""

from itertools import pairwise

import pytest
from oracle import Walk, all_texts, play, text_logp, toy_pair

import explorer.methods.search.neurologic as module
from explorer.clauses import Clauses
from explorer.errors import InputError
from explorer.models.table import EOS

LENGTH = 4
WIDE = {"num_beams": 256, "prune_factor": 100, "tolerance": 100, "length_penalty": 0.0}


def meets(text, wanted):
    """Whether a text meets clauses, by looking for strings."""
    letters = "".join(chr(ord("a") + t - 1) for t in text if t != EOS)
    for clause in wanted.split(";") if wanted else ():
        if not any((x.lstrip("!") in letters) != x.startswith("!") for x in clause.split("|")):
            return False
    return True


def searched(table, wanted, length=LENGTH, method="neurologic", **values):
    params = {"clauses": wanted, **values}
    return play(method, params, {"target": table}, Walk(), length).end().outputs


def is_the_best(seed, wanted):
    table = toy_pair(seed, vocab_size=4)["target"]
    texts = [text for text in all_texts(4, LENGTH) if meets(text, wanted)]
    best = max(texts, key=lambda text: text_logp(table, text))
    return tuple(searched(table, wanted, **WIDE)[0].token_ids) == best


WANTED = ["c", "ab", "a;b", "b|cc;a", "!a", "ab;!c", "c|!b", "aa|bb|cc;!ac"]


@pytest.mark.parametrize("wanted", WANTED)
def test_a_wide_beam_finds_the_best_text_that_meets_the_clauses(wanted):
    assert all(is_the_best(seed, wanted) for seed in range(5))


def test_every_answer_of_a_narrow_beam_meets_the_clauses():
    for seed in range(8):
        for wanted in WANTED:
            events = []
            values = {"clauses": wanted, "num_beams": 2}
            run = play("neurologic", values, toy_pair(seed), Walk(), 7, record=events)
            if not any(e.kind == "note" and e.name == "missing" for e in events):
                assert all(meets(o.token_ids, wanted) for o in run.end().outputs)


def test_without_clauses_it_is_beam_search():
    for seed in range(10):
        pair = toy_pair(seed)
        values = {"num_beams": 3, "length_penalty": 0.2}
        beam = play("beam_search", values, pair, Walk(), 6).end().outputs
        found = searched(pair["target"], "", 6, **values)
        assert [(o.token_ids, o.score) for o in found] == [(o.token_ids, o.score) for o in beam]


def test_letting_any_text_end_is_caught(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(Clauses, "__len__", lambda self: 0)
    assert not all(is_the_best(seed, "a;b") for seed in range(5))


def test_forgetting_what_is_forbidden_is_caught(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(Clauses, "forbidden", lambda self, present, tokens: ())
    monkeypatch.setattr(Clauses, "met", lambda self, present: frozenset(range(len(self))))
    assert not all(is_the_best(seed, "!a") for seed in range(5))


def test_each_group_has_its_turn():
    """Of three places the second goes to another group, though the first group has better."""
    one, two = frozenset({0}), frozenset()
    found = [module.Candidate(None, frozenset(), met) for met in (one, one, one, two)]
    ranked = module.in_turns(found, [-1.0, -2.0, -3.0, -9.0])
    assert [found.index(c) if c in found else None for c in ranked[:1]] == [0]
    assert [c.met for c in ranked] == [one, two, one, one]


def test_what_is_too_far_behind_is_dropped():
    for seed in range(5):
        table = toy_pair(seed)["target"]
        events = []
        values = {"clauses": "a;b;c", "num_beams": 6, "tolerance": 0}
        play("neurologic", values, {"target": table}, Walk(), 6, record=events).end()
        noted = [e.value for e in events if e.kind == "note" and e.name == "constraints"]
        banks = [{x["bank"] for x in value["hypotheses"]} for value in noted]
        assert banks and all(len(met) == 1 for met in banks)


def test_what_each_hypothesis_has_of_each_clause_is_noted():
    events = []
    values = {"clauses": "a|bc;!d", "num_beams": 4}
    run = play("neurologic", values, {"target": toy_pair(1)["target"]}, Walk(), 6, record=events)
    noted = [e.value for e in events if e.kind == "note" and e.name == "constraints"]
    assert noted
    a, b, c, d = 1, 2, 3, 4
    for value in noted:
        assert value["wanted"] == ["“a” or “bc”", "no “d”"]
        for x in value["hypotheses"]:
            text = run.tree.tokens(x["node"])
            met = a in text or (b, c) in pairwise(text)
            begun = [1, 2] if text[-1] == b else [0, 1]
            assert x["stands"][0] in ([1, 1], [2, 2]) if met else x["stands"][0] == begun
            assert x["stands"][1] == [1, 1]
            assert x["bank"] == met + (d not in text)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("a;;b", "clauses: '' is not allowed: it must have tokens"),
        ("a;!", "clauses: '' is not allowed: it must have tokens"),
        ("abc;!b", "clauses: 'abc' cannot be met beside '!b': what is wanted holds what is forb"),
        ("a|b;!b;c;!a", "clauses: 'a|b' cannot be met beside '!a' and '!b'"),
        ("!ab|!c;cab", "clauses: '!ab|!c' cannot be met beside 'cab'"),
        ("abcab", "clauses: one needs 5 tokens; the new text has at most 4"),
        ("ax", "toy table reads the letters"),
    ],
)
def test_clauses_that_cannot_be_are_refused(wanted, sentence):
    with pytest.raises(InputError, match=sentence):
        searched(toy_pair(0)["target"], wanted)


def test_clauses_that_leave_a_way_are_not_refused():
    for wanted in ("a|b;!b", "!ab|!c;c", "a|!a"):
        assert is_the_best(0, wanted)


def test_what_does_not_come_is_said():
    events = []
    values = {"clauses": "abc;ccc", "num_beams": 2}
    run = play("neurologic", values, toy_pair(1), Walk(), LENGTH, record=events)
    assert len(run.end().outputs[0].token_ids) == LENGTH
    (missing,) = [e.value for e in events if e.kind == "note" and e.name == "missing"]
    assert missing.startswith("1 of 2 clauses are not met: “")
