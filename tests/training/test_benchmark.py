import pytest
import torch

from benchmarks.models import continue_greedily, held_out_examples
from benchmarks.phenomena import laws_apart, stretches
from benchmarks.speculation import speed_up
from benchmarks.steering import MoodJudge, steered
from training.corpus import Book
from training.pretrain import build_model
from training.tasks import draw_example
from training.world import HELD_OUT_SEEDS


def test_answers_do_not_depend_on_the_batch_and_stop_at_the_end_token(tokenizer, tiny_recipe):
    model = build_model(tiny_recipe.shape, tokenizer, seed=3).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(4)  # large weights, so that continuations differ
    prompts = ["One day the fox", "The", "One day the hen found a ring and"]
    alone = [continue_greedily(model, tokenizer, [p], 12)[0] for p in prompts]
    assert continue_greedily(model, tokenizer, prompts, 12) == alone
    assert len(set(alone)) > 1


def test_held_out_examples_are_not_those_of_training():
    assert HELD_OUT_SEEDS > 10**8
    trained = {draw_example(seed).text for seed in range(500)}
    sums = {e.text for e in held_out_examples("sum", 50)}
    assert len(sums) == 50
    assert not sums & trained


def test_a_guess_stands_as_often_as_the_laws_overlap():
    p = torch.tensor([[0.0, 0.0], [9.0, 0.0]])
    q = torch.tensor([[0.0, 0.0], [0.0, 9.0]])
    assert laws_apart(p, q, 0) == 0.5
    assert laws_apart(p, p, 0.7) == pytest.approx(1.0)
    assert laws_apart(p, q, 1) == pytest.approx(0.5, abs=1e-3)


def test_the_cost_formula_is_the_papers():
    """With passes of equal cost: (1 − α^(γ+1)) / ((1 − α)(γc + 1))."""
    even = [0.0] + [2.0] * 20
    for alpha, gamma, c in ((0.8, 4, 0.1), (0.5, 2, 0.05)):
        expected = (1 - alpha ** (gamma + 1)) / ((1 - alpha) * (gamma * c + 1))
        assert speed_up(alpha, gamma, even, 2.0 * c) == pytest.approx(expected)
    assert speed_up(1.0, 3, even, 0.0) == 4
    assert speed_up(0.0, 3, even, 0.5) < 1


def test_stretches_come_from_the_held_out_books(books, tokenizer):
    held_out = {d for b in books if b.held_out for d in b.documents}
    rows = stretches(books, tokenizer, 20, 3)
    assert [len(row) for row in rows] == [20] * 3
    assert all(any(d.startswith(tokenizer.decode(row)) for d in held_out) for row in rows)
    longest = max(len(tokenizer(d)["input_ids"]) for d in held_out)
    every = stretches(books, tokenizer, longest // 2, 1_000_000)
    beginnings = [any(d.startswith(tokenizer.decode(row)) for d in held_out) for row in every]
    assert beginnings == sorted(beginnings, reverse=True) and not all(beginnings)


def test_experts_steer_by_their_difference(tokenizer, tiny_recipe):
    models = [build_model(tiny_recipe.shape, tokenizer, seed=s).eval() for s in (1, 2, 3)]
    target, cheerful, gloomy = models
    for model in models:
        for p in model.parameters():
            p.data.mul_(4)
    prompts = [[20, 21, 22], [30, 31, 32]]
    plain = steered(target, (cheerful, gloomy), prompts, 0.0, 8, 0.9)
    assert plain == steered(target, (gloomy, cheerful), prompts, 0.0, 8, 0.9)
    assert plain == steered(target, (cheerful, cheerful), prompts, 2.0, 8, 0.9)
    there = steered(target, (cheerful, gloomy), prompts, 2.0, 8, 0.9)
    assert there != plain
    assert there == steered(target, (gloomy, cheerful), prompts, -2.0, 8, 0.9)


def test_a_nucleus_of_one_token_leaves_the_experts_nothing(tokenizer, tiny_recipe):
    models = [build_model(tiny_recipe.shape, tokenizer, seed=s).eval() for s in (1, 2, 3)]
    target, cheerful, gloomy = models
    prompts = [[20, 21, 22]]
    ways = [
        [steered(target, (cheerful, gloomy), prompts, w, 8, nucleus) for w in (0.0, 9.0)]
        for nucleus in (1e-9, 1.0)
    ]
    assert ways[0][0] == ways[0][1]
    assert ways[1][0] != ways[1][1]


def test_the_judge_learns_words_beside_the_rules_own():
    text = "They were merry by the fountain. He wept beside the tombstone. The hen was there. " * 9
    judge = MoodJudge([Book("fairy__A", "fairy", (text,))])
    assert judge("By the fountain!") > 0 > judge("A tombstone.")
    assert judge("") == 0.0
