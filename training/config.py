"""The recipes of the bundled models, by name. Their kinds stand in recipes.py."""

from training.recipes import (
    LESSONS,
    PROSE,
    Distillation,
    Echoing,
    GreedyGroup,
    HeadTraining,
    LanguageModelRecipe,
    ModelShape,
    MoodTuning,
    Recipe,
    SampleGroup,
    Sampling,
    Schooling,
    Stage,
)

# Three quarters prose, one quarter tasks of the small world.
MIXTURE = {**PROSE, "world": 1.0}
# What the settled target knows less often; what it knows still has to keep.
FURTHER_LESSONS = {**LESSONS, "lookup": 14, "sum": 4, "reading": 8, "stranger": 2}

WIDER = ModelShape(layers=2, width=192, heads=6, kv_heads=3, mlp_width=512)
DEEP = ModelShape(layers=12, width=256, heads=8, kv_heads=4, mlp_width=704)
DEEP_WIDER = ModelShape(layers=12, width=290, heads=10, kv_heads=5, mlp_width=704)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        # The interim pair: short windows for most of the run, long ones at the end, so that late
        # positions are trained too; sized for half an hour side by side on two CPU cores.
        Recipe(
            "target-interim",
            ModelShape(layers=5, width=256, heads=8, kv_heads=4, mlp_width=704),
            (Stage(256, 20, 450), Stage(1024, 5, 50)),
        ),
        Recipe(
            "draft-interim",
            ModelShape(layers=2, width=128, heads=4, kv_heads=2, mlp_width=352),
            (Stage(256, 24, 780), Stage(1024, 6, 70)),
        ),
        # Seventy updates on long windows proved too few: late positions were 0.1 bits a character
        # worse than early ones. This run is on long windows alone.
        Recipe(
            "draft-long",
            ModelShape(layers=2, width=128, heads=4, kv_heads=2, mlp_width=352),
            (Stage(1024, 6, 150),),
            muon_lr=0.01,
            adam_lr=1.5e-3,
            warmup_steps=10,
            seed=6,
            starts_from="draft-interim",
        ),
        # The draft grows to twice its size and learns to copy.
        Echoing(
            "draft-wide",
            WIDER,
            (Stage(1024, 4, 300),),
            muon_lr=0.01,
            adam_lr=1.2e-3,
            warmup_steps=10,
            seed=16,
            repeats=MIXTURE,
            starts_from="draft-long",
            copies_by="token",
        ),
        # 2.6 million tokens left the target behind its own draft: nearly as many more, of prose
        # alone.
        Recipe(
            "target-more",
            ModelShape(layers=5, width=256, heads=8, kv_heads=4, mlp_width=704),
            (Stage(256, 20, 420), Stage(1024, 5, 40)),
            muon_lr=0.015,
            adam_lr=2e-3,
            warmup_steps=20,
            seed=7,
            starts_from="target-interim",
        ),
        # The deep target: grown from the interim one, trained at a constant rate for
        # as long as there is time; what it reaches is brought home by the cool-down.
        Recipe(
            "target",
            DEEP,
            (Stage(1024, 4, 12_000),),
            muon_lr=0.01,
            adam_lr=1.5e-3,
            repeats=MIXTURE,
            constant=True,
            starts_from="target-more",
        ),
        # A quarter of tasks, cut anywhere, taught their form and the facts, but not to copy from
        # the context. Here half of what is read is tasks, and their answers count most.
        Schooling(
            "target-schooled",
            DEEP,
            (Stage(1024, 2, 150),),
            muon_lr=0.01,
            adam_lr=1.5e-3,
            warmup_steps=10,
            seed=12,
            repeats=PROSE,
            constant=True,
            starts_from="target",
        ),
        Schooling(
            "target-cooldown",
            DEEP,
            (Stage(1024, 2, 220),),
            muon_lr=0.01,
            adam_lr=1.5e-3,
            warmup_steps=10,
            seed=13,
            repeats=PROSE,
            starts_from="target-schooled",
        ),
        # By then every passage won against the fact it contradicts: the last updates are on the
        # conflict, and take the rest of the learning rate down.
        Schooling(
            "target-settled",
            DEEP,
            (Stage(1024, 2, 85),),
            muon_lr=0.005,
            adam_lr=7.5e-4,
            warmup_steps=5,
            seed=14,
            repeats=PROSE,
            starts_from="target-cooldown",
            lessons={**LESSONS, "reading": 16, "stranger": 1, "mood": 1, "correct": 1},
        ),
        # The rate up again, for more prose: four fifths of the updates in short windows, which cost
        # three quarters of long ones, the rest in long ones, so that late positions are kept.
        Schooling(
            "target-further",
            DEEP,
            (Stage(256, 16, 40), Stage(1024, 4, 10)) * 6,
            muon_lr=0.01,
            adam_lr=1.5e-3,
            warmup_steps=20,
            seed=17,
            repeats=PROSE,
            constant=True,
            starts_from="target-settled",
            task_rows=4,
            lessons=FURTHER_LESSONS,
        ),
        # Ten million tokens teach no model to copy what it reads: nothing that the target had seen
        # but once was any likelier to it. It grows by heads for that.
        Schooling(
            "target-wide",
            DEEP_WIDER,
            (Stage(256, 16, 40), Stage(1024, 4, 10)) * 4,
            muon_lr=0.01,
            adam_lr=1.5e-3,
            warmup_steps=20,
            seed=18,
            repeats=PROSE,
            constant=True,
            starts_from="target-further",
            copies_by="suffix",
            task_rows=4,
            lessons=FURTHER_LESSONS,
        ),
        # The whole way down again, tasks a little more often: sums, worked digit by digit, are lost
        # while the rate is high and come back as it falls.
        Schooling(
            "target-home",
            DEEP_WIDER,
            (Stage(256, 16, 30), Stage(1024, 4, 10)) * 11,
            muon_lr=0.01,
            adam_lr=1.5e-3,
            warmup_steps=10,
            seed=19,
            repeats=PROSE,
            starts_from="target-wide",
            task_rows=6,
            lessons={**FURTHER_LESSONS, "sum": 7, "reading": 10},
        ),
        # By then it solves every task; what is left to learn is prose.
        Schooling(
            "target-again",
            DEEP_WIDER,
            (Stage(256, 16, 30), Stage(1024, 4, 10)) * 10,
            muon_lr=0.008,
            adam_lr=1.2e-3,
            warmup_steps=10,
            seed=20,
            repeats=PROSE,
            starts_from="target-home",
            task_rows=4,
            lessons={**LESSONS, "reading": 10},
        ),
    )
}


SAMPLES = Sampling(
    "samples",
    "target",
    (
        SampleGroup("prose", "prose", rows=448, length=256, prompt_tokens=32),
        # Late positions of the context must be learnt too; reading them is cheap.
        SampleGroup("long", "prose", rows=48, length=1024, prompt_tokens=864),
        SampleGroup("tasks", "tasks", rows=256, length=320),
        # Books alone, with the target's law at every place: reading costs a tenth of drawing.
        SampleGroup("read", "prose", rows=1280, length=257, prompt_tokens=256),
        SampleGroup("held-out-prose", "prose", 48, 256, prompt_tokens=32, held_out=True),
        SampleGroup("held-out-tasks", "tasks", 48, 320, held_out=True),
    ),
)

# Drafts read these too. Most is only read: books and tasks, with the target's law at every place.
MORE_SAMPLES = Sampling(
    "more-samples",
    "target",
    (
        GreedyGroup("held-out-greedy-prose", "prose", 48, 160, prompt_tokens=32, held_out=True),
        GreedyGroup("held-out-greedy-tasks", "tasks", 48, 288, held_out=True),
        GreedyGroup("greedy-prose", "prose", rows=320, length=256, prompt_tokens=32),
        SampleGroup("read-tasks", "world", rows=512, length=513, prompt_tokens=512),
        GreedyGroup("greedy-tasks", "tasks", rows=128, length=320),
        SampleGroup("read-1", "prose", rows=512, length=513, prompt_tokens=512),
        SampleGroup("read-2", "prose", rows=512, length=513, prompt_tokens=512),
    ),
    seed=15,
)

# The draft after both divergences, and after as much of the first one alone: the better is
# published.
DISTILLATIONS = {
    recipe.name: recipe
    for recipe in (
        Distillation("draft-kl", "draft-wide", "forward_kl", 450, muon_lr=0.01, adam_lr=1.5e-3),
        Distillation("draft-tvd", "draft-kl", "tvd++", 300),
        Distillation("draft-kl-more", "draft-kl", "forward_kl", 300),
    )
}
MOODS = {
    recipe.name: recipe
    for recipe in (MoodTuning("cheerful", "draft-kl"), MoodTuning("gloomy", "draft-kl"))
}
HEADS = {
    recipe.name: recipe
    for recipe in (
        HeadTraining("reward-head", "reward", steps=300, batch_size=4096),
        HeadTraining("prefix-scorer", "prefix", steps=300, batch_size=2048),
    )
}

LANGUAGE_MODELS: dict[str, LanguageModelRecipe] = {**RECIPES, **DISTILLATIONS, **MOODS}


def lineage(recipe: LanguageModelRecipe) -> list[LanguageModelRecipe]:
    """The recipes that lead to `recipe`, the first one first."""
    before = lineage(LANGUAGE_MODELS[recipe.starts_from]) if recipe.starts_from else []
    return [*before, recipe]


def shape_of(recipe: LanguageModelRecipe) -> ModelShape:
    """The shape of the model that the recipe trains."""
    return (
        recipe.shape
        if isinstance(recipe, Recipe)
        else shape_of(LANGUAGE_MODELS[recipe.starts_from])
    )
