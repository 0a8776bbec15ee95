"""Filters against transformers and against brute force, and the bugs that these would catch."""

import itertools
import math
from collections.abc import Callable, Sequence

import pytest
import torch
from filter_rows import (
    INF,
    ONE_OF_EACH,
    SIZES,
    input_ids,
    kept,
    law,
    nasty_rows,
    pasts,
    scores_of,
)
from torch import Tensor
from transformers.generation import logits_process as hf

from explorer.sampling import (
    Epsilon,
    Eta,
    Filter,
    FrequencyPenalty,
    MinP,
    NoRepeatNGram,
    PresencePenalty,
    RepetitionPenalty,
    Seen,
    Temperature,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    apply,
)

# ------------------------------------------------------- equal to transformers

WARPERS: list[tuple[Filter, Callable[[], hf.LogitsProcessor]]] = [
    *((Temperature(t=t), lambda t=t: hf.TemperatureLogitsWarper(t)) for t in (0.3, 0.7, 2.0)),
    *((TopK(k=k), lambda k=k: hf.TopKLogitsWarper(k)) for k in (1, 3, 50, 2000)),
    *((MinP(p=p), lambda p=p: hf.MinPLogitsWarper(p)) for p in (0.013, 0.1, 0.57, 1.0)),
    *((Typical(mass=m), lambda m=m: hf.TypicalLogitsWarper(m)) for m in (0.1, 0.5137, 0.9531)),
    *((Epsilon(epsilon=e), lambda e=e: hf.EpsilonLogitsWarper(e)) for e in (3e-4, 0.0137, 0.4)),
    *((Eta(epsilon=e), lambda e=e: hf.EtaLogitsWarper(e)) for e in (3e-4, 0.0137, 0.4)),
    *(
        (RepetitionPenalty(theta=t), lambda t=t: hf.RepetitionPenaltyLogitsProcessor(t))
        for t in (0.8, 1.2, 2.0)
    ),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("rule", "warper"), WARPERS, ids=lambda x: str(getattr(x, "name", "hf")))
def test_a_filter_equals_the_warper_of_transformers(rule, warper, size):
    for seed in range(5):
        scores = nasty_rows(size, seed)
        seen = pasts(len(scores), size, seed=seed)
        expected = warper()(input_ids(seen), scores.clone())
        torch.testing.assert_close(rule(scores, seen), expected, rtol=0, atol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("p", [0.0137, 0.5137, 0.9137, 0.99137])
def test_top_p_equals_transformers_up_to_which_of_equal_tokens_stays(p, size):
    for seed in range(5):
        scores = nasty_rows(size, seed)
        ours = TopP(p=p)(scores, ())
        theirs = hf.TopPLogitsWarper(p)(None, scores.clone())
        # transformers keeps any of several equal tokens at the cut; the scores kept are the same
        assert torch.equal(ours.sort().values, theirs.sort().values)


@pytest.mark.parametrize("n", [1, 2, 3, 30])
def test_the_ngram_block_equals_transformers_where_a_token_is_left(n):
    compared = 0
    for seed, size in itertools.product(range(20), SIZES):
        scores = nasty_rows(size, seed)
        seen = pasts(len(scores), size, seed=seed)
        ours = NoRepeatNGram(n=n)(scores, seen)
        theirs = hf.NoRepeatNGramLogitsProcessor(n)(input_ids(seen), scores.clone())
        left = theirs.isfinite().any(-1)
        assert torch.equal(ours[left], theirs[left])
        compared += int(left.sum())
        # and where transformers leaves nothing, the most probable tokens stay
        assert torch.equal(ours[~left], TopK(k=1)(scores[~left], ()))
    assert compared > 100


# ------------------------------------------------------- equal to brute force


def check_smallest_nucleus(rule: Callable[[Tensor, Sequence[Seen]], Tensor], p: float) -> None:
    """The kept set is a subset of least size among all whose mass reaches p, and the heaviest."""
    for seed in range(8):
        for row in nasty_rows(6, seed, torch.float64):
            probs = law(row)
            subsets = [
                subset
                for size in range(1, 7)
                for subset in itertools.combinations(range(6), size)
                if probs[list(subset)].sum() >= p
            ]
            least = len(subsets[0])
            heaviest = max(float(probs[list(s)].sum()) for s in subsets if len(s) == least)
            (ours,) = kept(rule(row[None], ()))
            assert len(ours) == least
            assert float(probs[ours].sum()) == pytest.approx(heaviest, abs=1e-12)


@pytest.mark.parametrize("p", [0.1, 0.37, 0.613, 0.9, 0.987])
def test_the_nucleus_is_the_smallest_set_that_reaches_p(p):
    check_smallest_nucleus(TopP(p=p), p)


@pytest.mark.parametrize("p", [0.2, 0.5137, 0.9137])
def test_a_nucleus_wider_than_its_head_is_still_the_smallest(p):
    for seed in range(5):
        for row in nasty_rows(1000, seed, torch.float64):
            probs = law(row).tolist()
            order = sorted(range(1000), key=lambda v: (-row[v].item(), v))
            taken = list(
                itertools.takewhile(
                    lambda i, order=order, probs=probs: math.fsum(probs[v] for v in order[:i]) < p,
                    range(1000),
                )
            )
            assert kept(TopP(p=p)(row[None], ()))[0] == sorted(order[i] for i in taken)


def test_of_equal_tokens_at_the_cut_of_a_nucleus_the_lowest_ids_stay():
    assert kept(TopP(p=0.55)(torch.zeros(1, 5), ())) == [[0, 1, 2]]
    assert kept(TopP(p=0.55)(torch.zeros(2, 1000), ())) == [list(range(550))] * 2
    assert kept(TopP(p=0.7)(scores_of([0.2, 0.4, 0.2, 0.2]), ())) == [[0, 1, 2]]


def check_min_p_is_a_logit_gap(rule: Callable[[Tensor, Sequence[Seen]], Tensor], p: float) -> None:
    """Kept iff p_v ≥ p · p_max, counted token by token."""
    for seed in range(5):
        rows = nasty_rows(50, seed, torch.float64)
        for row, ours in zip(rows, kept(rule(rows, ())), strict=True):
            probs = law(row).tolist()
            # a hair of room for the token that lies exactly on the line
            floor = p * max(probs) * (1 - 1e-12)
            assert ours == [v for v in range(50) if probs[v] > 0 and probs[v] >= floor]


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 1.0])
def test_min_p_keeps_what_lies_within_ln_p_of_the_top(p):
    check_min_p_is_a_logit_gap(MinP(p=p), p)


def test_min_p_before_temperature_keeps_the_same_set_at_every_temperature():
    rows = nasty_rows(200, 1)
    expected = kept(MinP(p=0.1)(rows, ()))
    for t in (0.5, 1.0, 3.0):
        chain = (MinP(p=0.1), Temperature(t=t))
        assert kept(apply(chain, rows).logp) == expected
    hot = apply((Temperature(t=3.0), MinP(p=0.1)), rows).logp
    assert kept(hot) != expected  # temperature first does move the line


def test_typical_removes_the_argmax_of_a_peak_over_a_flat_tail():
    # H = 2.47 nats: the peak's surprisal 0.92 is farther from it than the tail's 3.51
    scores = scores_of([0.4] + [0.03] * 20)
    assert kept(Typical(mass=0.5)(scores, ())) == [list(range(1, 21))]
    assert kept(Typical(mass=0.7)(scores, ())) == [list(range(21))]


def test_epsilon_keeps_the_most_probable_token_when_none_reaches_it():
    assert kept(Epsilon(epsilon=0.5)(scores_of([0.3, 0.4, 0.3]), ())) == [[1]]


def test_eta_is_looser_than_epsilon_and_equal_to_it_when_the_entropy_is_zero():
    for seed in range(5):
        rows = nasty_rows(200, seed)
        for tight, loose in zip(
            kept(Epsilon(epsilon=0.004)(rows, ())), kept(Eta(epsilon=0.004)(rows, ())), strict=True
        ):
            assert set(tight) <= set(loose)
    uniform = torch.zeros(1, 200)  # p = 0.005, η = √0.01 · exp(−ln 200) = 0.0005 ≤ p < ε
    assert len(kept(Eta(epsilon=0.01)(uniform, ()))[0]) == 200


def check_sigma_looks_at_possible_tokens_only(
    rule: Callable[[Tensor, Sequence[Seen]], Tensor], n: float
) -> None:
    """The cut is n sample standard deviations of the finite scores below the top."""
    for seed in range(5):
        rows = nasty_rows(50, seed, torch.float64)
        for row, ours in zip(rows, kept(rule(rows, ())), strict=True):
            finite = [z for z in row.tolist() if z > -INF]
            mean = sum(finite) / len(finite)
            squares = sum((z - mean) ** 2 for z in finite)
            cut = max(finite) - n * math.sqrt(squares / max(1, len(finite) - 1))
            assert ours == [v for v, z in enumerate(row.tolist()) if z >= cut]


@pytest.mark.parametrize("n", [0.5, 1.0, 2.5])
def test_top_n_sigma_cuts_at_n_sample_deviations_of_the_finite_scores(n):
    check_sigma_looks_at_possible_tokens_only(TopNSigma(n=n), n)


def test_the_mask_of_top_n_sigma_does_not_depend_on_temperature():
    for seed in range(5):
        rows = nasty_rows(300, seed, torch.float64)
        expected = kept(TopNSigma(n=1.3)(rows, ()))
        for t in (0.5, 3.0):
            assert kept(TopNSigma(n=1.3)(rows / t, ())) == expected


def test_temperature_zero_is_the_argmax_and_the_lowest_of_equals():
    rows = nasty_rows(50, 3)
    cold = Temperature(t=0)(rows, ())
    for row, ours in zip(rows.tolist(), kept(cold), strict=True):
        assert ours == [row.index(max(row))]
    # and it is the limit of small temperatures wherever one token is the most probable
    single = (rows == rows.amax(-1, keepdim=True)).sum(-1) == 1
    near = apply((Temperature(t=1e-6),), rows[single]).probs
    torch.testing.assert_close(near, law(cold[single]))


def test_a_tempered_law_is_the_power_of_the_law():
    probs = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    powered = probs**2 / (probs**2).sum()
    torch.testing.assert_close(apply((Temperature(t=0.5),), probs.log()).probs, powered)


def test_penalties_count_the_generated_text_and_not_the_prompt():
    seen = [Seen(prompt=(0, 0, 1), generated=(2, 2, 3))]
    scores = torch.zeros(1, 5, dtype=torch.float64)
    by_count = FrequencyPenalty(alpha=0.3)(scores, seen)
    by_presence = PresencePenalty(alpha=0.3)(scores, seen)
    assert by_count.tolist() == [[0, 0, -0.6, -0.3, 0]]
    assert by_presence.tolist() == [[0, 0, -0.3, -0.3, 0]]
    both = RepetitionPenalty(theta=2)(scores + 1, seen)
    assert both.tolist() == [[0.5, 0.5, 0.5, 0.5, 1]]


def test_rows_have_their_own_past():
    seen = [Seen((), (0,)), Seen((), ()), Seen((2,), (1, 1))]
    for rule in ONE_OF_EACH:
        rows = nasty_rows(5, 4)[:3]
        alone = [rule(rows[i : i + 1], seen[i : i + 1]) for i in range(3)]
        assert torch.equal(rule(rows, seen), torch.cat(alone)), rule.name


def test_a_text_under_the_ngram_block_repeats_no_ngram():
    draw = torch.Generator().manual_seed(5)
    scores = torch.randn(1, 12, generator=draw)  # greedy on one fixed row would loop at once
    generated: tuple[int, ...] = ()
    for _ in range(60):
        past = [Seen((3, 1), generated)]
        generated += (int(apply((NoRepeatNGram(n=3),), scores, past).logp.argmax()),)
    text = (3, 1, *generated)
    triples = list(zip(text, text[1:], text[2:], strict=False))
    assert len(set(triples)) == len(triples)


def test_token_ids_beyond_the_scores_are_passed_over():
    seen = [Seen((7, 900), (901, 900))]
    for rule in ONE_OF_EACH:
        assert rule(torch.randn(1, 10), seen).shape == (1, 10)


# -------------------------------------------------------------- planted bugs


class ShortNucleus(TopP, frozen=True):
    """Stops before the token that crosses p."""

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        size = max(1, int(super().__call__(scores, seen).isfinite().sum()) - 1)
        return TopK(k=size)(scores, seen)


class AbsoluteMinP(MinP, frozen=True):
    """Compares with p instead of p · p_max."""

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        return Epsilon(epsilon=self.p)(scores, seen)


class SigmaWithZeros(TopNSigma, frozen=True):
    """Counts an impossible token as a score of 0."""

    def __call__(self, scores: Tensor, seen: Sequence[Seen]) -> Tensor:
        sigma = scores.masked_fill(scores.isinf(), 0).std(-1, keepdim=True)
        return scores.masked_fill(scores < scores.amax(-1, keepdim=True) - self.n * sigma, -INF)


@pytest.mark.parametrize(
    ("check", "bug", "value"),
    [
        (check_smallest_nucleus, ShortNucleus(p=0.613), 0.613),
        (check_min_p_is_a_logit_gap, AbsoluteMinP(p=0.1), 0.1),
        (check_sigma_looks_at_possible_tokens_only, SigmaWithZeros(n=1.0), 1.0),
    ],
)
def test_the_oracles_catch_planted_bugs(check, bug, value):
    with pytest.raises(AssertionError):
        check(bug, value)
