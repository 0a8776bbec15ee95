import pytest
import torch

from training.config import RECIPES
from training.lessons import (
    MOST_QUESTIONS,
    PROMPT_WEIGHT,
    SCORED,
    SCORED_EACH,
    Lessons,
    answered_right,
    lesson,
)
from training.pretrain import build_model
from training.recipes import LESSONS, Schooling
from training.tasks import PASSAGE_WINS, TASKS, example
from training.tokenizer import TASK_TAGS
from training.world import HELD_OUT_SEEDS, KNOWN_NAMES, RELATIONS, WORLD

FACTS = {
    (person.name, relation): person.fact(relation) for person in WORLD for relation in RELATIONS
}


def test_every_task_is_among_the_lessons():
    schoolings = [recipe for recipe in RECIPES.values() if isinstance(recipe, Schooling)]
    assert all(set(TASKS) | {"stranger"} == set(recipe.lessons) for recipe in schoolings)


@pytest.mark.parametrize("kind", LESSONS)
def test_a_lesson_is_a_function_of_its_seed(kind):
    assert lesson(kind, 3) == lesson(kind, 3)
    assert any(lesson(kind, 3) != lesson(kind, seed) for seed in range(4, 8))


@pytest.mark.parametrize("seed", range(20))
def test_answers_on_a_list_are_in_the_list(seed):
    (listed, _), *questions = lesson("lookup", seed)
    values = dict(line.split(": ") for line in listed.removeprefix("<|lookup|>").split("\n"))
    asked = [
        text.removeprefix("<|question|>").removesuffix("<|answer|>") for text, _ in questions[::2]
    ]
    assert [text.strip() for text, _ in questions[1::2]] == [values[key] for key in asked]
    assert len(set(asked)) == len(asked) <= MOST_QUESTIONS


def test_passages_on_strangers_answer_what_they_tell():
    for seed in range(50):
        (passage, _), *questions = lesson("stranger", seed)
        assert not any(name in passage for name in KNOWN_NAMES)
        assert len(questions) == 2 * len(RELATIONS)
        assert all(text.strip() in passage for text, is_answer in questions if is_answer)


def test_in_a_contradiction_each_side_is_followed_as_often_as_it_is_said():
    followed = {relation: [] for relation in RELATIONS}
    for seed in range(600):
        (passage, _), *questions = lesson("reading", seed)
        name = next(name for name in KNOWN_NAMES if name in passage)
        facts = {relation: FACTS[name, relation] for relation in RELATIONS}
        (untold,) = [r for r, fact in facts.items() if fact not in passage] or [None]
        if untold:
            answers = {text.strip() for text, is_answer in questions if is_answer}
            followed[untold].append(answers != set(facts.values()))
    assert sum(map(len, followed.values())) > 350
    for relation, passage_won in followed.items():
        assert abs(sum(passage_won) / len(passage_won) - PASSAGE_WINS[relation]) < 0.12


@pytest.fixture
def lessons(tokenizer):
    return Lessons(tokenizer, LESSONS, context=500, rows=6, seed=4)


def test_rows_hold_whole_lessons_and_answers_count_most(lessons, tokenizer):
    ids, labels, counts = lessons.batch(7)
    tags = tokenizer.convert_tokens_to_ids(list(TASK_TAGS))
    assert ids.shape == labels.shape == counts.shape == (6, 500)
    assert counts.unique().tolist() == pytest.approx([0.0, PROMPT_WEIGHT, 1.0])
    for row, wanted, weights in zip(ids, labels, counts, strict=True):
        last = int(weights.nonzero().max())
        assert wanted[last] == tokenizer.eos_token_id  # the last lesson is over
        opening = row[0] if row[0] != tokenizer.eos_token_id else row[1]
        assert opening in tags  # and the first is there from its tag on


def test_every_answer_is_to_be_followed_by_the_end(lessons, tokenizer):
    """Also where the row goes on with another question on the same list."""
    question = tokenizer.convert_tokens_to_ids("<|question|>")
    answered = False
    for step in range(5):
        ids, labels, counts = lessons.batch(step)
        follows = (ids[:, 1:] == question) & (counts[:, :-1] == 1.0)
        assert (labels[:, :-1][follows] == tokenizer.eos_token_id).all()
        answered = answered or bool(follows.any())
    assert answered


def test_batches_are_a_function_of_seed_and_step(lessons, tokenizer):
    again = Lessons(tokenizer, LESSONS, context=500, rows=6, seed=4)
    for a, b in zip(lessons.batch(3), again.batch(3), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(lessons.batch(3)[0], lessons.batch(4)[0])


class Knowing:
    """Foretells the tokens of the held-out tasks it is given, and nothing else."""

    def __init__(self, model, rows):
        self.model, self.rows = model, {tuple(row[:-1]): row for row in rows}

    def parameters(self):
        return self.model.parameters()

    def __call__(self, input_ids, **_):
        row = self.rows.get(tuple(input_ids[0].tolist()), [0] * (input_ids.shape[1] + 1))
        logits = torch.nn.functional.one_hot(torch.tensor(row[1:]), 4096).float()[None]
        return type("Out", (), {"logits": logits})


def test_a_right_answer_is_one_with_its_end(tokenizer, tiny_recipe):
    model = build_model(tiny_recipe.shape, tokenizer, seed=3)
    known = [example("lookup", HELD_OUT_SEEDS + i) for i in range(SCORED_EACH // 4)]
    rows = [[*tokenizer(e.text)["input_ids"], tokenizer.eos_token_id] for e in known]
    assert answered_right(Knowing(model, rows), tokenizer) == {
        k: 0.25 * (k == "lookup") for k in SCORED
    }
    endless = [[*row[:-1], row[-2]] for row in rows]
    assert not any(answered_right(Knowing(model, endless), tokenizer).values())
