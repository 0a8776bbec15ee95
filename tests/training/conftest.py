"""A tiny library of own sentences, its tokenizer, and a recipe that trains in a second."""

import random

import pytest
import torch

from training.corpus import HELD_OUT, read_books
from training.recipes import ModelShape, Recipe, Stage
from training.tokenizer import train_tokenizer, training_texts

VOCAB_SIZE, CONTEXT = 320, 64


def tale(draw: random.Random, sentences: int) -> str:
    """Simple prose with some structure to learn."""
    who, what = ("fox", "hen", "miller", "child"), ("a ring", "some bread", "the moon", "a song")
    lines = [
        f"One day the {draw.choice(who)} found {draw.choice(what)} and gave it to the "
        f"{draw.choice(who)}."
        for _ in range(sentences)
    ]
    return "\n\n".join(" ".join(lines[i : i + 3]) for i in range(0, sentences, 3))


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """A folder like the real one: two tales in a collection, some books, and those held out."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "corpora").mkdir()
    draw = random.Random(1)
    collection = f"THE FIRST TALE\n\n{tale(draw, 40)}\n\nTHE SECOND TALE\n\n{tale(draw, 40)}\n"
    books = {
        "fairy__Collection": collection,
        "children__One": tale(draw, 80),
        "youth__Two": tale(draw, 80),
        **{name: tale(draw, 40) for name in HELD_OUT},
    }
    for name, text in books.items():
        (folder / "corpora" / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def books(texts):
    return list(read_books(texts))


@pytest.fixture(scope="session")
def tokenizer(books):
    return train_tokenizer(training_texts(books), vocab_size=VOCAB_SIZE, context=CONTEXT)


@pytest.fixture(scope="session")
def tiny_recipe():
    return Recipe(
        "tiny",
        ModelShape(
            layers=2, width=16, heads=4, kv_heads=2, mlp_width=24, context=CONTEXT,
            head_width=4, vocab_size=VOCAB_SIZE,
        ),
        (Stage(16, 4, 8), Stage(48, 2, 4)),
        warmup_steps=3,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in a fixed order, and no quarrel over cores with a training that is running."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
