import pytest
import torch

from benchmarks.models import continue_greedily, held_out_examples, repeated_share
from training.pretrain import build_model
from training.tasks import draw_example
from training.world import HELD_OUT_SEEDS


def test_repetition_is_the_share_of_grams_seen_before():
    assert repeated_share(list(range(10))) == 0.0
    assert repeated_share([1] * 13) == pytest.approx(0.9)
    assert repeated_share([1, 2, 3, 4, 5, 1, 2, 3, 4, 5]) == pytest.approx(2 / 7)


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
