import pytest

from training.config import (
    DISTILLATIONS,
    HEADS,
    LANGUAGE_MODELS,
    RECIPES,
    SAMPLES,
    lineage,
    shape_of,
)
from training.family import FAMILY, HEAD_FAMILY
from training.recipes import Echoing, Schooling


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipes_start_from_recipes_that_exist(recipe):
    if recipe.starts_from:
        before = RECIPES[recipe.starts_from]
        assert before.shape.layers <= recipe.shape.layers
        assert before.shape.width <= recipe.shape.width


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_tokens_are_counted_over_all_stages(recipe):
    beside = 0
    if isinstance(recipe, Schooling):
        beside = recipe.task_rows * recipe.task_context
    elif isinstance(recipe, Echoing):
        beside = recipe.copy_rows * recipe.copy_context
    total = sum((s.context * s.batch_size + beside) * s.steps for s in recipe.stages)
    assert recipe.tokens_after(recipe.steps) == total
    assert recipe.tokens_after(0) == 0
    first = recipe.stages[0]
    assert recipe.tokens_after(1) == first.context * first.batch_size + beside


def test_the_family_shares_one_vocabulary():
    shapes = [shape_of(LANGUAGE_MODELS[run]) for m in FAMILY.values() for run in m.runs]
    assert len({shape.vocab_size for shape in shapes}) == 1
    assert next(iter(FAMILY)) == SAMPLES.model == "target"  # the others are made from it
    assert set(FAMILY) == {"target", "draft", "cheerful", "gloomy"}
    assert {head.run for head in HEAD_FAMILY.values()} <= set(HEADS)


def test_a_run_comes_after_those_it_starts_from():
    names = [recipe.name for recipe in lineage(LANGUAGE_MODELS["draft-tvd"])]
    assert names == ["draft-interim", "draft-long", "draft-wide", "draft-kl", "draft-tvd"]


def test_both_divergences_get_as_many_updates():
    """Otherwise the comparison would be of lengths."""
    tvd, kl = DISTILLATIONS["draft-tvd"], DISTILLATIONS["draft-kl-more"]
    assert (tvd.steps, tvd.starts_from) == (kl.steps, kl.starts_from)
    assert tvd.divergence != kl.divergence
