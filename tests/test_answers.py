"""Answers are found where they stand, and votes counted as people count them."""

import pytest
from oracle import toy_pair

from explorer.answers import (
    VOTE_NOTES,
    AnswerParams,
    Ballot,
    find_answer,
    find_answers,
    vote,
)
from explorer.errors import InputError
from explorer.randomness import Seeded
from explorer.run import Prompt, Run


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (" 7 + 2 = 9; 1 + 4 = 5. So 59", "59"),
        ("it cost 1,250.50 in all.", "1250.5"),
        ("5-3 is 2, and 2-5 is -3.", "-3"),
        ("from 2019-12", "12"),
        ("0042 and 1e5", "5"),
        ("on page 100.", "100"),
    ],
)
def test_the_last_number_is_the_answer_however_it_is_written(text, number):
    answer = find_answer(text, "number")
    assert answer.text == number
    assert text[answer.start : answer.end].replace(",", "").lstrip("0")[0] == number[0]


def test_the_words_behind_the_marker_are_the_answer_up_to_the_end_of_the_sentence():
    text = "I think so. The answer is  a red fox. The end"
    answer = find_answer(text, "marker", "the ANSWER is")
    assert answer.text == "a red fox" == text[answer.start : answer.end]
    assert find_answer(text, "marker", "result:") is None
    assert find_answer(text + " The answer is ", "marker", "the answer is") is None
    assert find_answer("İİİ is 5", "marker", "IS").text == "5", "İ is two letters when small"
    assert find_answer("no number", "number") is None
    assert find_answer("  all of it \n", "text").text == "all of it"


def test_auto_reads_numbers_where_any_text_has_one():
    found = find_answers(["so 5", "dunno", "5.0"], AnswerParams())
    assert [a and a.text for a in found] == ["5", None, "5"]
    assert [a.text for a in find_answers(["ab ", "c"], AnswerParams())] == ["ab", "c"]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [({"answer": "number"}, "a number"), ({"answer": "marker", "marker": "is"}, "marker 'is'")],
)
def test_no_answer_at_all_is_said_in_a_sentence_that_names_the_field(values, wanted):
    with pytest.raises(InputError, match=f"^answer = .* none of the 2 texts has .*{wanted}"):
        find_answers(["abc", "d"], AnswerParams(**values))


def test_a_marker_is_asked_for_where_it_is_needed():
    with pytest.raises(ValueError, match="marker"):
        AnswerParams(answer="marker")


def counted(ballots):
    events = []
    models = toy_pair(vocab_size=4)
    run = Run(models, Prompt("a", (1,)), Seeded(0), notes=VOTE_NOTES, record=events.append)
    nodes = [run.add(run.root, token) for token in (1, 2, 3)]
    cast = [Ballot(nodes[n], answer, weight) for n, answer, weight in ballots]
    place = {node: n for n, node in enumerate(nodes)}
    return [(place[node], votes) for node, votes in vote(run, cast)], events


def test_the_answer_with_most_votes_wins_and_the_earlier_of_equals():
    ranked, events = counted([(0, "x", 1), (1, "y", 1), (2, None, 1), (1, "y", 1), (0, "x", 1)])
    assert ranked == [(0, 2), (1, 2)]
    votes = [e.value for e in events if e.kind == "note" and e.name == "votes"]
    assert [vote["answer"] for vote in votes] == ["x", "y", None, "y", "x"]
    assert {vote["weight"] for vote in votes} == {1.0}


def test_weights_decide_and_the_weightiest_text_speaks():
    ranked, _ = counted([(0, "x", 0.2), (1, "y", 0.5), (2, "x", 0.4)])
    assert ranked == [(2, pytest.approx(0.6)), (1, 0.5)]
