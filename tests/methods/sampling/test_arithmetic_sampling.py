"""Arithmetic sampling: every text owns exactly its probability's share of the code line."""

from fractions import Fraction
from math import ceil, floor

import pytest
import torch
from oracle import play, table_law, total_variation

import explorer.methods.sampling.arithmetic_sampling as module
from explorer.randomness import Seeded
from explorer.sampling import parse_chain

BITS = 2**53


class Given(Seeded):
    """The shift u of the code points is given; what refills their low places is not."""

    def __init__(self, u):
        super().__init__(0)
        places = int(u * BITS * BITS)
        self._given = [places // BITS / BITS, places % BITS / BITS]

    def uniform(self):
        return self._given.pop(0) if self._given else super().uniform()


def texts_at(pair, u, n=1, length=3, filters="none"):
    params = {"n": n, "filters": filters}
    run = play("arithmetic_sampling", params, pair, Given(u), length)
    return [tuple(output.token_ids) for output in run.end().outputs]


def intervals(law):
    """Each text's interval of the line: texts in the order of their tokens, one behind another."""
    found, low = {}, Fraction(0)
    for text in sorted(law):
        found[text] = (low, low + Fraction(law[text]))
        low += Fraction(law[text])
    assert abs(low - 1) < 1e-12
    return found


def misplaced(pair, filters="none", length=3):
    """Texts whose interval the method does not fill from end to end.

    A code point just inside either end must name the text. Texts come in the order of the codes, so
    whatever lies between names it too: the measure of the shifts that give a text is its
    probability, to the width of the margin.
    """
    law = table_law(pair["target"], length, parse_chain(filters))
    wrong = []
    for text, (low, high) in intervals(law).items():
        margin = (high - low) / 10**6
        for code in (low + margin, high - margin):
            u = (code - Fraction(1, 2)) % 1  # of one sample: c = 1/2 + u
            if texts_at(pair, u, 1, length, filters) != [text]:
                wrong.append((text, float(code)))
    return wrong


@pytest.mark.parametrize("filters", ["none", "temperature=0.6,top_k=2"])
def test_the_shifts_that_give_a_text_measure_its_probability(filters, pair):
    assert misplaced(pair, filters) == []


def test_codes_that_are_not_stretched_again_are_caught(pair, monkeypatch):
    """Negative control."""
    real = module.descend
    monkeypatch.setattr(module, "descend", lambda code, line: (*real(code, line)[:3], code))
    assert misplaced(pair)


def test_texts_come_in_the_order_of_their_codes(pair):
    for j in range(12):
        u, n = Fraction(2 * j + 1, 24), 6
        codes = [(Fraction(i, n + 1) + u) % 1 for i in range(1, n + 1)]
        law = intervals(table_law(pair["target"], 3))
        named = [next(t for t, (low, high) in law.items() if low <= c < high) for c in codes]
        assert texts_at(pair, u, n) == list(dict.fromkeys(named))


def test_a_text_is_named_as_often_as_it_deserves(pair):
    n, law = 7, table_law(pair["target"], 2)
    for j in range(8):
        events = []
        u = Fraction(2 * j + 1, 16)
        run = play("arithmetic_sampling", {"n": n}, pair, Given(u), 2, record=events)
        ends = [e.node for e in events if e.kind == "mark" and e.mark == "finished"]
        named = [tuple(run.tree.tokens(node)) for node in ends]
        assert len(named) == n
        for text, p in law.items():
            assert floor(p * (n + 1)) - 1 <= named.count(text) <= ceil(p * (n + 1))


def test_averages_vary_less_than_over_independent_samples(pair):
    """The variance over all shifts, by an even grid of them, against the one of n draws."""
    n, law = 8, table_law(pair["target"], 3)
    mean = sum(p * len(t) for t, p in law.items())
    independent = sum(p * (len(t) - mean) ** 2 for t, p in law.items()) / n
    spans = intervals(law)
    grid, means = 64, []
    for j in range(grid):
        u = Fraction(2 * j + 1, 2 * grid)
        codes = [(Fraction(i, n + 1) + u) % 1 for i in range(1, n + 1)]
        named = [next(t for t, (a, b) in spans.items() if a <= c < b) for c in codes]
        if j % 16 == 0:
            assert texts_at(pair, u, n) == list(dict.fromkeys(named))
        means.append(sum(map(len, named)) / n)
    assert sum(means) / grid == pytest.approx(mean, abs=0.02)
    assert sum((m - mean) ** 2 for m in means) / grid < 0.5 * independent


def test_seeded_texts_follow_the_law_beyond_the_first_53_places():
    """A law of which a text uses up 159 binary places: 60 tokens of two to three bits each."""
    from explorer.models.table import TableLM

    table = TableLM(8, 3, peak=0.5)
    table.eos_ids = frozenset()
    share = torch.zeros(8, dtype=torch.float64)
    want = torch.zeros(8, dtype=torch.float64)
    for seed in range(12):
        run = play("arithmetic_sampling", {"n": 1}, {"target": table}, Seeded(seed), 60)
        ids = run.tree.tokens(run.head)
        for i in range(30, 60):
            share[ids[i]] += 1 / 360
            want += table.logits((1, 2, *ids[:i])).double().softmax(-1) / 360
    law = {(v,): float(x) for v, x in enumerate(share)}
    expected = {(v,): float(x) for v, x in enumerate(want)}
    assert total_variation(law, expected) < 3 * (8 / (4 * 360)) ** 0.5


def test_different_points_part(pair):
    texts = texts_at(pair, Fraction(1, 3), 16)
    assert len(texts) == len(set(texts)) > 3
