import dataclasses
import json

import numpy as np
import pytest
import torch

from training import pretrain
from training.batches import Source
from training.errors import TrainingError
from training.lessons import SCORED
from training.loop import Training
from training.pretrain import Pretraining, build_model
from training.recipes import Echoing, ModelShape, Schooling
from training.tasks import draw_example
from training.tokens import read_tokens, write_tokens, write_world_tokens


@pytest.fixture(scope="module")
def token_folder(tokenizer, books, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    write_tokens(tokenizer, books, folder)
    return folder


@pytest.fixture
def start(tokenizer, token_folder, tiny_recipe, monkeypatch):
    """A run in a folder; call it again on the same folder to resume."""
    monkeypatch.setattr(Training, "evaluate_every", 4)

    def make(folder, recipe=tiny_recipe, **options):
        sources = [
            Source(n, read_tokens(token_folder, n), r) for n, r in tiny_recipe.repeats.items()
        ]
        held_out = read_tokens(token_folder, "held_out")
        return Pretraining(
            recipe, tokenizer, sources, held_out, folder, say=lambda _: None, **options
        )

    return make


def test_tokens_close_every_document_with_the_end_token(tokenizer, token_folder, books):
    ids = read_tokens(token_folder, "fairy")
    documents = [d for b in books if b.group == "fairy" and not b.held_out for d in b.documents]
    assert len(documents) == 2
    assert tokenizer.decode(ids.tolist()) == "".join(d + "<|end|>" for d in documents)


def test_held_out_books_are_in_no_source(tokenizer, token_folder, books):
    held_out = tokenizer.decode(read_tokens(token_folder, "held_out").tolist())
    seen = "".join(
        tokenizer.decode(read_tokens(token_folder, g).tolist())
        for g in ("fairy", "children", "youth")
    )
    for book in books:
        for document in book.documents:
            assert (document in held_out) == book.held_out
            assert (document in seen) != book.held_out


def test_world_tokens_are_the_first_seeds_in_order(tokenizer, tmp_path):
    counts = write_world_tokens(tokenizer, tmp_path, examples=7)
    ids = read_tokens(tmp_path, "world")
    expected = "".join(draw_example(seed).text + "<|end|>" for seed in range(7))
    assert tokenizer.decode(ids.tolist()) == expected
    assert counts["tokens"] == len(ids)


def test_missing_tokens_are_a_sentence(tmp_path):
    with pytest.raises(TrainingError, match="python -m training tokens"):
        read_tokens(tmp_path, "fairy")


@pytest.fixture
def schooling(tiny_recipe):
    return Schooling(
        "schooled", tiny_recipe.shape, tiny_recipe.stages, warmup_steps=3, task_context=48,
        task_rows=2,
    )  # fmt: skip


@pytest.fixture
def echoing(tiny_recipe):
    return Echoing(
        "echoing", tiny_recipe.shape, tiny_recipe.stages, warmup_steps=3, copy_context=48,
        copy_rows=2, copies_by="token",
    )  # fmt: skip


@pytest.mark.parametrize(("recipe", "stop_at"), [
    ("tiny_recipe", 3), ("tiny_recipe", 8), ("tiny_recipe", 10), ("schooling", 3), ("echoing", 3),
])  # fmt: skip
def test_an_interrupted_run_ends_with_the_same_bits(start, tmp_path, request, recipe, stop_at):
    recipe = request.getfixturevalue(recipe)
    whole = start(tmp_path / "whole", recipe)
    assert whole.run()
    first = start(tmp_path / "parts", recipe)
    assert not first.run(max_steps=stop_at)
    second = start(tmp_path / "parts", recipe)
    assert second.step == stop_at
    assert second.run()
    for (name, a), b in zip(
        whole.model.state_dict().items(), second.model.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
    for a, b in zip(whole.optimizers, second.optimizers, strict=True):
        for x, y in zip(a.state.values(), b.state.values(), strict=True):
            assert all(torch.equal(torch.as_tensor(x[k]), torch.as_tensor(y[k])) for k in x)


def test_without_its_momentum_a_resumed_run_would_differ(start, tmp_path):
    """The negative control of the test above."""
    whole = start(tmp_path / "whole")
    whole.run()
    start(tmp_path / "parts").run(max_steps=5)
    forgetful = start(tmp_path / "parts")
    forgetful.optimizers[0].state.clear()
    forgetful.run()
    assert any(
        not torch.equal(a, b)
        for a, b in zip(whole.model.parameters(), forgetful.model.parameters(), strict=True)
    )


def test_training_learns_and_logs(start, tmp_path, tiny_recipe):
    run = start(tmp_path)
    before = run.held_out_bits(run.model)
    run.run()
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in log] == [4, 8, 12]
    assert log[-1]["tokens"] == tiny_recipe.tokens_after(12) == 8 * 4 * 16 + 4 * 2 * 48
    assert log[-1]["held_out_bits_per_character"] < before


def test_schooling_learns_tasks_beside_prose(start, tmp_path, schooling):
    run = start(tmp_path, schooling)
    ids, labels, counts = run.lessons.batch(100)

    def nats():
        with torch.no_grad():
            return float(run._nats(ids, labels, counts))

    before = nats()
    run.run()
    assert nats() < 0.97 * before
    record = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert record["tokens"] == schooling.tokens_after(12) == 8 * 4 * 16 + 4 * 2 * 48 + 12 * 2 * 48
    assert set(record["answered_right"]) == set(SCORED)


def test_what_returns_is_learnt_beside_prose(start, tmp_path, echoing):
    run = start(tmp_path, echoing)
    assert torch.equal(run.copies.batch(2)[0], start(tmp_path / "b", echoing).copies.batch(2)[0])
    rows = run.stages[0].batch(0)
    with torch.no_grad():
        beside = run._nats(*run.copies.batch(0))
        prose = run._nats(rows[:, :-1], rows[:, 1:])
        torch.testing.assert_close(run.loss(), prose + beside)
    run.run()
    record = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert record["tokens"] == echoing.tokens_after(12) == 8 * 4 * 16 + 4 * 2 * 48 + 12 * 2 * 48
    assert set(record["copied_right"]) == {"random", "prose"}


def test_an_echoing_run_begins_to_copy(start, tmp_path, echoing, tokenizer):
    """Its first heads are those of an induction circuit, and its text is what it was."""
    narrow = ModelShape(2, 128, 4, 2, 160, context=64, vocab_size=320)
    wide = ModelShape(2, 192, 6, 3, 160, context=64, vocab_size=320)
    small = build_model(narrow, tokenizer, seed=1)
    run = start(tmp_path, dataclasses.replace(echoing, shape=wide), starts_from=small)
    run.model.set_attn_implementation("eager")
    with torch.no_grad():
        attention = run.model(torch.arange(20, 60)[None], output_attentions=True).attentions[0]
    here = torch.arange(2, 40)
    assert attention[0, 4, here, here - 1].min() > 0.9
    assert run.held_out_bits(run.model) == pytest.approx(run.held_out_bits(small), rel=0.1)


def test_a_run_may_start_from_another_model(start, tmp_path, tiny_recipe):
    first = start(tmp_path / "first")
    first.run(max_steps=4)
    deeper = dataclasses.replace(
        tiny_recipe, shape=dataclasses.replace(tiny_recipe.shape, layers=3)
    )
    second = start(tmp_path / "second", deeper, starts_from=first.model)
    before = first.held_out_bits(first.model)
    assert second.held_out_bits(second.model) == pytest.approx(before, abs=1e-6)


def test_a_checkpoint_of_another_recipe_is_refused(start, tmp_path, tiny_recipe):
    start(tmp_path).run(max_steps=1)
    with pytest.raises(TrainingError, match="another recipe"):
        start(tmp_path, dataclasses.replace(tiny_recipe, adam_lr=0.5))


def test_evaluation_blocks_spread_over_the_whole_text():
    blocks = pretrain.evenly_spaced_blocks(np.arange(100_000))
    assert blocks[0][0] == 0
    assert blocks[-1][-1] == 99_999
    assert len(blocks) == 16
