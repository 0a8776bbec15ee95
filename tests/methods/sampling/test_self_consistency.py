"""Self-consistency follows the law of a majority among independent texts, exactly."""

import itertools
from collections import defaultdict

import pytest
from oracle import PROMPT, exact_law, play, table_law, total_variation

import explorer.methods.sampling.self_consistency as module
from explorer.errors import InputError
from explorer.randomness import Seeded
from explorer.run import Prompt


def letters(text):
    return "".join(" abcdefgh"[token] for token in text).strip()


def answer_behind(marker, text):
    """What a text of letters says behind the last marker; None: nothing."""
    place = letters(text).rfind(marker)
    return letters(text)[place + 1 :] or None if place >= 0 else None


def majority(law, n, read, weigh=lambda text: 1.0):
    """The law of the text that comes out: all n-tuples of texts, weighted and counted."""
    found = defaultdict(float)
    for texts in itertools.product(law, repeat=n):
        probability, votes = 1.0, defaultdict(float)
        for text in texts:
            probability *= law[text]
        told = [(read(text), text) for text in texts if read(text) is not None]
        for answer, text in told:
            votes[answer] += weigh(text)
        if not votes:
            continue
        winner = max(votes, key=lambda answer: votes[answer])  # the first of equals
        found[max((t for a, t in told if a == winner), key=weigh)] += probability
    return dict(found)


def test_the_whole_text_as_answer_is_voted_on(pair):
    params = {"n": 3, "answer": "text", "filters": "none"}
    want = majority(table_law(pair["target"], 2), 3, letters)
    assert total_variation(exact_law("self_consistency", params, pair, 2), want) < 1e-9


def test_answers_of_different_texts_are_added_up(pair):
    """Behind the last b of a text; one text at least must have one, so those runs are left out."""
    params = {"n": 2, "answer": "marker", "marker": "b", "filters": "none"}
    law = table_law(pair["target"], 3)
    none = sum(p for text, p in law.items() if answer_behind("b", text) is None)
    with pytest.raises(InputError, match="answer = marker"):
        exact_law("self_consistency", params, pair, 3)  # the first path is a text without b
    seen = defaultdict(float)
    randomness = Seeded(1)
    draws = 0
    while draws < 150:
        try:
            run = play("self_consistency", params, pair, randomness, 3)
        except InputError:
            continue
        draws += 1
        seen[tuple(run.tree.tokens(run.head))] += 1 / 150
    want = majority(law, 2, lambda text: answer_behind("b", text))
    want = {text: p / (1 - none**2) for text, p in want.items()}
    assert total_variation(dict(seen), want) < 3 * (len(want) / 600) ** 0.5


def test_probable_texts_may_weigh_more(pair):
    law = table_law(pair["target"], 2)
    params = {"n": 2, "answer": "text", "weights": "probability", "filters": "none"}
    want = majority(law, 2, letters, lambda text: law[text] ** (1 / len(text)))
    got = exact_law("self_consistency", params, pair, 2)
    assert total_variation(got, want) < 1e-9
    assert total_variation(got, majority(law, 2, letters)) > 0.01


def test_the_first_answer_that_comes_is_no_majority(pair, monkeypatch):
    """Negative control: every answer one vote, so the earliest wins."""
    real = module.vote
    monkeypatch.setattr(
        module, "vote", lambda run, ballots: real(run, list(dict.fromkeys(ballots)))
    )
    params = {"n": 3, "answer": "text", "filters": "none"}
    want = majority(table_law(pair["target"], 2), 3, letters)
    assert total_variation(exact_law("self_consistency", params, pair, 2), want) > 0.01


def test_many_votes_find_the_most_probable_answer(pair):
    law = table_law(pair["target"], 3)
    params = {"n": 64, "answer": "text", "filters": "none"}
    for seed in range(3):
        run = play("self_consistency", params, pair, Seeded(seed), 3)
        assert tuple(run.tree.tokens(run.head)) == max(law, key=law.get)


def test_what_a_branch_took_over_is_part_of_the_texts_that_answer(pair):
    """The marker stands there already, and the answers are what comes behind it."""
    prompt = Prompt(PROMPT.text, (*PROMPT.ids, 4, 4), begun=(4, 4))
    params = {"n": 4, "answer": "marker", "marker": "dd", "filters": "none"}
    run = play("self_consistency", params, pair, Seeded(3), 4, prompt)
    told = [letters(o.token_ids).split("dd")[-1] for o in run.end().outputs]
    assert len(told) == len(set(told)) > 1
    assert sum(o.score for o in run.end().outputs) <= 4
