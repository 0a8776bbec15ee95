import dataclasses

import numpy as np
import pytest
import torch

from training import samples as module
from training.errors import TrainingError
from training.pretrain import build_model
from training.recipes import GreedyGroup, SampleGroup, Sampling
from training.samples import make_prompts, read_samples, write_on, write_samples
from training.tokens import read_tokens, write_tokens, write_world_tokens

PROSE = SampleGroup("prose", "prose", rows=5, length=24, prompt_tokens=6)
TASKS = SampleGroup("tasks", "tasks", rows=3, length=64)
RECIPE = Sampling("samples", "small", (PROSE,), batch_rows=2)


@pytest.fixture(scope="module")
def model(tokenizer, tiny_recipe):
    """Large weights, so that the laws are far from uniform."""
    model = build_model(tiny_recipe.shape, tokenizer, seed=3).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3)
    return model


@pytest.fixture
def token_folder(tokenizer, books, tmp_path):
    write_tokens(tokenizer, books, tmp_path / "tokens")
    return tmp_path / "tokens"


@pytest.fixture
def model_folder(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "model"


def test_states_are_those_of_one_plain_pass_and_prompts_are_kept(model):
    prompts = [[20, 21, 22], [30, 31, 32, 33, 34, 35], [40, 41, 42, 43]]
    rows, states = write_on(model, prompts, 16, torch.Generator().manual_seed(0))
    assert rows.shape == (3, 16)
    for row, prompt in zip(rows, prompts, strict=True):
        assert row[: len(prompt)].tolist() == prompt
    ids = torch.from_numpy(rows.astype(np.int64))
    with torch.no_grad():
        plain = model.model(input_ids=ids[:, :-1]).last_hidden_state
    torch.testing.assert_close(torch.from_numpy(states).float(), plain, atol=4e-3, rtol=4e-3)


def test_tokens_follow_the_models_law(model):
    """The first token behind one prompt, 4,000 times."""
    rows, _ = write_on(model, [[20, 21, 22]] * 4000, 4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        law = model(torch.tensor([[20, 21, 22]])).logits[0, -1].softmax(-1)
    seen = np.bincount(rows[:, 3], minlength=len(law)) / len(rows)
    assert np.abs(seen - law.numpy()).sum() / 2 < 0.12
    assert np.abs(seen - 1 / len(law)).sum() / 2 > 0.2  # and not the uniform one


def test_without_a_draw_every_token_is_the_most_probable(model):
    rows, states = write_on(model, [[20, 21, 22], [30, 31, 32, 33]], 12, None)
    said = (torch.from_numpy(states).float() @ model.lm_head.weight.T).argmax(-1).numpy()
    for row, given, best in zip(rows, (3, 4), said, strict=True):
        assert row[given:].tolist() == best[given - 1 :].tolist()


def test_greedy_groups_are_written_so(model, tokenizer, model_folder, token_folder, tmp_path):
    greedy = GreedyGroup("greedy", "prose", rows=3, length=24, prompt_tokens=6)
    written = []
    for seed in (8, 9):
        recipe = Sampling("samples", "small", (greedy,), batch_rows=3, seed=seed)
        folder = tmp_path / str(seed)
        write_samples(recipe, model, tokenizer, model_folder, token_folder, folder, lambda _: None)
        written.append(read_samples(recipe, greedy, folder))
    for samples in written:
        prompts = [row[:6].tolist() for row in samples.rows]
        assert np.array_equal(write_on(model, prompts, 24, None)[0], samples.rows)
    drawn, _ = write_on(model, prompts, 24, torch.Generator().manual_seed(0))
    assert not np.array_equal(drawn, samples.rows)


def test_a_stretch_of_the_world_is_a_prompt(tokenizer, token_folder):
    write_world_tokens(tokenizer, token_folder, examples=20)
    text = read_tokens(token_folder, "world").tolist()
    windows = {tuple(text[i : i + 6]) for i in range(len(text))}
    group = SampleGroup("world", "world", rows=5, length=7, prompt_tokens=6)
    prompts = make_prompts(group, 1, tokenizer, token_folder)
    assert len(prompts) == 5
    assert all(tuple(p) in windows for p in prompts)


def test_held_out_prompts_come_from_held_out_books_and_seeds(tokenizer, token_folder, monkeypatch):
    held_out = dataclasses.replace(PROSE, held_out=True)
    text = read_tokens(token_folder, "held_out").tolist()
    windows = {tuple(text[i : i + 6]) for i in range(len(text))}
    assert all(tuple(p) in windows for p in make_prompts(held_out, 1, tokenizer, token_folder))
    asked = []
    monkeypatch.setattr(
        module, "draw_example", lambda seed: asked.append(seed) or Short(f"<|fact|>{seed}")
    )
    make_prompts(TASKS, 1, tokenizer, token_folder)
    assert max(asked) < module.HELD_OUT_SEEDS
    asked.clear()
    make_prompts(dataclasses.replace(TASKS, held_out=True), 1, tokenizer, token_folder)
    assert min(asked) > module.HELD_OUT_SEEDS


@dataclasses.dataclass
class Short:
    prompt: str


def test_tasks_too_long_for_a_row_are_left_out(tokenizer, token_folder):
    group = dataclasses.replace(TASKS, length=120, rows=6)
    prompts = make_prompts(group, 1, tokenizer, token_folder)
    assert len(prompts) == 6
    assert max(map(len, prompts)) <= 88
    assert prompts == sorted(prompts, key=len)


def draw(model, tokenizer, model_folder, token_folder, folder, recipe=RECIPE):
    write_samples(recipe, model, tokenizer, model_folder, token_folder, folder, lambda _: None)
    return read_samples(recipe, PROSE, folder)


def test_an_interrupted_sampling_ends_with_the_same_samples(
    model, tokenizer, model_folder, token_folder, tmp_path
):
    given = model, tokenizer, model_folder, token_folder
    whole = draw(*given, tmp_path / "whole")
    draw(*given, tmp_path / "parts")
    (tmp_path / "parts" / "prose-001.npz").unlink()
    again = draw(*given, tmp_path / "parts")
    for name in ("rows", "prompt_tokens", "states"):
        assert np.array_equal(getattr(whole, name), getattr(again, name))
    assert len({row.tobytes() for row in whole.rows}) == 5


def test_samples_of_other_weights_are_refused(
    model, tokenizer, model_folder, token_folder, tmp_path
):
    draw(model, tokenizer, model_folder, token_folder, tmp_path / "samples")
    (model_folder / "model.safetensors").write_bytes(b"others")
    with pytest.raises(TrainingError, match="another 'small'"):
        draw(model, tokenizer, model_folder, token_folder, tmp_path / "samples")


def test_missing_samples_are_a_sentence(tmp_path):
    with pytest.raises(TrainingError, match="python -m training samples"):
        read_samples(RECIPE, PROSE, tmp_path)
