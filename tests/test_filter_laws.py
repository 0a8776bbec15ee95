"""What holds for every filter: neutral values, shapes, laws in every row, and who removed what."""

import itertools
import math
import random

import pytest
import torch
from filter_rows import (
    IDENTITIES,
    INF,
    ONE_OF_EACH,
    SIZES,
    by_name,
    law,
    nasty_rows,
    pasts,
    random_rule,
    scores_of,
)

from explorer.sampling import (
    FILTERS,
    Filtered,
    MinP,
    NoRepeatNGram,
    PresencePenalty,
    Seen,
    Temperature,
    TopK,
    TopP,
    Typical,
    apply,
    chain_text,
    parse_chain,
)

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
