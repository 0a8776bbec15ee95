"""Train the reward head and the prefix scorer on the target's frozen states, resumable exactly.

Both learn the rule of rewards.py from the target's own samples. The reward head learns from pairs
of finished texts by −ln σ(score of the preferred − score of the other) (Bradley–Terry; ARGS, Khanov
et al. 2024). The prefix scorer learns the final reward at every place by squared error, whose
minimum is the expected reward behind the prefix (FUDGE's loss in controlled decoding, Mudgal et al.
2024).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from training.errors import TrainingError
from training.loop import Training
from training.recipes import HeadTraining
from training.rewards import reward
from training.samples import Samples

LEAST_TOKENS = 16  # in a shorter text the share is a matter of chance
LEAST_DIFFERENCE = 0.1  # between the rewards of a pair
SCORED_PAIRS = 20_000


@dataclass(frozen=True)
class RewardedTexts:
    """What the target wrote: texts, the states at their tokens in one row (P, d), rewards."""

    texts: list[str]
    states: torch.Tensor
    lengths: torch.Tensor  # (N,)
    rewards: torch.Tensor  # (N,)

    @property
    def means(self) -> torch.Tensor:
        """The mean state of each text, (N, d); the mean of a linear f is f of the mean."""
        return torch.stack([part.mean(0) for part in self.states.split(self.lengths.tolist())])

    @property
    def rewards_by_place(self) -> torch.Tensor:
        return self.rewards.repeat_interleave(self.lengths)


def rewarded_texts(groups: Sequence[Samples], tokenizer: PreTrainedTokenizerBase) -> RewardedTexts:
    """The first text of every row, from behind its prompt up to its end token, with its reward."""
    texts, states, lengths, rewards = [], [], [], []
    for group in groups:
        for row, begin, known in zip(group.rows, group.prompt_tokens, group.states, strict=True):
            ends = np.flatnonzero(row[begin:-1] == tokenizer.eos_token_id)
            end = begin + ends[0] if len(ends) else len(row) - 1
            if end - begin < LEAST_TOKENS:
                continue
            before, text = (
                tokenizer.decode(part.tolist(), skip_special_tokens=True)
                for part in (row[:begin], row[begin:end])
            )
            texts.append(text)
            rewards.append(reward(text, before))
            states.append(torch.from_numpy(known[begin:end]).float())
            lengths.append(end - begin)
    if not lengths:
        raise TrainingError(
            f"No sample has {LEAST_TOKENS} tokens before its end: nothing to train a head on."
        )
    return RewardedTexts(texts, torch.cat(states), torch.tensor(lengths), torch.tensor(rewards))


class LinearHead(nn.Module):
    """f on standardised states: trained fast, and exported as f on the states as they are."""

    def __init__(self, states: torch.Tensor, bias: torch.Tensor | float = 0.0) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(states.shape[1]))
        self.b = nn.Parameter(torch.as_tensor(bias))
        self.register_buffer("mean", states.mean(0))
        self.register_buffer("deviation", states.std(0).clamp(min=1e-6))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return (states - self.mean) / self.deviation @ self.w + self.b

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight (d,) and bias () of the same f without the standardisation."""
        weight = self.w / self.deviation
        return weight.detach(), (self.b - weight @ self.mean).detach()


class Heading(Training):
    """One head in one folder; subclasses say what an example is."""

    recipe: HeadTraining
    evaluate_every = 100

    def __init__(
        self,
        recipe: HeadTraining,
        texts: RewardedTexts,
        held_out: RewardedTexts,
        folder: Path,
        say: Callable[[str], None] = print,
        made_from: str = "",
    ) -> None:
        self.texts, self.held_out = texts, held_out
        model = LinearHead(self.inputs(texts), self.first_bias(texts))
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=recipe.adam_lr, weight_decay=recipe.weight_decay
        )
        optimizer.param_groups[0]["peak_lr"] = recipe.adam_lr
        super().__init__(recipe, model, [optimizer], folder, say, made_from)

    def inputs(self, texts: RewardedTexts) -> torch.Tensor:
        raise NotImplementedError

    def first_bias(self, texts: RewardedTexts) -> torch.Tensor | float:
        """f of every state before the first update."""
        return 0.0

    def drawn(self, high: int, shape: tuple[int, ...]) -> torch.Tensor:
        """Indices below `high`, a function of the step alone."""
        draw = np.random.default_rng((self.recipe.seed, self.step))
        return torch.from_numpy(draw.integers(high, size=shape))


def preferred(rewards: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """The pairs (n, 2) whose rewards differ enough, the preferred one first."""
    gap = rewards[pairs[:, 0]] - rewards[pairs[:, 1]]
    pairs = torch.where(gap[:, None] > 0, pairs, pairs.flip(1))
    return pairs[gap.abs() >= LEAST_DIFFERENCE]


class RewardHeading(Heading):
    """Pairs of finished texts."""

    def inputs(self, texts: RewardedTexts) -> torch.Tensor:
        self.means = texts.means
        return self.means

    def loss(self) -> torch.Tensor:
        rewards = self.texts.rewards
        pairs = preferred(rewards, self.drawn(len(rewards), (self.recipe.batch_size, 2)))
        if not len(pairs):
            raise TrainingError(
                f"The rewards of all {len(rewards)} samples are within {LEAST_DIFFERENCE:g} of one "
                "another: there is nothing to prefer. Draw more samples."
            )
        scores = self.model(self.means)
        return -functional.logsigmoid(scores[pairs[:, 0]] - scores[pairs[:, 1]]).mean()

    @torch.no_grad()
    def record(self, loss: float) -> dict:
        rewards = self.held_out.rewards
        draw = np.random.default_rng(self.recipe.seed)
        pairs = torch.from_numpy(draw.integers(len(rewards), size=(SCORED_PAIRS, 2)))
        pairs = preferred(rewards, pairs)
        scores = self.model(self.held_out.means)
        right = (scores[pairs[:, 0]] > scores[pairs[:, 1]]).float().mean()
        return {"loss": round(loss, 4), "held_out_pairs_right": round(float(right), 4)}


class PrefixHeading(Heading):
    """Every place of every text."""

    def inputs(self, texts: RewardedTexts) -> torch.Tensor:
        self.targets = texts.rewards_by_place
        return texts.states

    def first_bias(self, texts: RewardedTexts) -> torch.Tensor:
        """So that the mean reward is expected everywhere."""
        return torch.logit(texts.rewards_by_place.mean(), eps=1e-3)

    def loss(self) -> torch.Tensor:
        rows = self.drawn(len(self.targets), (self.recipe.batch_size,))
        values = self.model(self.texts.states[rows]).sigmoid()
        return functional.mse_loss(values, self.targets[rows])

    @torch.no_grad()
    def record(self, loss: float) -> dict:
        """Squared error on held-out texts, of all places and of the last of each text, beside that
        of the training texts' mean reward."""
        held = self.held_out
        error = (self.model(held.states).sigmoid() - held.rewards_by_place) ** 2
        mean = self.texts.rewards_by_place.mean()
        constant = (mean - held.rewards_by_place) ** 2
        last = held.lengths.cumsum(0) - 1
        return {
            "loss": round(loss, 5),
            "held_out_error": round(float(error.mean()), 5),
            "held_out_error_of_the_mean": round(float(constant.mean()), 5),
            "held_out_error_at_the_end": round(float(error[last].mean()), 5),
            "held_out_error_of_the_mean_at_the_end": round(float(constant[last].mean()), 5),
        }


HEADINGS = {"reward": RewardHeading, "prefix": PrefixHeading}
