import pytest

from training.scoring import is_right, side
from training.tasks import TASKS, Example, example


@pytest.mark.parametrize("kind", TASKS)
def test_the_answer_itself_is_right_and_another_is_not(kind):
    for seed in range(20):
        e = example(kind, seed)
        assert is_right(e, e.answer)
        assert not is_right(e, "")
        assert not is_right(e, " nothing of the kind")


def test_a_sum_is_judged_by_its_result():
    e = Example("sum", "", "", {"result": "85"})
    assert is_right(e, " 7 + 8 = 15; 4 + 3 + 1 = 8. So 85")
    assert not is_right(e, " 7 + 8 = 85; 4 + 3 + 1 = 8. So 95")


def test_a_record_may_order_its_fields_as_it_likes_but_must_be_json():
    e = Example("record_to_json", "", ' {"a": 1, "b": "x"}', {})
    assert is_right(e, '{"b": "x", "a": 1}')
    assert not is_right(e, "{'b': 'x', 'a': 1}")
    assert not is_right(e, '{"b": "x", "a": "1"}')


def test_keywords_must_be_whole_words():
    e = Example("keywords", "", "", {"words": "fox ring"})
    assert is_right(e, " The fox lost a ring.")
    assert not is_right(e, " The foxes lost a string.")


def test_which_side_a_conflict_was_won_by():
    e = Example("reading", "", "", {"truth": "goat", "told": "owl"})
    assert [side(e, s) for s in (" owl", " goat", " hen")] == ["passage", "fact", "neither"]
