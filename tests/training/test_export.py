import dataclasses
import json

import pytest
import torch
from safetensors import safe_open

from training import config, export
from training.card import Facts, Run, render_card, write_samples
from training.errors import TrainingError
from training.export import Progress, export_model, load_checkpoint, load_exported
from training.pretrain import build_model
from training.recipes import Distillation


@pytest.fixture(scope="module")
def exported(tokenizer, tiny_recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    model = build_model(tiny_recipe.shape, tokenizer, seed=3)
    return folder, model, export_model(model, tokenizer, folder)


def test_the_folder_loads_and_is_the_same_model(exported, tokenizer):
    folder, original, _ = exported
    model, loaded_tokenizer = load_exported(folder)
    ids = torch.arange(20, 40)[None]
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, original(ids).logits, atol=1e-2, rtol=1e-2)
    assert loaded_tokenizer.get_vocab() == tokenizer.get_vocab()
    assert model.generation_config.eos_token_id == loaded_tokenizer.eos_token_id


def test_weights_are_half_precision_and_load_as_float32(exported):
    folder, _, model = exported
    with safe_open(folder / "model.safetensors", "pt") as weights:
        names = list(weights.keys())
        assert {weights.get_tensor(n).dtype for n in names} == {torch.float16}
    assert "lm_head.weight" not in names  # tied
    assert model.dtype == torch.float32
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float32"


def test_a_file_too_large_to_publish_is_a_sentence(tokenizer, tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MAX_FILE_BYTES", 1000)
    with pytest.raises(TrainingError, match="smaller vocabulary"):
        export_model(build_model(tiny_recipe.shape, tokenizer, 3), tokenizer, tmp_path)


def test_larger_weights_are_split_and_an_earlier_split_leaves_nothing(
    tokenizer, tiny_recipe, tmp_path, monkeypatch
):
    model = build_model(tiny_recipe.shape, tokenizer, 3)
    monkeypatch.setattr(export, "MAX_SHARD_BYTES", 11_000)
    split = export_model(model, tokenizer, tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    monkeypatch.undo()
    whole = export_model(model, tokenizer, tmp_path)
    assert [p.name for p in tmp_path.glob("model*")] == ["model.safetensors"]
    for a, b in zip(split.parameters(), whole.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_missing_checkpoint_is_a_sentence(tokenizer, tiny_recipe, tmp_path):
    with pytest.raises(TrainingError, match="python -m training pretrain tiny"):
        load_checkpoint(tiny_recipe, tokenizer, tmp_path / "checkpoint.pt")


def record(step, tokens, seconds, bits):
    return {
        "step": step, "tokens": tokens, "seconds": seconds, "held_out_bits_per_character": bits,
    }  # fmt: skip


def test_the_card_states_what_was_measured(exported, tokenizer, tiny_recipe):
    _, _, model = exported
    samples = write_samples(model, tokenizer, tasks=False)
    assert len(samples) == 6
    first = Run(tiny_recipe, Progress(8, 90.0), [record(8, 512, 60.0, 2.5)])
    later = dataclasses.replace(
        tiny_recipe, name="later", starts_from="tiny", constant=True, repeats={"world": 1.0}
    )
    second = Run(later, Progress(4, 30.0), [record(4, 256, 30.0, 2.25), record(8, 512, 60.0, 9.0)])
    by_book = {"fairy__Some_Tales": 1.75}
    facts = Facts("t", "A purpose.", "A limit.", by_book, 1.7512, 1.9, "a machine", {})
    card = render_card(facts, [first, second], model, samples)
    assert "9.000" not in card  # after the checkpoint
    assert "never seen them" in render_card(facts, [first], model, samples)
    for expected in (
        "A purpose.", "A limit.", "| Some Tales | 1.750 |", "**1.751**", "| 1.900 |",
        "768 tokens in 2 minutes on a machine", "8 updates of 12, 2 layers, 512 tokens",
        "Begins with the weights of `tiny`", "| tiny | 512 | 1 | 2.500 |",
        "| later | 768 | 2 | 2.250 |",
    ):  # fmt: skip
        assert expected in card


def test_the_card_of_a_distilled_draft_compares_the_divergences(
    exported, tokenizer, tiny_recipe, monkeypatch
):
    _, _, model = exported
    distilled = Distillation("kl", "tiny", "forward_kl", 10, batch_tokens=100)
    monkeypatch.setattr(config, "LANGUAGE_MODELS", {"tiny": tiny_recipe, "kl": distilled})
    runs = [
        Run(tiny_recipe, Progress(8, 90.0), [record(8, 512, 60.0, 2.5)]),
        Run(distilled, Progress(5, 30.0), [
            {"step": 5, "seconds": 30.0, "loss": 1.5, "acceptance": {"prose": 0.61}},
            {"step": 9, "seconds": 50.0, "loss": 9.9, "acceptance": {"prose": 0.99}},
        ]),
    ]  # fmt: skip
    scores = {"tiny": {"prose": (0.5, 0.55)}, "kl": {"prose": (0.61, 0.66)}}
    facts = Facts("t", "A purpose.", "A limit.", {}, 1.75, 1.9, "a machine", scores)
    card = render_card(facts, runs, model, write_samples(model, tokenizer, tasks=True))
    for expected in (
        "`kl`: 5 updates of 10, about 500 tokens", "Forward KL between the published target's law",
        "| step | seconds | loss | acceptance prose |", "| 5 | 30 | 1.5 | 0.61 |",
        "| after | prose, T = 1 | prose, T = 0 |", "| tiny | 0.500 | 0.550 |",
        "| kl | 0.610 | 0.660 |", "in samples of the target alone", "`<|sum|>`",
    ):  # fmt: skip
        assert expected in card
    assert "9.9" not in card
