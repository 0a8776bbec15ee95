"""Filters that look back at the text: penalties and the n-gram block (letters: see base)."""

from collections.abc import Collection, Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from explorer.sampling.base import REMOVED, Filter, Seen, at_least


class Penalty(Filter, frozen=True):
    """A filter that looks back at the text, and moves scores without removing a token."""

    reads_seen: ClassVar[bool] = True

    @property
    def removes(self) -> bool:
        return False


class RepetitionPenalty(Penalty, frozen=True):
    """Make every token that stands in the prompt or in the generated text less likely.

    Formula: for each distinct seen v, z_v ← z_v / θ if z_v ≥ 0, else z_v · θ.
    Not shift-invariant: z and z + c give different laws. It is meant for raw logits, so put it
    before temperature; on log-probabilities, all ≤ 0, it is the power p_v^θ.
    Source: Keskar, McCann, Varshney, Xiong & Socher 2019, "CTRL", arXiv 1909.05858.
    """

    name: Literal["repetition_penalty"] = "repetition_penalty"
    theta: float = Field(
        title="Repetition penalty",
        description="θ: strength of the penalty; 1 changes nothing, below 1 rewards repeats.",
        gt=0,
        le=10,
        allow_inf_nan=False,
        examples=[1.2],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.theta == 1:
            return scores
        out = scores.clone()
        for row, past in zip(out, seen, strict=True):
            used = _ids({*past.prompt, *past.generated}, row)
            z = row[used]
            row[used] = torch.where(z < 0, z * self.theta, z / self.theta)
        return out


class FrequencyPenalty(Penalty, frozen=True):
    """Lower a token each time it was generated.

    Formula: z_v ← z_v − α_f · (how often v stands in the generated text; the prompt is free).
    Source: practice of text-completion services (OpenAI API reference, 2020).
    """

    name: Literal["frequency_penalty"] = "frequency_penalty"
    alpha: float = Field(
        title="Frequency penalty",
        description="α_f: nats taken off per earlier occurrence; 0 changes nothing.",
        ge=-2,
        le=2,
        allow_inf_nan=False,
        examples=[0.5],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.alpha == 0:
            return scores
        out = scores.clone()
        for row, past in zip(out, seen, strict=True):
            times = torch.bincount(_ids(past.generated, row), minlength=len(row))
            row -= self.alpha * times.to(row.dtype)
        return out


class PresencePenalty(Penalty, frozen=True):
    """Lower a token once if it was generated before.

    Formula: z_v ← z_v − α_p if v stands in the generated text (the prompt is free).
    Source: practice of text-completion services (OpenAI API reference, 2020).
    """

    name: Literal["presence_penalty"] = "presence_penalty"
    alpha: float = Field(
        title="Presence penalty",
        description="α_p: nats taken off a token that was generated; 0 changes nothing.",
        ge=-2,
        le=2,
        allow_inf_nan=False,
        examples=[0.5],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.alpha == 0:
            return scores
        out = scores.clone()
        for row, past in zip(out, seen, strict=True):
            row[_ids(set(past.generated), row)] -= self.alpha
        return out


class DRY(Penalty, frozen=True):
    """Lower the tokens that would prolong a repeat, the more the longer the repeat already is.

    Formula: L(v) = length of the longest run of tokens that ends the text and stood in it before,
    followed by v; where L(v) ≥ allowed, z_v ← z_v − multiplier · base^(L(v) − allowed).
    Runs are measured in prompt and generated text, up to 50 tokens; a token with a line break, a
    colon, a quotation mark or an asterisk breaks a run, and is never penalised.
    Source: Weidmann (p-e-w) 2024, "DRY: a modern repetition penalty", a proposal to
    text-generation-webui.
    """

    BREAKERS: ClassVar[str] = '\n:"*'
    LONGEST: ClassVar[int] = 50  # base^(50 − allowed_length) forbids a token already

    name: Literal["dry"] = "dry"
    multiplier: float = Field(
        title="DRY multiplier",
        description="Nats taken off a token that prolongs a repeat of the allowed length; 0: off.",
        ge=0,
        le=100,
        allow_inf_nan=False,
        examples=[0.8],
    )
    base: float = Field(
        1.75,
        title="DRY base",
        description="By what the penalty grows with every further token of the repeat.",
        ge=1,
        le=4,
        allow_inf_nan=False,
        examples=[1.75],
    )
    allowed_length: int = Field(
        2,
        title="DRY allowed length",
        description="Length in tokens of a repeat from which on prolonging it is penalised.",
        ge=1,
        le=50,
        examples=[2],
    )
    window: int = Field(
        0,
        title="DRY window",
        description="How many of the last tokens are looked at; 0: all.",
        ge=0,
        examples=[0],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.multiplier == 0:
            return scores
        out = scores.clone()
        for row, past in zip(out, seen, strict=True):
            for token, length in self.repeats(past).items():
                if length >= self.allowed_length and token < len(row):
                    row[token] -= self.multiplier * self.base ** (length - self.allowed_length)
        return out

    def repeats(self, past: Seen) -> dict[int, int]:
        """L(v) of each token that would prolong a repeat."""
        text = (past.prompt + past.generated)[-self.window :]
        breaks = {v for v in set(text) if not set(self.BREAKERS).isdisjoint(past.token_text(v))}
        # `reversed_text[n]` is the token n places before the end; a breaker ends every run.
        reversed_text = text[::-1]
        longest: dict[int, int] = {}
        for start in range(1, len(text)):
            follower = reversed_text[start - 1]
            if follower in breaks:
                continue
            length = 0
            for before, here in zip(reversed_text[start:], reversed_text, strict=False):
                if before != here or here in breaks or length == self.LONGEST:
                    break
                length += 1
            if length:
                longest[follower] = max(length, longest.get(follower, 0))
        return longest


class NoRepeatNGram(Filter, frozen=True):
    """Forbid a token that would complete an n-gram the text already has.

    Formula: remove v iff (last n − 1 tokens, v) stands in prompt + generated text. Where that
    would leave no token the row's largest scores stay, and the n-gram repeats.
    Source: Paulus, Xiong & Socher 2017, "A Deep Reinforced Model for Abstractive
    Summarization", arXiv 1705.04304 (for n = 3).
    """

    reads_seen: ClassVar[bool] = True
    name: Literal["no_repeat_ngram"] = "no_repeat_ngram"
    n: int = Field(
        title="No repeated n-gram",
        description="n: length in tokens of the runs that may stand only once in the text.",
        ge=1,
        examples=[3],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        out = scores.clone()
        for row, past in zip(out, seen, strict=True):
            text = past.prompt + past.generated
            lead = self.n - 1
            suffix = text[max(0, len(text) - lead) :]
            starts = range(len(text) - lead)
            repeats = {text[i + lead] for i in starts if text[i : i + lead] == suffix}
            row[_ids(repeats, row)] = REMOVED
        emptied = out.amax(-1, keepdim=True) == REMOVED
        return torch.where(emptied, at_least(scores, scores.amax(-1, keepdim=True)), out)


def _ids(tokens: Collection[int], row: Tensor) -> Tensor:
    """Token ids as an index into a row (V,), without those an embedding knows and it does not."""
    ids = np.fromiter(tokens, np.int64, len(tokens))  # far faster than torch.tensor(list)
    return torch.from_numpy(ids[ids < len(row)]).to(row.device)
