"""Temperature, and the filters that cut the tail of the law (letters: see base)."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from explorer.sampling.base import REMOVED, Filter, Seen, at_least, entropy


class Temperature(Filter, frozen=True):
    """Sharpen (T < 1) or flatten (T > 1) the law; T = 0 keeps only the most probable token.

    Formula: z ← z / T. At T = 0 the argmax is kept, the lowest id on ties.
    Every step is tempered alone, so the law of whole texts is ∏ q_t and not p(y)^(1/T) / Z.
    Source: Ackley, Hinton & Sejnowski 1985, "A learning algorithm for Boltzmann machines".
    """

    name: Literal["temperature"] = "temperature"
    t: float = Field(
        title="Temperature",
        description="T: the scores are divided by it; 1 changes nothing, 0 keeps the argmax.",
        ge=0,
        le=100,
        allow_inf_nan=False,
        examples=[0.7],
    )

    @property
    def removes(self) -> bool:
        return self.t == 0

    @field_validator("t")
    @classmethod
    def _divisible(cls, t: float) -> float:
        # z / T leaves the range of float32 when T comes close to its smallest numbers.
        if 0 < t < 1e-6:
            raise ValueError("t must be 0 (the argmax) or a number from 0.000001 to 100")
        return t

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.t == 1:
            return scores
        if self.t > 0:
            return scores / self.t
        best = scores.argmax(-1, keepdim=True)  # the first of equals
        return torch.full_like(scores, REMOVED).scatter_(-1, best, scores.gather(-1, best))


class TopK(Filter, frozen=True):
    """Keep the k most probable tokens.

    Formula: keep v iff z_v ≥ the k-th largest score, so tokens tied with the k-th all stay.
    Source: Fan, Lewis & Dauphin 2018, "Hierarchical Neural Story Generation", arXiv 1805.04833.
    """

    name: Literal["top_k"] = "top_k"
    k: int = Field(
        title="Top k",
        description="k: how many tokens stay; k ≥ V changes nothing.",
        ge=1,
        examples=[50],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.k >= scores.shape[-1]:
            return scores
        kth = scores.topk(self.k).values[:, -1:]
        return scores.masked_fill(scores < kth, REMOVED)


class TopP(Filter, frozen=True):
    """Keep the nucleus: the smallest set of most probable tokens whose mass reaches p.

    Formula: in order of falling probability keep v iff the mass strictly before v is below p.
    Where equal tokens straddle the cut the lowest ids stay, so the set is the smallest one.
    Source: Holtzman, Buys, Du, Forbes & Choi 2020, "The Curious Case of Neural Text
    Degeneration", arXiv 1904.09751.
    """

    # A nucleus is mostly small: look at this many tokens before paying for a full sort.
    HEAD: ClassVar[int] = 256

    name: Literal["top_p"] = "top_p"
    p: float = Field(
        title="Top p",
        description="p: the mass the kept tokens must reach together; 1 changes nothing.",
        ge=0,
        le=1,
        allow_inf_nan=False,
        examples=[0.9],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.p == 1:  # rounding must not eat the tail
            return scores
        probs = scores.softmax(-1)
        falling, ids = scores.topk(min(self.HEAD, scores.shape[-1]))
        reached = probs.gather(-1, ids).cumsum(-1, dtype=torch.float64)
        if ids.shape != scores.shape and reached[:, -1].amin().item() < self.p:
            falling, ids = scores.sort(descending=True)
            reached = probs.gather(-1, ids).cumsum(-1, dtype=torch.float64)

        last = (reached < self.p).sum(-1, keepdim=True).clamp_(max=ids.shape[-1] - 1)
        cut = falling.gather(-1, last)
        keep = scores >= cut
        if keep.count_nonzero().item() > (last + 1).sum().item():  # equal tokens straddle a cut
            tied = scores == cut
            room = last + 1 - (scores > cut).sum(-1, keepdim=True)
            keep &= ~tied | (tied.cumsum(-1) <= room)
        return torch.where(keep, scores, REMOVED)


class MinP(Filter, frozen=True):
    """Keep the tokens that have at least a given share of the top probability.

    Formula: keep v iff p_v ≥ p_base · p_max, that is z_v ≥ z_max + ln p_base.
    Source: Nguyen, Baker, Neo, Roush, Kirsch & Shwartz-Ziv 2024, "Turning Up the Heat: Min-p
    Sampling", arXiv 2407.01082.
    """

    name: Literal["min_p"] = "min_p"
    p: float = Field(
        title="Min p",
        description="p_base: smallest allowed ratio to the top probability; 0 changes nothing.",
        ge=0,
        le=1,
        allow_inf_nan=False,
        examples=[0.1],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.p == 0:
            return scores
        return at_least(scores, scores.amax(-1, keepdim=True) + math.log(self.p))


class TopA(Filter, frozen=True):
    """Keep the tokens that reach a share of the squared top probability: min-p with p = a · p_max.

    Formula: keep v iff p_v ≥ a · p_max², that is z_v ≥ z_max + ln a + ln p_max.
    Source: practice of local front ends since 2021 (BlinkDL's "top-a" for RWKV).
    """

    name: Literal["top_a"] = "top_a"
    a: float = Field(
        title="Top a",
        description="a: smallest allowed ratio to the squared top probability; 0 changes nothing.",
        ge=0,
        le=1,
        allow_inf_nan=False,
        examples=[0.2],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.a == 0:
            return scores
        top = scores.amax(-1, keepdim=True)
        log_top = top - scores.logsumexp(-1, keepdim=True)
        return at_least(scores, top + math.log(self.a) + log_top)


class Typical(Filter, frozen=True):
    """Keep the tokens whose surprisal is closest to the entropy; the top one may fall out.

    Formula: d_v = |−ln p_v − H|; take tokens by rising d until their mass reaches τ, keep every
    token that is no farther than the last one taken.
    Source: Meister, Pimentel, Wiher & Cotterell 2023, "Locally Typical Sampling",
    arXiv 2202.00666.
    """

    name: Literal["typical"] = "typical"
    mass: float = Field(
        title="Typical mass",
        description="τ: the mass the kept tokens must reach together; 1 changes nothing.",
        gt=0,
        le=1,
        allow_inf_nan=False,
        examples=[0.95],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.mass == 1:
            return scores
        logp = scores.log_softmax(-1)
        probs = logp.exp()
        distance = (entropy(probs) + logp).abs()  # impossible tokens are infinitely far
        nearest, order = distance.sort(-1)
        reached = probs.gather(-1, order).cumsum(-1, dtype=torch.float64)
        last = (reached < self.mass).sum(-1, keepdim=True).clamp_(max=scores.shape[-1] - 1)
        return torch.where(distance <= nearest.gather(-1, last), scores, REMOVED)


class Epsilon(Filter, frozen=True):
    """Remove the tokens below an absolute probability.

    Formula: keep v iff p_v ≥ ε; where no token reaches ε the most probable stay (ties included).
    Source: Hewitt, Manning & Liang 2022, "Truncation Sampling as Language Model Desmoothing",
    arXiv 2210.15191.
    """

    name: Literal["epsilon"] = "epsilon"
    epsilon: float = Field(
        title="Epsilon",
        description="ε: smallest allowed probability; 0 changes nothing.",
        ge=0,
        lt=1,
        allow_inf_nan=False,
        examples=[0.0003],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.epsilon == 0:
            return scores
        logp = scores.log_softmax(-1)
        top = logp.amax(-1, keepdim=True)
        return torch.where(logp >= top.clamp(max=math.log(self.epsilon)), scores, REMOVED)


class Eta(Filter, frozen=True):
    """Remove the tokens below a probability that falls as the entropy rises.

    Formula: η = min(ε, √ε · exp(−H)); keep v iff p_v ≥ η; where no token reaches η the most
    probable stay (ties included).
    Source: Hewitt, Manning & Liang 2022, "Truncation Sampling as Language Model Desmoothing",
    arXiv 2210.15191.
    """

    name: Literal["eta"] = "eta"
    epsilon: float = Field(
        title="Eta's epsilon",
        description="ε: ceiling of the smallest allowed probability η; 0 changes nothing.",
        ge=0,
        lt=1,
        allow_inf_nan=False,
        examples=[0.0003],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.epsilon == 0:
            return scores
        logp = scores.log_softmax(-1)
        log_epsilon = math.log(self.epsilon)
        log_eta = (log_epsilon / 2 - entropy(logp.exp())).clamp(max=log_epsilon)
        top = logp.amax(-1, keepdim=True)
        return torch.where(logp >= torch.minimum(log_eta, top), scores, REMOVED)


class TopNSigma(Filter, frozen=True):
    """Keep the tokens within n standard deviations of the largest score.

    Formula: keep v iff z_v ≥ z_max − n·σ, σ the sample standard deviation (divided by count − 1,
    as in the authors' code) of the finite scores: a token that is already impossible says
    nothing about the noise. Dividing z by T scales gap and σ alike, so T does not move the cut.
    Source: Tang, Liu, Xu & Huang 2024, "Top-nσ: Not All Logits Are You Need", arXiv 2411.07641.
    """

    name: Literal["top_n_sigma"] = "top_n_sigma"
    n: float = Field(
        title="Top nσ",
        description="n: allowed distance to the largest score, in standard deviations σ.",
        ge=0,
        le=1000,
        allow_inf_nan=False,
        examples=[1.0],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        impossible = scores.isinf()
        count = (~impossible).sum(-1, keepdim=True)
        mean = scores.masked_fill(impossible, 0).sum(-1, keepdim=True) / count
        squares = (scores - mean).masked_fill(impossible, 0).square().sum(-1, keepdim=True)
        sigma = (squares / (count - 1).clamp(min=1)).sqrt()  # a lone token has σ = 0
        return at_least(scores, scores.amax(-1, keepdim=True) - self.n * sigma)


class TailFree(Filter, frozen=True):
    """Cut where the sorted curve of probabilities has become flat, seen by its second difference.

    Formula: p sorted falling, d1_i = p_i − p_{i+1}, d2_i = |d1_i − d1_{i+1}| / Σ|…|; token i + 1
    stays iff d2_1 + … + d2_i ≤ z. The first token always stays, the last one goes; where nothing
    is curved (equal tokens, fewer than three) all stay. Of equal tokens the lowest ids stay.
    Source: Phoenix & Egan 2019, "Tail Free Sampling" (blog).
    """

    name: Literal["tail_free"] = "tail_free"
    z: float = Field(
        title="Tail free",
        description="z: share of the curvature that lies among the kept tokens; 1 keeps all.",
        ge=0,
        le=1,
        allow_inf_nan=False,
        examples=[0.95],
    )

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        if self.z == 1 or scores.shape[-1] < 3:
            return scores
        falling, ids = scores.sort(descending=True, stable=True)
        curve = falling.softmax(-1, dtype=torch.float64).diff(dim=-1).diff(dim=-1).abs()  # (n, V−2)
        whole = curve.sum(-1, keepdim=True)
        tail = (curve / whole).cumsum(-1) > self.z  # nothing where the whole is 0: NaN > z is false
        first, last = torch.zeros_like(whole, dtype=torch.bool), whole > 0
        gone = torch.cat([first, tail, last], -1)
        return scores.masked_fill(torch.zeros_like(gone).scatter_(-1, ids, gone), REMOVED)


class XTC(Filter, frozen=True):
    """Exclude top choices: now and then remove the most probable tokens, all but one.

    Formula: with the given probability, and if at least two tokens reach the threshold: of all
    p_v ≥ threshold keep the least probable (of equal ones the lowest id), and all below it. A step
    at which an end token or a line break would go is left alone. The coin is tossed for each row.
    Source: Weidmann (p-e-w) 2024, "Exclude Top Choices", a proposal to text-generation-webui.
    """

    reads_seen: ClassVar[bool] = True
    name: Literal["xtc"] = "xtc"
    probability: float = Field(
        title="XTC probability",
        description="How often the filter acts, by a coin at each step; 0 changes nothing.",
        ge=0,
        le=1,
        allow_inf_nan=False,
        examples=[0.5],
    )
    threshold: float = Field(
        0.1,
        title="XTC threshold",
        description="Probability from which on a token is a top choice; nothing happens above 0.5.",
        gt=0,
        le=1,
        allow_inf_nan=False,
        examples=[0.1],
    )

    @property
    def chance(self) -> float:
        return self.probability

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        acting = [i for i, past in enumerate(seen) if self in past.fired]
        if not acting:
            return scores
        out = scores.clone()
        probs = scores.softmax(-1)
        for i in acting:
            top = (probs[i] >= self.threshold).nonzero().flatten()
            least = int(top[probs[i, top].argmin()]) if len(top) else -1
            gone = [v for v in top.tolist() if v != least]
            if not any(_protected(v, seen[i]) for v in gone):
                out[i, gone] = REMOVED
        return out


def _protected(token: int, past: Seen) -> bool:
    """Whether XTC must not remove this token: without it a text or a line could never end."""
    return token in past.eos_ids or "\n" in past.token_text(token)
