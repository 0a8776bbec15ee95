import numpy as np
import pytest
import torch

from training import heads as module
from training.errors import TrainingError
from training.heads import (
    LinearHead,
    PrefixHeading,
    RewardedTexts,
    RewardHeading,
    preferred,
    rewarded_texts,
)
from training.recipes import HeadTraining
from training.rewards import reward
from training.samples import Samples


def test_the_rule_counts_what_is_said_aloud():
    assert reward("The hen went to the mill.") == 0.0
    assert reward('"Yes', before="She said: ") == 1.0
    assert reward("Yes!", before='He cried: "') == 1.0
    assert reward('ab"cd"', before="") == pytest.approx(3 / 6)  # the closing mark is said no more
    assert reward("“ab” and", before="“Well”") == pytest.approx(3 / 8)
    assert reward("") == 0.0


def test_a_line_break_ends_a_speech_that_is_not_closed():
    assert reward("and so\nno more", before='"It was late') == pytest.approx(6 / 14)
    assert reward("no more", before='"It was late\n') == 0.0


def test_pairs_are_turned_so_that_the_preferred_one_is_first():
    rewards = torch.tensor([0.2, 0.5, 0.55, 0.9])
    pairs = torch.tensor([[0, 3], [3, 0], [1, 2], [2, 2], [1, 0]])
    assert preferred(rewards, pairs).tolist() == [[3, 0], [3, 0], [1, 0]]


def test_texts_begin_behind_the_prompt_and_stop_at_the_end_token(tokenizer, monkeypatch):
    monkeypatch.setattr(module, "LEAST_TOKENS", 3)
    end = tokenizer.eos_token_id
    ids = tokenizer("One day the fox gave the miller a song.")["input_ids"]
    row = [*ids[:2], *ids[2:8], end, *ids[:4]]
    short = [*ids[:2], end, *ids[: len(row) - 3]]
    states = np.arange(2 * (len(row) - 1) * 3).reshape(2, len(row) - 1, 3).astype(np.float16)
    samples = Samples(np.array([row, short], dtype=np.uint16), np.array([2, 2]), states)
    texts = rewarded_texts([samples], tokenizer)
    assert texts.texts == [tokenizer.decode(ids[2:8])]
    assert texts.lengths.tolist() == [6]
    assert torch.equal(texts.states, torch.from_numpy(states[0, 2:8]).float())
    monkeypatch.setattr(module, "LEAST_TOKENS", 99)
    with pytest.raises(TrainingError, match="99 tokens"):
        rewarded_texts([samples], tokenizer)


def made_up(seed, count=200):
    """Texts whose reward is written into their states, with noise around it."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(16, 24, (count,), generator=draw)
    rewards = torch.rand(count, generator=draw)
    states = 5 + 2 * torch.randn(int(lengths.sum()), 6, generator=draw)
    states[:, 2] += 6 * rewards.repeat_interleave(lengths)
    return RewardedTexts([""] * count, states, lengths, rewards)


RECIPES = {
    RewardHeading: HeadTraining("score", "reward", steps=60, batch_size=256, adam_lr=0.05),
    PrefixHeading: HeadTraining("value", "prefix", steps=60, batch_size=256, adam_lr=0.05),
}


def start(kind, folder):
    return kind(RECIPES[kind], made_up(1), made_up(2), folder, lambda _: None)


def test_a_reward_head_learns_which_text_is_preferred(tmp_path):
    run = start(RewardHeading, tmp_path)
    run.run()
    assert run.record(0.0)["held_out_pairs_right"] > 0.9


def test_a_prefix_scorer_is_better_than_the_mean(tmp_path):
    run = start(PrefixHeading, tmp_path)
    before = run.record(0.0)
    assert before["held_out_error"] == pytest.approx(before["held_out_error_of_the_mean"], abs=1e-4)
    run.run()
    record = run.record(0.0)
    assert record["held_out_error"] < 0.7 * record["held_out_error_of_the_mean"]
    assert record["held_out_error_at_the_end"] > 0


@pytest.mark.parametrize("kind", RECIPES)
def test_an_interrupted_run_ends_with_the_same_bits(tmp_path, kind):
    whole = start(kind, tmp_path / "whole")
    whole.run()
    start(kind, tmp_path / "parts").run(max_steps=7)
    second = start(kind, tmp_path / "parts")
    assert second.step == 7
    second.run()
    assert torch.equal(whole.model.w, second.model.w)


def test_equal_rewards_are_a_sentence(tmp_path):
    texts = made_up(1)
    same = RewardedTexts(texts.texts, texts.states, texts.lengths, torch.full((200,), 0.5))
    run = RewardHeading(RECIPES[RewardHeading], same, same, tmp_path, lambda _: None)
    with pytest.raises(TrainingError, match="nothing to prefer"):
        run.run()


def test_folding_the_standardisation_changes_no_answer():
    states = 4 + 3 * torch.randn(50, 6)
    head = LinearHead(states)
    with torch.no_grad():
        head.w.copy_(torch.randn(6))
        head.b.fill_(0.3)
        weight, bias = head.folded()
        torch.testing.assert_close(states @ weight + bias, head(states))
