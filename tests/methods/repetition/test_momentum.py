"""Momentum decoding: paths found as a naive search finds them, and walls that hold."""

from itertools import pairwise

import pytest
from oracle import PROMPT, Walk, play, toy_pair

from explorer.errors import InputError
from explorer.models.table import EOS, TableLM
from explorer.registry import get_method

LENGTH = 20


class Endless(TableLM):
    """A table that seldom ends its texts, so that they come back to where they were."""

    def logits(self, prefix):
        # Two tokens of memory: the text runs into a loop.
        row = super().logits(tuple(prefix)[-2:]).clone()
        row[EOS] = -20.0
        return row


def holds(text, part):
    return any(text[i : i + len(part)] == part for i in range(len(text) - len(part) + 1))


def naive(text, v, most):
    """The longest end of text + v that stands in the text, by trying all lengths."""
    whole = [*text, v]
    return max(n for n in range(most + 1) if n == 0 or holds(text, whole[-n:]))


def by_hand(table, k, alpha, f, longest=naive):
    text = list(PROMPT.ids)
    for _ in range(LENGTH):
        probs = table.logits(text).double().softmax(-1)
        top = probs.topk(k).indices.tolist()
        weigh = [top[0]] if top[0] not in text else top
        text.append(max(weigh, key=lambda v: float(probs[v]) - alpha * f[longest(text, v, 5)]))
        if text[-1] == EOS:
            break
    return text[len(PROMPT.ids) :]


def searched(table, **values):
    run = play("momentum", values, {"target": table}, Walk(), LENGTH)
    return run.tree.tokens(run.head)


def test_it_equals_a_naive_search_for_repeated_ends():
    for seed in range(8):
        table = Endless(6, seed)
        for k, alpha in ((3, 0.05), (5, 0.2), (6, 1.0)):
            want = by_hand(table, k, alpha, [0, 1, 2, 3, 4, 5])
            assert searched(table, k=k, alpha=alpha) == want


def test_looking_at_the_last_token_alone_is_caught():
    """Negative control: the resistance grows with the length of the path."""

    def short(text, v, most):
        return min(naive(text, v, most), 1)

    f = [0, 1, 2, 3, 4, 5]
    tables = [Endless(6, seed) for seed in range(8)]
    assert any(searched(t, k=5) != by_hand(t, 5, 0.2, f, short) for t in tables)


def test_without_strength_it_is_greedy():
    for seed in range(6):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), LENGTH)
        for resistance in ("1 2 3 4 5", "1 inf"):
            text = searched(pair["target"], alpha=0.0, resistance=resistance)
            assert text == greedy.tree.tokens(greedy.head)


def test_an_infinite_resistance_forbids_walking_so_far_again():
    for seed in range(8):
        table = Endless(6, seed)
        text = list(PROMPT.ids) + searched(table, k=6, resistance="1 inf")
        pairs = list(pairwise(text))
        assert len(pairs) == len(set(pairs))
        loose = list(PROMPT.ids) + searched(table, k=6, alpha=0.0)
        assert len(list(pairwise(loose))) > len(set(pairwise(loose)))


def test_it_is_noted_where_each_candidate_leads_back_to_and_what_that_costs():
    events, table = [], [0.0, 1.0, 3.0]
    run = play("momentum", {"k": 4, "alpha": 0.5, "resistance": "1 3"}, {"target": Endless(6, 1)},
               Walk(), LENGTH, record=events)  # fmt: skip
    text = [*PROMPT.ids, *run.tree.tokens(run.head)]
    noted = [e for e in events if e.kind == "note" and e.name == "revisits"]
    assert len(noted) > LENGTH / 2
    for event in noted:
        before = text[: len(PROMPT.ids) + run.tree.depth(event.node)]
        for back in event.value["candidates"]:
            place = back["place"] + len(PROMPT.ids)
            assert place < len(before)
            n = back["tokens"]
            assert [*before, back["token"]][-n:] == before[place - n + 1 : place + 1]
            assert back["cost"] == pytest.approx(0.5 * table[n])


@pytest.mark.parametrize("table", ["", "steep", "1 -2", "1 nan"])
def test_a_resistance_that_is_no_table_is_refused(table):
    with pytest.raises(InputError, match=r"resistance = .* numbers of 0 or more"):
        get_method("momentum").parse({"resistance": table})
