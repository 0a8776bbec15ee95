"""Filters against transformers, against brute force, and against their own laws."""

import itertools
import math
import random
import re
from collections.abc import Callable, Sequence

import pytest
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor
from transformers.generation import logits_process as hf

from explorer.sampling import (
    DRY,
    EDT,
    FILTERS,
    XTC,
    DynaTemp,
    Epsilon,
    Eta,
    Filter,
    FilterChain,
    Filtered,
    FrequencyPenalty,
    MinP,
    NoRepeatNGram,
    PresencePenalty,
    RepetitionPenalty,
    Seen,
    TailFree,
    Temperature,
    TopA,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    apply,
    chain_text,
    parse_chain,
)
from explorer.sampling.chain import example

INF = math.inf
SIZES = (5, 1000)

# One filter of each kind, strong enough to do something on most rows.
ONE_OF_EACH: tuple[Filter, ...] = (
    Temperature(t=0.7),
    EDT(t0=1.3, theta=0.7),
    DynaTemp(high=1.7, low=0.3, exponent=1.2),
    TopK(k=3),
    TopP(p=0.8137),
    MinP(p=0.13),
    TopA(a=0.31),
    Typical(mass=0.61),
    TailFree(z=0.77),
    Epsilon(epsilon=0.02),
    Eta(epsilon=0.03),
    TopNSigma(n=1.1),
    XTC(probability=0.5, threshold=0.07),
    RepetitionPenalty(theta=1.3),
    FrequencyPenalty(alpha=0.7),
    PresencePenalty(alpha=0.6),
    DRY(multiplier=0.8, base=1.5, allowed_length=1),
    NoRepeatNGram(n=2),
)
IDENTITIES: tuple[Filter, ...] = (
    Temperature(t=1),
    EDT(t0=1, theta=0),
    DynaTemp(high=1, low=1),
    TopK(k=10_000),
    TopP(p=1),
    MinP(p=0),
    TopA(a=0),
    Typical(mass=1),
    TailFree(z=1),
    Epsilon(epsilon=0),
    Eta(epsilon=0),
    TopNSigma(n=1000),
    XTC(probability=1, threshold=0.6),
    RepetitionPenalty(theta=1),
    FrequencyPenalty(alpha=0),
    PresencePenalty(alpha=0),
    DRY(multiplier=0),
    NoRepeatNGram(n=500),
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def by_name(rule: Filter) -> str:
    return rule.name


def nasty_rows(size: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Rows (n, size): random, peaky, flat, tied, with tokens at −∞, far from zero, one token."""
    draw = torch.Generator().manual_seed(seed)

    def normal(scale: float) -> Tensor:
        return scale * torch.randn(size, generator=draw)

    peaky = normal(1)
    peaky[size // 2] += 25
    two_peaks = normal(1)
    two_peaks[:2] = 9
    ties = torch.randint(0, 3, (size,), generator=draw).float()
    holes = normal(3)
    holes[torch.rand(size, generator=draw) < 0.4] = -INF
    holes[-1] = 1.5
    tied_holes = ties.clone()
    tied_holes[::2] = -INF
    lone = torch.full((size,), -INF)
    lone[size - 1] = -3
    rows = [
        normal(1),
        normal(3),
        normal(8),
        peaky,
        two_peaks,
        torch.zeros(size),
        torch.full((size,), -7.0),
        ties,
        holes,
        tied_holes,
        lone,
        normal(2) - 60,
        normal(2) + 60,
    ]
    return torch.stack(rows).to(dtype)


class Always(frozenset):
    """Every filter with a chance acts."""

    def __contains__(self, rule: object) -> bool:
        return True


def pasts(count: int, size: int, length: int = 24, seed: int = 0) -> list[Seen]:
    """One past a row, over a few token ids so that tokens and n-grams come back."""
    draw = random.Random(seed)
    ids = [[draw.randrange(min(size, 6)) for _ in range(length)] for _ in range(count)]
    third = length // 3
    return [Seen(tuple(row[:third]), tuple(row[third:]), Always()) for row in ids]


def input_ids(seen: Sequence[Seen]) -> Tensor:
    return torch.tensor([past.prompt + past.generated for past in seen])


def kept(scores: Tensor) -> list[list[int]]:
    return [row.isfinite().nonzero().flatten().tolist() for row in scores]


def law(scores: Tensor) -> Tensor:
    return torch.softmax(scores, -1, dtype=torch.float64)


def scores_of(probs: Sequence[float]) -> Tensor:
    return torch.tensor([probs], dtype=torch.float64).log()


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


# ------------------------------------------------- laws that hold for every one


@pytest.mark.parametrize("rule", IDENTITIES, ids=by_name)
def test_a_filter_at_its_neutral_value_changes_nothing(rule):
    for size in SIZES:
        scores = nasty_rows(size)
        assert torch.equal(rule(scores, pasts(len(scores), size)), scores)


def test_every_filter_has_a_place_in_these_tests():
    names = [*FILTERS]
    assert [rule.name for rule in ONE_OF_EACH] == names
    assert [rule.name for rule in IDENTITIES] == names


@pytest.mark.parametrize("rule", ONE_OF_EACH, ids=by_name)
def test_a_filter_never_writes_to_its_input(rule):
    for size in SIZES:
        scores = nasty_rows(size)
        before = scores.clone()
        rule(scores, pasts(len(scores), size))
        apply((rule, rule), scores, pasts(len(scores), size))
        assert torch.equal(scores, before)


@pytest.mark.parametrize("rule", ONE_OF_EACH, ids=by_name)
def test_a_filter_keeps_precision_and_shape(rule):
    for dtype in (torch.float32, torch.float64):
        scores = nasty_rows(5, dtype=dtype)
        after = rule(scores, pasts(len(scores), 5))
        assert (after.dtype, after.shape) == (scores.dtype, scores.shape)


@pytest.mark.parametrize("rule", ONE_OF_EACH, ids=by_name)
def test_adding_a_constant_to_the_scores_changes_no_law_but_that_of_the_repetition_penalty(rule):
    scores = nasty_rows(40, dtype=torch.float64)
    seen = pasts(len(scores), 40)
    same = torch.allclose(law(rule(scores, seen)), law(rule(scores - 100, seen)))
    assert same == (rule.name != "repetition_penalty")


def random_rule(draw: random.Random) -> Filter:
    """A filter of any kind with any allowed parameter, extremes included."""
    share = draw.choice([draw.random(), 10 ** draw.uniform(-6, 0), 1.0])
    return draw.choice(
        [
            Temperature(t=draw.choice([0, 1e-6, 0.3, 1, 100])),
            EDT(t0=draw.choice([0.01, 1, 100]), theta=draw.choice([0, 1, 100])),
            DynaTemp(high=draw.choice([0, 1, 100]), low=draw.choice([0, 0.5, 100])),
            TopK(k=draw.choice([1, 2, 7, 100])),
            TopP(p=draw.choice([0, share])),
            MinP(p=draw.choice([0, share])),
            TopA(a=draw.choice([0, share])),
            Typical(mass=share),
            TailFree(z=draw.choice([0, share])),
            Epsilon(epsilon=0.999 * share),
            Eta(epsilon=0.999 * share),
            TopNSigma(n=draw.choice([0, 0.2, 1, 4])),
            XTC(probability=draw.random(), threshold=share),
            RepetitionPenalty(theta=draw.choice([0.01, 1.2, 10])),
            FrequencyPenalty(alpha=draw.uniform(-2, 2)),
            PresencePenalty(alpha=draw.uniform(-2, 2)),
            DRY(multiplier=draw.choice([0, 0.8, 100]), base=4, window=draw.choice([0, 9])),
            NoRepeatNGram(n=draw.randint(1, 4)),
        ]
    )


def test_any_filters_in_any_order_leave_a_law_in_every_row():
    draw = random.Random(6)
    for trial in range(300):
        size = draw.choice([1, 2, 5, 40, 300])
        chain = tuple(random_rule(draw) for _ in range(draw.randint(1, 8)))
        logits = nasty_rows(max(size, 2), trial)[:, :size]
        logits[:, -1].clamp_(min=-9)  # a narrow slice may have lost its one possible token
        read = apply(chain, logits, pasts(len(logits), size, seed=trial))
        text = chain_text(chain)
        assert (read.logp.exp().sum(-1) - 1).abs().max() < 1e-4, text
        assert (read.probs.sum(-1) - 1).abs().max() < 1e-12, text
        assert read.logp.isfinite().any(-1).all(), text
        # a token is gone iff somebody is named for it or it was never there
        gone = read.logp == -INF
        assert torch.equal(gone, (read.removed_by >= 0) | (logits == -INF)), text
        assert ((read.removed_mass >= 0) & (read.removed_mass < 1 + 1e-6)).all(), text


def test_all_orders_of_four_filters_work():
    four = (Temperature(t=0.6), TopP(p=0.8), Typical(mass=0.5), NoRepeatNGram(n=1))
    logits = nasty_rows(30)
    seen = pasts(len(logits), 30)
    reads = [apply(order, logits, seen) for order in itertools.permutations(four)]
    assert all(read.logp.isfinite().any(-1).all() for read in reads)
    assert len({str(read.probs.tolist()) for read in reads}) > 1  # order matters


# ------------------------------------------------------------- the two ledgers


def test_the_first_of_two_filters_that_would_remove_a_token_is_named():
    logits = scores_of([0.1, 0.4, 0.2, 0.3])
    read = apply((TopK(k=3), MinP(p=0.6)), logits)
    # min-p alone would remove tokens 0 and 2; top-k took token 0 first
    assert apply((MinP(p=0.6),), logits).removed_by.tolist() == [[0, -1, 0, -1]]
    assert read.removed_by.tolist() == [[0, -1, 1, -1]]
    assert read.removed_by.dtype == torch.int8


def test_removed_mass_is_counted_under_the_law_each_filter_was_given():
    logits = scores_of([0.1, 0.4, 0.2, 0.3])
    read = apply((TopK(k=3), Temperature(t=0.5), MinP(p=0.5)), logits)
    # after top-k: .4 .2 .3 of .9; squared: .16 .04 .09 of .29; min-p takes what is below .08
    assert read.removed_mass.tolist() == [pytest.approx([0.1, 0, 0.04 / 0.29], abs=1e-12)]
    assert read.probs.tolist() == [pytest.approx([0, 0.64, 0, 0.36], abs=1e-12)]


def test_a_token_that_was_impossible_before_the_chain_was_removed_by_nobody():
    read = apply((TopK(k=1),), torch.tensor([[-INF, 2.0, 1.0]]))
    assert read.removed_by.tolist() == [[-1, -1, 0]]
    assert read.removed_mass.item() == pytest.approx(1 / (1 + math.e))


def test_the_empty_chain_leaves_the_law_alone():
    read = apply((), nasty_rows(50))
    assert read.logp is read.raw
    assert (read.removed_by == -1).all()
    assert read.removed_mass.shape == (len(read.raw), 0)


def test_raw_and_filtered_laws_are_normalised():
    logits = nasty_rows(300)
    read = apply(parse_chain("temperature=0.7,top_p=0.9"), logits)
    assert torch.equal(read.raw, logits.log_softmax(-1))
    for logp in (read.raw, read.logp):
        assert (logp.double().exp().sum(-1) - 1).abs().max() < 1e-5
    assert read.probs.dtype == torch.float64
    assert (read.probs.sum(-1) - 1).abs().max() < 1e-12


def test_the_ledgers_do_not_change_when_the_callers_logits_do():
    logits = nasty_rows(50)
    chain = (Temperature(t=1), TopK(k=3), TopP(p=0.5))
    expected, read = apply(chain, logits.clone()), apply(chain, logits)
    logits.fill_(0)
    assert torch.equal(read.removed_by, expected.removed_by)
    assert torch.equal(read.removed_mass, expected.removed_mass)


@pytest.mark.parametrize("looked_before", [True, False])
def test_a_row_of_a_batch_is_the_reading_of_that_row_alone(looked_before):
    logits = nasty_rows(50)
    seen = pasts(len(logits), 50)
    batch = apply(ONE_OF_EACH, logits, seen)
    if looked_before:
        assert batch.removed_by.shape == logits.shape
    for i in (0, 5, -1):
        alone = apply(ONE_OF_EACH, logits[i][None], [seen[i]])
        row = batch.row(i)
        assert isinstance(row, Filtered)
        for name in ("raw", "logp", "probs", "removed_by", "removed_mass"):
            ours, expected = getattr(row, name), getattr(alone, name)
            torch.testing.assert_close(ours, expected, msg=name)


def test_half_precision_logits_are_read_in_single_precision():
    for dtype in (torch.float16, torch.bfloat16):
        read = apply((TopP(p=0.9),), torch.randn(2, 50).to(dtype))
        assert read.raw.dtype == read.logp.dtype == torch.float32


@pytest.mark.parametrize("bad", [[1.0, math.nan], [INF, 0.0], [-INF, -INF]])
def test_logits_that_are_no_law_are_refused_with_their_row(bad):
    with pytest.raises(ValueError, match="Row 1 of the logits is no law"):
        apply((), torch.tensor([[0.0, 0.0], bad]))


def test_a_wrong_shape_or_a_missing_past_is_refused():
    with pytest.raises(ValueError, match=r"have shape \(5,\)"):
        apply((), torch.zeros(5))
    with pytest.raises(ValueError, match="presence_penalty needs what each of the 2 rows has seen"):
        apply((PresencePenalty(alpha=1),), torch.zeros(2, 5), [Seen((), ())])


# ---------------------------------------------------------------- the text form


class Settings(BaseModel):
    model_config = ConfigDict(validate_default=True)
    filters: FilterChain = ()


def test_a_chain_is_read_from_text_from_dicts_and_from_filters():
    expected = (Temperature(t=0.7), TopP(p=0.9))
    dicts = [{"name": "temperature", "t": 0.7}, {"name": "top_p", "p": 0.9}]
    for value in (
        " temperature = 0.7 , top_p=0.9 ",
        dicts,
        expected,
        ["temperature=0.7", dicts[1]],
    ):
        assert parse_chain(value) == expected
        assert Settings(filters=value).filters == expected


@pytest.mark.parametrize("empty", ["", "none", "  ", [], ()])
def test_nothing_is_the_empty_chain(empty):
    assert Settings(filters=empty).filters == ()


def test_text_and_json_read_back_as_the_same_chain():
    draw = random.Random(7)
    for _ in range(200):
        chain = tuple(random_rule(draw) for _ in range(draw.randint(0, 5)))
        assert parse_chain(chain_text(chain)) == chain
        settings = Settings(filters=chain)
        assert Settings.model_validate_json(settings.model_dump_json()) == settings
        assert Settings.model_validate(settings.model_dump()) == settings
    assert chain_text(()) == "none"
    assert chain_text(parse_chain("temperature=2.0,top_k=50")) == "temperature=2,top_k=50"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("topp=0.9", "There is no filter 'topp' (did you mean top_p?); the filters are temp"),
        ("zzz=1", "There is no filter 'zzz'; the filters are temperature, edt, dynatemp, top_k, "),
        ("top_p=1.5", "top_p=1.5 is not allowed: p must be a number, at least 0 and at most 1."),
        ("top_k=2.5", "top_k=2.5 is not allowed: k must be a whole number, at least 1."),
        (
            "xtc=0.5 threshold=2",
            "xtc threshold=2 is not allowed: threshold must be a number, ",
        ),
        (
            "dry=0.8 bass=2",
            "dry has no parameter 'bass'; its parameters are multiplier, base, ",
        ),
        (
            "dry",
            "dry needs a value for multiplier, for instance dry=0.8 base=1.75 ",
        ),
        ("top_p=0.9 0.8", "'top_p=0.9 0.8' cannot be read; write it like 'top_p=0.9'."),
        ("top_k=0", "top_k=0 is not allowed: k must be a whole number, at least 1."),
        ("top_p=nan", "top_p=nan is not allowed: p must be a number, at least 0 and at most 1."),
        ("top_p=warm", "top_p=warm is not allowed: p must be a number, at least 0 and at most 1."),
        ("typical=0", "typical=0 is not allowed: mass must be a number, above 0 and at most 1."),
        ("temperature=-1", "temperature=-1 is not allowed: t must be a number, at least 0 and at"),
        ("temperature=1e-9", "temperature=1e-9 is not allowed: t must be 0 (the argmax) or a num"),
        ("top_p", "top_p needs a value for p, for instance top_p=0.9; p must be a number, "),
        ("top_k=3,,top_p=1", "A filter needs a name, but '' has none; the filters are temperatu"),
        ([{"p": 1}], "A filter needs a name, but {'p': 1} has none; the filters are temperature,"),
        ([{"name": "top_p"}], "top_p needs a value for p, for instance top_p=0.9; p must be"),
        ([{"name": "top_p", "p": 0.5, "q": 1}], "top_p has no parameter 'q'; its one parameter"),
        ([3], "A filter is a text such as 'top_p=0.9', but this is 3."),
        (3, "A filter chain is a text such as 'temperature=0.7,top_p=0.9' or a list of filters,"),
    ],
)
def test_a_wrong_chain_is_answered_with_one_sentence(value, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence)) as direct:
        parse_chain(value)
    assert str(direct.value).endswith(".")
    assert "\n" not in str(direct.value)
    with pytest.raises(ValidationError) as inside:
        Settings(filters=value)
    assert [error["msg"] for error in inside.value.errors()] == [str(direct.value)]


# --------------------------------------------------------------- what is written


@pytest.mark.parametrize("kind", FILTERS.values(), ids=FILTERS)
def test_every_filter_says_its_formula_its_source_and_its_parameters(kind):
    doc = kind.__doc__
    assert doc.split("\n")[0].endswith(".")
    assert "Formula: " in doc
    assert any(str(year) in doc.split("Source: ")[1] for year in range(1985, 2027))
    for parameter in kind.parameters():
        field = kind.model_fields[parameter]
        assert field.title
        assert field.description
        assert field.examples
        assert field.metadata, "a parameter needs bounds"
    (rule,) = parse_chain(example(kind))
    assert isinstance(rule, kind)


def test_a_parameter_is_written_where_it_differs_from_its_default():
    chain = parse_chain("dry = 0.8 base=1.75  window = 9, xtc=0.5")
    assert chain == (DRY(multiplier=0.8, window=9), XTC(probability=0.5))
    assert chain_text(chain) == "dry=0.8 window=9,xtc=0.5"


def test_the_schema_of_a_chain_names_every_filter():
    schema = str(Settings.model_json_schema())
    assert all(f"'const': '{name}'" in schema for name in FILTERS)
