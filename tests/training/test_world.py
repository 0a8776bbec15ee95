import random

import pytest

from training.moods import ENDINGS, EVENTS, MOODS, OPENINGS, passage
from training.world import (
    KNOWN_NAMES,
    PEOPLE,
    RELATIONS,
    WORLD,
    another,
    state,
    stranger,
    with_article,
)


def test_every_person_is_one_person_with_facts_of_the_world():
    assert len(WORLD) == len(KNOWN_NAMES) == PEOPLE
    for person in WORLD:
        for relation, values in RELATIONS.items():
            assert person.fact(relation) in values


def test_strangers_are_not_in_the_world():
    draw = random.Random(0)
    assert not {stranger(draw) for _ in range(2000)} & KNOWN_NAMES


def test_another_value_is_never_the_same():
    draw = random.Random(0)
    assert all(another(draw, "animal", "owl") != "owl" for _ in range(200))


def test_articles_fit_their_nouns():
    assert with_article("owl") == "an owl"
    draw = random.Random(0)
    said = {state(draw, "Ida", "animal", "owl") for _ in range(20)}
    assert said == {"Ida keeps an owl.", "With Ida lives an owl."}


@pytest.mark.parametrize("mood", MOODS)
def test_a_passage_keeps_its_mood_and_fills_every_slot(mood):
    draw = random.Random(0)
    for _ in range(100):
        text = passage(draw, mood)
        assert "{" not in text
        endings = {m: any(text.endswith(e) for e in ENDINGS[m]) for m in MOODS}
        assert endings == {m: m == mood for m in MOODS}


def test_moods_share_no_sentence():
    for parts in (OPENINGS, EVENTS, ENDINGS):
        sentences = [s for mood in MOODS for s in parts[mood]]
        assert len(set(sentences)) == len(sentences)
