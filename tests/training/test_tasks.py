"""Every answer is worked out a second time, from the prompt alone."""

import json
import random
import re

import pytest

from training.tasks import ANSWER, TASKS, WEIGHTS, draw_example, example
from training.tokenizer import SPECIAL_TOKENS
from training.world import QUESTIONS, WORLD

SEEDS = range(200)


@pytest.mark.parametrize("kind", TASKS)
def test_an_example_is_a_function_of_its_seed(kind):
    assert example(kind, 3) == example(kind, 3)
    assert len({example(kind, s).text for s in SEEDS}) > 50


@pytest.mark.parametrize("kind", TASKS)
def test_tags_are_tokens_and_the_answer_is_set_off_by_a_space(kind):
    for seed in SEEDS:
        e = example(kind, seed)
        assert e.kind == kind
        assert set(re.findall(r"<\|\w+\|>", e.text)) <= set(SPECIAL_TOKENS)
        assert e.prompt.endswith("|>")
        assert e.answer[0] == " "
        assert e.answer[1] != " "


def asked(question: str) -> str:
    """The right answer to a question about the world."""
    person = next(p for p in WORLD if p.name in question)
    relation = next(
        r for r, patterns in QUESTIONS.items()
        if question in {q.format(name=person.name) for q in patterns}
    )  # fmt: skip
    return person.fact(relation)


def test_facts_are_those_of_the_world():
    for seed in SEEDS:
        e = example("fact", seed)
        question = e.prompt.removeprefix("<|fact|>").removesuffix(ANSWER)
        assert e.answer == f" {asked(question)}"


def test_passages_agree_or_contradict_and_neither_side_always_wins():
    sides = {"agree": 0, "passage": 0, "fact": 0}
    for seed in range(1000):
        e = example("reading", seed)
        passage, question = re.fullmatch(
            r"<\|passage\|>(.*)<\|question\|>(.*)<\|answer\|>", e.prompt
        ).groups()
        truth, told = asked(question), e.meta["told"]
        assert e.meta["truth"] == truth
        assert told in passage
        if told == truth:
            sides["agree"] += e.answer == f" {truth}"
        else:
            assert truth not in passage
            assert e.answer in (f" {told}", f" {truth}")
            sides["passage" if e.answer == f" {told}" else "fact"] += 1
    assert sides["agree"] == pytest.approx(500, abs=60)
    assert sides["passage"] == pytest.approx(250, abs=50)
    assert sides["fact"] == pytest.approx(250, abs=50)


def test_sums_are_right_in_every_step():
    for seed in SEEDS:
        e = example("sum", seed)
        a, b = map(int, re.findall(r"\d+", e.prompt))
        *steps, result = re.split("; |\\. So ", e.answer)
        assert int(result) == a + b == int(e.meta["result"])
        assert len(steps) == len(str(a)) == len(str(b))
        for step in steps:
            left, right = step.split(" = ")
            assert sum(map(int, left.split(" + "))) == int(right)


def as_record(lines: str) -> dict[str, str]:
    return dict(line.split(": ") for line in lines.strip().splitlines())


def test_records_and_json_say_the_same():
    for seed in SEEDS:
        there, back = example("record_to_json", seed), example("json_to_record", seed)
        lines = there.prompt.removeprefix("<|record|>").removesuffix(f"{ANSWER}<|json|>")
        assert {k: str(v) for k, v in json.loads(there.answer).items()} == as_record(lines)
        text = back.prompt.removeprefix("<|json|>").removesuffix(f"{ANSWER}<|record|>")
        assert {k: str(v) for k, v in json.loads(text).items()} == as_record(back.answer)


def test_the_value_looked_up_is_the_one_in_the_list():
    for seed in SEEDS:
        e = example("lookup", seed)
        lines, key = re.fullmatch(
            r"<\|lookup\|>(.*)<\|question\|>(.*)<\|answer\|>", e.prompt, re.S
        ).groups()
        pairs = as_record(lines)
        assert len(pairs) == int(e.meta["pairs"])
        assert e.answer == f" {pairs[key]}"


def test_keywords_are_all_in_the_sentence():
    for seed in SEEDS:
        e = example("keywords", seed)
        assert all(re.search(rf"\b{w}\b", e.answer) for w in e.meta["words"].split())


def test_there_is_always_an_error_to_correct():
    for seed in SEEDS:
        e = example("correct", seed)
        wrong = e.prompt.removeprefix("<|correct|>").removesuffix(ANSWER)
        assert wrong != e.answer.strip(), e.meta


def test_dialogues_answer_the_question_they_end_with():
    for seed in SEEDS:
        e = example("dialogue", seed)
        last = e.prompt.removesuffix("<|bot|>").rsplit("<|user|>", 1)[1]
        if last.endswith("?"):
            assert asked(last) in e.answer


def test_a_mixture_holds_every_task_by_its_weight():
    n = 3000
    kinds = [draw_example(seed).kind for seed in range(n)]
    total = sum(WEIGHTS.values())
    assert set(WEIGHTS) == set(TASKS)
    for kind, weight in WEIGHTS.items():
        assert kinds.count(kind) == pytest.approx(n * weight / total, rel=0.25)


def test_kinds_do_not_share_their_random_stream():
    assert example("keywords", 1).prompt != example("correct", 1).prompt
    assert random.Random("keywords 1").random() != random.Random("correct 1").random()
