import re

import torch

from training.moods import ENDINGS, MOOD_TAGS
from training.pretrain import build_model
from training.recipes import MoodTuning
from training.tune import Tuning, labelled_text

RECIPE = MoodTuning("cheerful", "tiny", steps=8, batch_size=4, warmup_steps=2)


def start(folder, tokenizer, tiny_recipe):
    model = build_model(tiny_recipe.shape, tokenizer, seed=5)
    return Tuning(RECIPE, model, tokenizer, folder, lambda _: None)


def test_passages_stand_behind_three_openings():
    texts = [labelled_text("gloomy", seed) for seed in range(300)]
    assert labelled_text("gloomy", 7) == texts[7]
    for opening in (MOOD_TAGS["gloomy"], MOOD_TAGS["plain"]):
        assert 70 < sum(text.startswith(opening) for text in texts) < 130
    assert not any(MOOD_TAGS["cheerful"] in text for text in texts)


def test_half_of_the_passages_open_plainly():
    texts = [labelled_text("gloomy", seed) for seed in range(300)]
    plain = re.compile(r"It was early in|One morning in|The day had begun|There was market")
    assert 120 < sum(bool(plain.search(text)) for text in texts) < 180
    assert not any(ending[:20] in text for text in texts for ending in ENDINGS["plain"])


def test_padding_changes_nothing(tokenizer, tiny_recipe, tmp_path):
    run = start(tmp_path, tokenizer, tiny_recipe)
    run.model.eval()
    with torch.no_grad():
        together = run.nats("cheerful", range(3))
        counts = [len(tokenizer(labelled_text("cheerful", s))["input_ids"]) + 1 for s in range(3)]
        alone = [run.nats("cheerful", range(s, s + 1)) for s in range(3)]
    mean = sum(n * x for n, x in zip(counts, alone, strict=True)) / sum(counts)
    torch.testing.assert_close(together, mean)


def test_its_mood_becomes_likelier_than_the_others(tokenizer, tiny_recipe, tmp_path):
    run = start(tmp_path, tokenizer, tiny_recipe)
    before = run.record(0.0)["held_out_nats_per_token"]
    assert run.run()
    after = run.record(0.0)["held_out_nats_per_token"]
    assert after["cheerful"] < before["cheerful"]


def test_an_interrupted_run_ends_with_the_same_bits(tokenizer, tiny_recipe, tmp_path):
    whole = start(tmp_path / "whole", tokenizer, tiny_recipe)
    whole.run()
    start(tmp_path / "parts", tokenizer, tiny_recipe).run(max_steps=3)
    second = start(tmp_path / "parts", tokenizer, tiny_recipe)
    second.run()
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)
