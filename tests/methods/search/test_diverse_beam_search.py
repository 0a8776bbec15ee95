"""Diverse beam search equals a recomputation without a tree, and beam search where nobody pays."""

import itertools
import math

import pytest
import torch
from oracle import PROMPT, Walk, play, toy_pair

from explorer.errors import InputError
from explorer.models.table import EOS
from explorer.registry import get_method

LENGTH = 5


def logps(table, text):
    return torch.log_softmax(table.logits((*PROMPT.ids, *text)), -1).tolist()


def same_token(text, other):
    return text[-1] == other[-1]


def same_pair(text, other):
    return list(itertools.pairwise(other)).count(text[-2:])


def nearness(text, other):
    return math.exp(-sum(a != b for a, b in zip(text, other, strict=True)) / 2)


MEASURES = {"hamming": same_token, "ngram": same_pair, "cumulative": nearness}


def by_hand(
    table, size, groups, price, accumulate=True, measure=same_token, counted=lambda texts: texts
):
    """The paper's loop over lists of texts: [(score, text)] of all groups, best first."""
    beams = [[(0.0, ())] for _ in range(groups)]
    pools = [[] for _ in range(groups)]
    over = [False] * groups
    for t in range(1, LENGTH + 1):
        chosen = []
        for g in range(groups):
            if over[g]:
                continue
            fan = []
            for score, text in beams[g]:
                for v, logp in enumerate(logps(table, text)):
                    repeats = [measure((*text, v), other) for other in counted(chosen)]
                    paid = price * sum(repeats)
                    fan.append((score + logp - paid, 0.0 if accumulate else paid, (*text, v)))
            fan.sort(key=lambda x: -x[0])
            complete = [x for x in fan[:size] if x[2][-1] == EOS or t == LENGTH]
            going = [x for x in fan if x[2][-1] != EOS and t < LENGTH][:size]
            pools[g] += [((score + back) / t, text) for score, back, text in complete]
            pools[g] = sorted(pools[g], key=lambda x: -x[0])[:size]
            beams[g] = [(score + back, text) for score, back, text in going]
            chosen += [text for _, _, text in going]
            full = len(pools[g]) == size
            over[g] = not beams[g] or (full and beams[g][0][0] / t <= pools[g][-1][0])
    left = [
        (pools[g] + [(s / len(text), text) for s, text in beams[g]])[:size] for g in range(groups)
    ]
    return sorted((x for group in left for x in group), key=lambda x: -x[0])


def searched(table, size, groups, price, accumulate=True, measure="hamming"):
    values = {
        "measure": measure,
        "num_beams": size * groups,
        "num_groups": groups,
        "diversity": price,
        "accumulate": accumulate,
    }
    outputs = play("diverse_beam_search", values, {"target": table}, Walk(), LENGTH).end().outputs
    return [(o.score, tuple(o.token_ids)) for o in outputs]


def same(ours, theirs):
    return [text for _, text in ours] == [text for _, text in theirs] and [
        score for score, _ in ours
    ] == pytest.approx([score for score, _ in theirs], abs=1e-5)


def test_what_each_paid_is_the_price_times_the_earlier_groups_that_took_its_token():
    events = []
    values = {"num_beams": 6, "num_groups": 3, "diversity": 0.25}
    table = toy_pair(1)["target"]
    play("diverse_beam_search", values, {"target": table}, Walk(), LENGTH, record=events)
    tokens = {e.id: e.token for e in events if e.kind == "node"}
    kept = [e for e in events if e.kind == "mark" and e.mark == "kept"]
    for mark in kept:
        before = [x for x in kept if x.step == mark.step]
        same = [tokens[x.node] == tokens[mark.node] for x in before
                if x.numbers["group"] < mark.numbers["group"]]  # fmt: skip
        assert mark.numbers["paid"] == pytest.approx(0.25 * sum(same))
    assert len({mark.numbers["paid"] for mark in kept}) > 2


CASES = [
    (toy_pair(seed)["target"], size, groups, price, accumulate)
    for seed in range(3)
    for size, groups in ((1, 3), (3, 2))
    for price in (0.7, 3.0)
    for accumulate in (True, False)
]


def test_it_equals_the_loop_over_texts():
    for case in CASES:
        assert same(searched(*case), by_hand(*case)), case[1:]


def test_a_token_chosen_twice_that_is_paid_for_once_is_caught():
    """Negative control: two beams of one group may choose the same token."""

    def once(texts):
        return list({text[-1]: text for text in texts}.values())

    assert not all(same(searched(*case), by_hand(*case, counted=once)) for case in CASES)


@pytest.mark.parametrize("name", ["ngram", "cumulative"])
def test_the_other_measures_equal_the_loop_over_texts(name):
    for case in CASES:
        assert same(searched(*case, name), by_hand(*case, MEASURES[name])), case[1:]


def test_a_pair_that_is_paid_for_at_its_place_alone_is_caught():
    """Negative control: an n-gram counts wherever it stands."""

    def at_its_place(text, other):
        return len(text) > 1 and text[-2:] == other[-2:]

    assert not all(same(searched(*case, "ngram"), by_hand(*case, at_its_place)) for case in CASES)


def test_a_nearness_that_leaves_out_what_was_chosen_before_is_caught():
    """Negative control: all tokens so far count, not those of this step alone."""

    def of_this_step(text, other):
        return nearness(text[-1:], other[-1:])

    wrong = [same(searched(*case, "cumulative"), by_hand(*case, of_this_step)) for case in CASES]
    assert not all(wrong)


def test_one_group_is_beam_search():
    for seed in range(10):
        pair = toy_pair(seed)
        beam = play("beam_search", {"num_beams": 3}, pair, Walk(), LENGTH).end().outputs
        want = sorted(((o.score, tuple(o.token_ids)) for o in beam), key=lambda x: -x[0])
        assert searched(pair["target"], 3, 1, 2.0) == want


def test_groups_that_pay_nothing_are_all_the_same_beam_search():
    for seed in range(10):
        pair = toy_pair(seed)
        narrow = play("beam_search", {"num_beams": 2}, pair, Walk(), LENGTH).end().outputs
        texts = [text for _, text in searched(pair["target"], 2, 3, 0.0)]
        assert sorted(texts) == sorted(3 * [tuple(o.token_ids) for o in narrow])


def test_paying_makes_the_answers_differ():
    texts = [{text for _, text in searched(toy_pair(2)["target"], 1, 3, x)} for x in (0.0, 2.0)]
    assert len(texts[0]) == 1 < len(texts[1])


def test_beams_that_do_not_divide_are_refused_with_the_field():
    with pytest.raises(InputError, match=r"num_groups = 4 .* num_beams = 6 must be a multiple"):
        get_method("diverse_beam_search").parse({"num_beams": 6, "num_groups": 4})
