"""Filters that came out of practice, against their recipes written down in plain Python."""

from __future__ import annotations

import math
import random

import pytest
import torch
from filter_rows import kept, law, nasty_rows, pasts, scores_of
from oracle import PROMPT, exact_law, table_law, total_variation

from explorer.sampling import (
    DRY,
    EDT,
    XTC,
    DynaTemp,
    MinP,
    Seen,
    TailFree,
    TopA,
    apply,
    parse_chain,
)
from explorer.sampling.base import entropy

# ----------------------------------------------------------------- top-a and tail-free


def check_top_a(rule: TopA | MinP) -> None:
    for seed in range(5):
        for row in nasty_rows(50, seed, torch.float64):
            top = float(law(row).max())
            assert torch.equal(rule(row[None], ()), MinP(p=0.4 * top)(row[None], ()))


def test_top_a_is_min_p_with_the_top_probability_as_a_factor():
    check_top_a(TopA(a=0.4))


def tail_free_by_hand(probs: list[float], z: float) -> list[int]:
    """The recipe of the blog, place by place."""
    order = sorted(range(len(probs)), key=lambda v: (-probs[v], v))
    p = [probs[v] for v in order]
    d1 = [p[i] - p[i + 1] for i in range(len(p) - 1)]
    d2 = [abs(d1[i] - d1[i + 1]) for i in range(len(d1) - 1)]
    if sum(d2) == 0:
        return sorted(v for v in order if probs[v] > 0)
    stays = [order[0]]
    for i in range(len(d2)):
        if sum(d2[: i + 1]) / sum(d2) <= z:
            stays.append(order[i + 1])
    return sorted(v for v in stays if probs[v] > 0)


def test_tail_free_cuts_where_six_tokens_become_flat():
    # d1 = .2 .1 .05 .01 .02 and |d2| = .1 .05 .04 .01: shares .5, .75, .95, 1 of the curvature
    scores = scores_of([0.4, 0.2, 0.1, 0.05, 0.04, 0.02])
    for z, ours in ((0.4, [0]), (0.6, [0, 1]), (0.8, [0, 1, 2]), (0.97, [0, 1, 2, 3])):
        assert kept(TailFree(z=z)(scores, ())) == [ours]
    assert kept(TailFree(z=0.5)(torch.zeros(1, 4), ())) == [[0, 1, 2, 3]]


def check_tail_free(rule: TailFree) -> None:
    for seed in range(5):
        for row in nasty_rows(30, seed, torch.float64):
            # the softmax is the one thing taken as it is: a cut lies between floats
            probs = row.sort(descending=True, stable=True)
            by_place = probs.values.softmax(-1, dtype=torch.float64).tolist()
            back = dict(zip(probs.indices.tolist(), by_place, strict=True))
            expected = tail_free_by_hand([back[v] for v in range(30)], rule.z)
            assert kept(rule(row[None], ())) == [expected]


@pytest.mark.parametrize("z", [0.3137, 0.77137, 0.95137])
def test_tail_free_equals_the_recipe(z):
    check_tail_free(TailFree(z=z))


# ------------------------------------------------------------------------------- xtc


def xtc_by_hand(probs: list[float], threshold: float) -> list[float]:
    """The law where XTC acts."""
    top = [v for v in range(len(probs)) if probs[v] >= threshold]
    least = min(top, key=lambda v: (probs[v], v), default=-1)
    left = [0.0 if v in top and v != least else p for v, p in enumerate(probs)]
    return [p / sum(left) for p in left]


def xtc_mixture(pair, probability, threshold, length):
    """The law of texts whose every step follows XTC's law with its chance, else the model's."""
    found, stack = {}, [((), 1.0)]
    while stack:
        text, weight = stack.pop()
        if len(text) == length or (text and text[-1] == 0):
            found[text] = weight
            continue
        p = law(pair["target"].logits((*PROMPT.ids, *text))).tolist()
        q = xtc_by_hand(p, threshold)
        if q[0] == 0:  # an end token would go
            q = p
        stack += [
            ((*text, v), weight * (probability * y + (1 - probability) * x))
            for v, (x, y) in enumerate(zip(p, q, strict=True))
            if x > 0
        ]
    return found


def test_xtc_is_the_mixture_of_two_laws(pair):
    for probability in (0.25, 1.0):
        chain = f"xtc={probability} threshold=0.2"
        ours = exact_law("sample", {"filters": chain}, pair, 3)
        assert total_variation(ours, xtc_mixture(pair, probability, 0.2, 3)) < 1e-6


def test_speculation_keeps_the_mixture(pair):
    """Target and draft toss coins of their own, and the text still follows the target's law."""
    params = {"filters": "xtc=0.25 threshold=0.2", "gamma": 1}
    ours = exact_law("speculative_sampling", params, pair, 2)
    assert total_variation(ours, xtc_mixture(pair, 0.25, 0.2, 2)) < 1e-6


def test_the_mixture_would_see_another_chance(pair):
    """Negative control."""
    ours = exact_law("sample", {"filters": "xtc=0.5 threshold=0.2"}, pair, 3)
    assert total_variation(ours, xtc_mixture(pair, 0.25, 0.2, 3)) > 0.01


def test_xtc_keeps_the_least_of_the_top_choices_and_everything_below():
    scores = scores_of([0.35, 0.05, 0.2, 0.3, 0.1])
    (past,) = pasts(1, 5)
    assert kept(XTC(probability=1, threshold=0.15)(scores, [past])) == [[1, 2, 4]]
    assert kept(XTC(probability=1, threshold=0.33)(scores, [past])) == [[0, 1, 2, 3, 4]]
    idle = Seen(past.prompt, past.generated)
    assert kept(XTC(probability=1, threshold=0.15)(scores, [idle])) == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    "protected",
    [{"eos_ids": frozenset({3})}, {"token_text": ["\n\n", "b", "c", "d", "e"].__getitem__}],
)
def test_xtc_does_not_take_away_an_end_token_or_a_line_break(protected):
    (past,) = pasts(1, 5)
    scores = scores_of([0.35, 0.05, 0.2, 0.3, 0.1])
    rule = XTC(probability=1, threshold=0.15)
    careful = Seen(past.prompt, past.generated, past.fired, **protected)
    assert torch.equal(rule(scores, [careful]), scores)


# ------------------------------------------------------------------------------- dry


def repeats_by_hand(text: list[int], breakers: set[int]) -> dict[int, int]:
    """For each token the longest suffix of the text that it followed before, by trying all."""
    found: dict[int, int] = {}
    for v in set(text) - breakers:
        for size in range(1, min(len(text), 50) + 1):
            suffix = text[len(text) - size :]
            if set(suffix) & breakers:
                break
            if any(text[i : i + size + 1] == [*suffix, v] for i in range(len(text) - size)):
                found[v] = size
    return found


def check_dry(rule: DRY) -> None:
    draw = random.Random(3)
    for _ in range(300):
        text = [draw.randrange(4) for _ in range(draw.randrange(1, 40))]
        cut = draw.randrange(len(text) + 1)
        past = Seen(tuple(text[:cut]), tuple(text[cut:]), token_text=lambda v: "ab:c"[v])
        after = rule(torch.zeros(1, 4, dtype=torch.float64), [past])[0].tolist()
        expected = [0.0] * 4
        for v, size in repeats_by_hand(text[-rule.window :], {2}).items():
            if size >= rule.allowed_length:
                expected[v] = -rule.multiplier * rule.base ** (size - rule.allowed_length)
        assert after == pytest.approx(expected)


@pytest.mark.parametrize("window", [0, 7])
@pytest.mark.parametrize("allowed", [1, 2, 3])
def test_dry_equals_the_search_of_all_suffixes(allowed, window):
    check_dry(DRY(multiplier=0.8, base=1.75, allowed_length=allowed, window=window))


def test_a_run_hands_prompt_and_text_to_dry(pair):
    chain = "dry=2 allowed_length=1"
    ours = exact_law("sample", {"filters": chain}, pair, 4)
    assert total_variation(ours, table_law(pair["target"], 4, parse_chain(chain))) < 1e-9
    assert total_variation(ours, table_law(pair["target"], 4)) > 0.01


def test_dry_of_a_b_c_a_b_penalises_c_alone():
    past = Seen((0, 1), (2, 0, 1))
    assert DRY(multiplier=1).repeats(past) == {2: 2}
    after = DRY(multiplier=0.8)(torch.zeros(1, 4), [past])
    assert after.tolist() == [[0, 0, pytest.approx(-0.8), 0]]
    long = Seen((), (3,) * 80)
    assert DRY(multiplier=1).repeats(long) == {3: 50}


# ------------------------------------------------------------------- dynamic temperature


def temperature(rule, scores):
    return float(rule.temperature(scores, entropy(scores.softmax(-1))))


def test_edt_is_the_formula_and_rises_with_the_entropy():
    rows = [scores_of([1 - 3 * e, e, e, e]) for e in (1e-9, 0.01, 0.05, 0.1, 0.2, 0.25)]
    rule = EDT(t0=1.3, theta=0.7)
    temperatures = []
    for scores in rows:
        p = law(scores)[0].tolist()
        h = -sum(x * math.log(x) for x in p)
        t = 1.3 * 0.8 ** (0.7 / h)
        assert temperature(rule, scores) == pytest.approx(t, rel=1e-9, abs=1e-12)
        powered = [x ** (1 / max(t, 1e-6)) for x in p]
        expected = [x / sum(powered) for x in powered]
        assert apply((rule,), scores).probs[0].tolist() == pytest.approx(expected)
        temperatures.append(t)
    assert temperatures == sorted(temperatures)
    assert temperatures[0] < 1e-6 and temperatures[-1] < 1.3


def test_edt_with_theta_zero_is_a_constant_temperature():
    rows = nasty_rows(40, 2, torch.float64)
    ours = apply((EDT(t0=0.6, theta=0),), rows).probs
    torch.testing.assert_close(ours, law(rows / 0.6))


def test_dynatemp_runs_from_one_end_to_the_other_over_the_possible_tokens():
    rule = DynaTemp(high=1.6, low=0.4, exponent=2.0)
    lone = torch.tensor([[0.0, -math.inf, -math.inf]])
    flat = torch.tensor([[2.0, 2.0, -math.inf]])
    assert temperature(rule, lone) == pytest.approx(0.4)
    assert temperature(rule, flat) == pytest.approx(1.6, abs=1e-5)
    scores = scores_of([0.7, 0.2, 0.1])
    h = -sum(x * math.log(x) for x in (0.7, 0.2, 0.1))
    t = 0.4 + 1.2 * (h / math.log(3)) ** 2
    assert temperature(rule, scores) == pytest.approx(t)
    torch.testing.assert_close(rule(scores, ()).softmax(-1), (scores / t).softmax(-1))


# ------------------------------------------------------------------------ planted bugs


class LooseTail(TailFree, frozen=True):
    """One flag too late: keeps the token behind the cut."""

    def __call__(self, scores, seen):
        size = int(super().__call__(scores, seen).isfinite().sum()) + 1
        return scores.masked_fill(scores < scores.topk(min(size, 30)).values[:, -1:], -math.inf)


class LastMatch(DRY, frozen=True):
    """Takes the latest match of a token where the longest counts."""

    def repeats(self, past):
        text = past.prompt + past.generated
        found = {}
        for i in range(len(text) - 1):
            size = 0
            while (
                size <= i
                and text[i - size] == text[-1 - size]
                and past.token_text(text[i - size]) != ":"
            ):
                size += 1
            if size and past.token_text(text[i + 1]) != ":":
                found[text[i + 1]] = size
        return found


@pytest.mark.parametrize(
    ("check", "bug"),
    [
        (check_top_a, MinP(p=0.4)),  # the top probability not squared
        (check_tail_free, LooseTail(z=0.77137)),
        (check_dry, LastMatch(multiplier=0.8)),
    ],
)
def test_the_recipes_catch_planted_bugs(check, bug):
    with pytest.raises(AssertionError):
        check(bug)
