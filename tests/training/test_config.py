import pytest

from training.config import RECIPES
from training.family import FAMILY


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipes_start_from_recipes_that_exist(recipe):
    if recipe.starts_from:
        before = RECIPES[recipe.starts_from]
        assert before.shape.layers <= recipe.shape.layers
        assert before.shape.width == recipe.shape.width


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_tokens_are_counted_over_all_stages(recipe):
    total = sum(s.context * s.batch_size * s.steps for s in recipe.stages)
    assert recipe.tokens_after(recipe.steps) == total
    assert recipe.tokens_after(0) == 0
    first = recipe.stages[0]
    assert recipe.tokens_after(1) == first.context * first.batch_size


def test_target_and_draft_share_the_vocabulary():
    sizes = {m.recipe.shape.vocab_size for m in FAMILY.values()}
    assert len(sizes) == 1
    assert set(FAMILY) >= {"target", "draft"}
