import dataclasses
import json
import shutil

import pytest
import torch

from training import config, family, heads, tokens, workshop
from training.__main__ import main
from training.config import MIXTURE
from training.distil import Distilling
from training.errors import TrainingError
from training.export import load_exported
from training.family import HeadMember, Member
from training.heads import Heading
from training.loop import Training
from training.recipes import (
    Distillation,
    GreedyGroup,
    HeadTraining,
    MoodTuning,
    SampleGroup,
    Sampling,
)
from training.tune import Tuning
from training.workshop import Workshop


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


@pytest.mark.parametrize(
    "part",
    [
        ("pretrain", "draft-interim"),
        ("samples",),
        ("finetune", "draft-kl"),
        ("finetune", "cheerful"),
        ("finetune", "reward-head"),
        ("publish", "target"),
        ("publish", "prefix-scorer"),
    ],
)
def test_what_must_come_first_is_named(part, work, tmp_path, capsys):
    assert main([*work, "--models", str(tmp_path / "models"), *part]) == 2
    assert "python -m training" in capsys.readouterr().err


@pytest.fixture
def tiny_family(tiny_recipe, tokenizer, monkeypatch):
    """A family like the real one, small enough for a test."""
    second = dataclasses.replace(
        tiny_recipe, name="tiny-more", starts_from="tiny", repeats={**MIXTURE}, seed=9
    )
    steady = dataclasses.replace(tiny_recipe, name="steady", constant=True, seed=3)
    home = dataclasses.replace(tiny_recipe, name="home", starts_from="steady", seed=4)
    distil = Distillation("kl", "tiny-more", "forward_kl", 3, batch_tokens=200, warmup_steps=1)
    distillations = [
        distil,
        dataclasses.replace(distil, name="tvd", starts_from="kl", divergence="tvd++"),
        dataclasses.replace(distil, name="kl-more", starts_from="kl"),
    ]
    mood = MoodTuning("cheerful", "kl", steps=2, batch_size=3, warmup_steps=1)
    head_recipes = [
        HeadTraining("score", "reward", steps=3, batch_size=64),
        HeadTraining("value", "prefix", steps=3, batch_size=64),
    ]
    samples = Sampling(
        "samples",
        "target",
        (
            SampleGroup("prose", "prose", rows=7, length=48, prompt_tokens=5),
            SampleGroup("moods", "moods", rows=3, length=40),
            SampleGroup("held-out-prose", "prose", 7, 48, prompt_tokens=5, held_out=True),
        ),
        batch_rows=4,
    )
    more = Sampling(
        "more-samples",
        "target",
        (
            SampleGroup("world", "world", rows=3, length=40, prompt_tokens=39),
            GreedyGroup("held-out-greedy", "prose", 3, 40, prompt_tokens=5, held_out=True),
        ),
        seed=2,
    )
    models = (tiny_recipe, second, steady, home, *distillations, mood)
    monkeypatch.setattr(config, "LANGUAGE_MODELS", {m.name: m for m in models})
    monkeypatch.setattr(config, "HEADS", {head.name: head for head in head_recipes})
    monkeypatch.setattr(config, "SAMPLES", samples)
    monkeypatch.setattr(config, "MORE_SAMPLES", more)
    members = (
        Member("target", ("home",), "A purpose.", "A limit.", averaged_with=("steady", 0.25)),
        Member("draft", ("tvd", "kl-more"), "A purpose.", "A limit."),
        Member("glad", ("cheerful",), "A purpose.", "A limit."),
    )
    head_members = (
        HeadMember("scorer", "score", "A purpose.", "A limit."),
        HeadMember("valuer", "value", "A purpose.", "A limit."),
    )
    for module in (workshop, family):
        monkeypatch.setattr(module, "FAMILY", {m.folder: m for m in members})
        monkeypatch.setattr(module, "HEAD_FAMILY", {m.folder: m for m in head_members})
    monkeypatch.setattr(workshop, "train_tokenizer", lambda texts: tokenizer)
    monkeypatch.setattr(tokens, "WORLD_EXAMPLES", 20)
    # In texts of a model that has learnt nothing nobody talks.
    monkeypatch.setattr(heads, "reward", lambda text, before: text.count("e") % 5 / 5)
    for kind in (Training, Distilling, Tuning, Heading):
        monkeypatch.setattr(kind, "evaluate_every", 2)


def weights(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


def test_all_of_it_from_texts_to_published_folders(tiny_family, texts, work, tmp_path, capsys):
    models = tmp_path / "models"
    call = ["--texts", str(texts), *work, "--models", str(models), "all"]
    assert main(call) == 0
    model, loaded_tokenizer = load_exported(models / "draft")
    assert model.config.vocab_size == len(loaded_tokenizer)
    cards = {p.parent.name: p.read_text(encoding="utf-8") for p in models.glob("*/README.md")}
    assert set(cards) == {"target", "draft", "glad", "scorer", "valuer"}
    assert "`home`: 12 updates of 12, 2 layers" in cards["target"]
    assert "0.75 of `home`, 0.25 of `steady`" in cards["target"]
    for run in ("tiny-more", "kl", "tvd", "kl-more"):
        assert f"| {run} |" in cards["draft"]  # what each divergence gained
    assert "that somebody says" in cards["scorer"]
    before = {name: weights(models / name) for name in cards}

    capsys.readouterr()
    assert main(call) == 0  # nothing is made twice
    assert '"step"' not in capsys.readouterr().out
    assert {name: weights(models / name) for name in cards} == before

    # Half of the work lost: the same comes out again.
    for name in ("samples/prose-001.npz", "kl-more/checkpoint.pt", "cheerful/checkpoint.pt",
                 "cheerful/published.json"):  # fmt: skip
        (tmp_path / "work" / name).unlink()
    assert main(call) == 0
    assert {name: weights(models / name) for name in cards} == before


def test_what_is_published_is_the_mean_of_two_runs(tiny_family, texts, tmp_path):
    shop = Workshop(texts, tmp_path / "work", tmp_path / "models")
    shop.make_tokenizer()
    shop.make_tokens()
    assert shop._train_lineage(config.LANGUAGE_MODELS["home"], target_seconds=60.0)
    shop.publish("target")
    published = load_exported(tmp_path / "models" / "target")[0].state_dict()
    home, steady = (shop.trained(name)[0].state_dict() for name in ("home", "steady"))
    assert any(not torch.equal(home[name], steady[name]) for name in published)
    for name, weight in published.items():
        mean = 0.75 * home[name] + 0.25 * steady[name]
        torch.testing.assert_close(weight, mean, atol=1e-6, rtol=1e-3)  # half precision


def test_what_was_made_from_another_target_is_refused(tiny_family, texts, tmp_path):
    shop = Workshop(texts, tmp_path / "work", tmp_path / "models")
    assert shop.make_all(target_seconds=60.0)
    path = tmp_path / "models" / "target" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(TrainingError, match="another 'target'"):
        shop.make_samples()
    for name in ("samples", "more-samples"):
        shutil.rmtree(tmp_path / "work" / name)
    shop.make_samples()
    for recipe in (config.LANGUAGE_MODELS["tvd"], config.HEADS["value"]):
        with pytest.raises(TrainingError, match="from other data"):
            shop.start(recipe)


def test_a_steady_run_ends_when_its_time_is_used_up(tiny_family, texts, tmp_path):
    shop = Workshop(texts, tmp_path / "work", tmp_path / "models")
    shop.make_tokenizer()
    shop.make_tokens()
    steady, home = (config.LANGUAGE_MODELS[name] for name in ("steady", "home"))
    shop.start(steady).run(max_steps=2)
    assert shop._train_lineage(home, target_seconds=0.0)
    state = torch.load(shop.checkpoint("steady"), weights_only=True)
    assert state["step"] == 2
    assert torch.load(shop.checkpoint("home"), weights_only=True)["step"] == 12
    assert json.loads((tmp_path / "work/home/log.jsonl").read_text().splitlines()[-1])["step"] == 12
