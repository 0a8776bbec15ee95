import dataclasses

import pytest
import torch

from training import __main__ as command_line
from training import pretrain, tokens
from training.__main__ import main
from training.config import MIXTURE
from training.export import load_exported
from training.family import Member


@pytest.fixture
def work(tmp_path):
    return ["--work", str(tmp_path / "work"), "--threads", "1"]


@pytest.mark.parametrize("part", ["tokenizer", "tokens"])
def test_an_absent_text_folder_ends_with_a_sentence_and_status_2(part, work, tmp_path, capsys):
    if part == "tokens":  # the tokenizer is asked for first
        assert main(["--texts", str(tmp_path), *work, part]) == 2
        assert "python -m training tokenizer" in capsys.readouterr().err
    assert main(["--texts", str(tmp_path / "nowhere"), *work, "tokenizer"]) == 2
    error = capsys.readouterr().err
    assert "does not exist" in error
    assert "Traceback" not in error


def test_an_empty_text_folder_ends_with_a_sentence_and_status_2(work, tmp_path, capsys):
    assert main(["--texts", str(tmp_path), *work, "tokenizer"]) == 2
    assert "holds no book" in capsys.readouterr().err


def test_pretraining_without_tokens_ends_with_a_sentence(work, capsys):
    assert main([*work, "pretrain", "draft-interim"]) == 2
    assert "python -m training" in capsys.readouterr().err


@pytest.fixture
def tiny_family(tiny_recipe, tokenizer, monkeypatch):
    """One published model made by two runs, small enough for a test."""
    second = dataclasses.replace(
        tiny_recipe, name="tiny-more", starts_from="tiny", repeats={**MIXTURE}, seed=9
    )
    recipes = {r.name: r for r in (tiny_recipe, second)}
    member = Member("small", second, "small", "A purpose.", "A limit.")
    monkeypatch.setattr(command_line, "RECIPES", recipes)
    monkeypatch.setattr(command_line, "FAMILY", {"small": member})
    monkeypatch.setattr(command_line, "train_tokenizer", lambda texts: tokenizer)
    monkeypatch.setattr(tokens, "WORLD_EXAMPLES", 20)
    monkeypatch.setattr(pretrain, "EVALUATE_EVERY", 4)


def test_all_of_it_from_texts_to_a_published_folder(tiny_family, texts, work, tmp_path, capsys):
    call = ["--texts", str(texts), *work, "all", "--models", str(tmp_path / "models")]
    assert main(call) == 0
    model, loaded_tokenizer = load_exported(tmp_path / "models" / "small")
    assert model.config.vocab_size == len(loaded_tokenizer)
    card = (tmp_path / "models" / "small" / "README.md").read_text(encoding="utf-8")
    assert "`tiny-more`: 2 layers, 12 updates of 12" in card
    first = model.state_dict()
    capsys.readouterr()
    assert main(call) == 0  # nothing is trained twice
    assert '"step"' not in capsys.readouterr().out
    again = load_exported(tmp_path / "models" / "small")[0].state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_recipe_comes_after_those_it_starts_from(tiny_family):
    last = command_line.RECIPES["tiny-more"]
    assert [r.name for r in command_line.lineage(last)] == ["tiny", "tiny-more"]
