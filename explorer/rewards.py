"""Rewards: numbers that say how good a finished text is; more is better."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationInfo, field_validator

from explorer.registry import Params, param
from explorer.run import Run
from explorer.samples import Sample

if TYPE_CHECKING:
    from explorer.models.heads import Head

Reward = Callable[[Run, Sample], float]
NGRAM = 4  # tokens: the usual length at which repetition is counted


class RewardParams(Params):
    """What a text is judged by."""

    reward: Literal[
        "log_probability",
        "mean_log_probability",
        "keyword_coverage",
        "no_repetition",
        "reward_head",
    ] = param(
        "mean_log_probability",
        "Reward",
        "log_probability: of the whole text; mean_log_probability: for each token; "
        "keyword_coverage: share of the keywords it has; no_repetition: share of its runs of four "
        "tokens that are new; reward_head: what the bundled head for the bundled target learnt, "
        "how much of the text is said aloud.",
    )
    keywords: str = param(
        "",
        "Keywords",
        "Words parted by commas or spaces; for reward = keyword_coverage.",
        unit="text",
        validate_default=True,
        max_length=1000,
    )

    @field_validator("keywords")
    @classmethod
    def _needed(cls, keywords: str, info: ValidationInfo) -> str:
        if info.data.get("reward") == "keyword_coverage" and not words(keywords):
            raise ValueError("with reward = keyword_coverage, give at least one word")
        return keywords


def words(text: str) -> list[str]:
    """The words of a text in small letters."""
    return re.findall(r"\w+", text.lower())


def log_probability(run: Run, sample: Sample) -> float:
    """The sum of the model's own log-probabilities, in nats."""
    return sample.logp


def mean_log_probability(run: Run, sample: Sample) -> float:
    """The mean of the model's own log-probabilities over the tokens, in nats."""
    return sample.logp / max(1, run.tree.depth(sample.node))


def keyword_coverage(keywords: str) -> Reward:
    """The share of the keywords that stand in the text as words."""
    wanted = set(words(keywords))
    return lambda run, sample: len(wanted & {*words(run.continuation(sample.node))}) / len(wanted)


def no_repetition(run: Run, sample: Sample) -> float:
    """The share of the runs of four tokens that did not stand before; 1 for a shorter text."""
    ids = run.tokens(sample.node)
    runs = [tuple(ids[i : i + NGRAM]) for i in range(len(ids) - NGRAM + 1)]
    return len(set(runs)) / len(runs) if runs else 1.0


class RewardHead:
    """The score of the bundled reward head, from the target's states at the text's tokens."""

    def __init__(self, name: str = "reward-head") -> None:
        self._name = name
        self._head: Head | None = None

    def __call__(self, run: Run, sample: Sample) -> float:
        if self._head is None:
            from explorer.models.heads import load_head  # models are loaded by those who run

            self._head = load_head(self._name, run.models["target"])
            self._layer = self._head.about.layer
            self._view = run.open("target", name="reward head", hidden=[self._layer])
        states = self._view.hidden(run.tree.path(sample.node), self._layer)
        return float(self._head.score(states))


def make_reward(p: RewardParams) -> Reward:
    """The reward that the parameters name."""
    rewards: dict[str, Reward] = {
        "log_probability": log_probability,
        "mean_log_probability": mean_log_probability,
        "no_repetition": no_repetition,
        "reward_head": RewardHead(),
    }
    return rewards.get(p.reward) or keyword_coverage(p.keywords)
