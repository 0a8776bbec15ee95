"""Frustratingly simple decoding, both forms, against counts and states taken anew at each step."""

import pytest
import torch
from oracle import PROMPT, Walk, play, toy_pair

from explorer.models.table import EOS, TableLM, seeded_state
from explorer.ngrams import NGramModel

LENGTH = 14


class Endless(TableLM):
    """A table that seldom ends its texts and remembers two tokens, so that they repeat."""

    def logits(self, prefix):
        row = super().logits(tuple(prefix)[-2:]).clone()
        row[EOS] = -20.0
        return row


def recount(text, v, n, beta, smoothing="interpolated"):
    """The anti-model's probability by counting the whole text again."""
    rest, total = 1.0, 0.0
    one = smoothing == "authors"
    for m in range(n, 1, -1):
        context = text[len(text) - m + 1 :] if len(text) >= m - 1 else None
        places = [i for i in range(len(text) - m + 1) if text[i : i + m - 1] == context]
        hits = sum(text[i + m - 1] == v for i in places)
        if not places or (one and not hits):
            continue
        total += rest * beta * hits / (len(places) + one)
        rest *= 1 - beta
    return total + rest * text.count(v) / (len(text) + one)


def resemblance(table, text, v, n, anywhere=False):
    """The vector form's penalty with the states of each beginning of the text."""
    m = n - 1
    states = [seeded_state(table.depth, tuple(text[: i + 1])) for i in range(len(text))]
    if len(text) <= m:
        return 0.0
    places = [end for end in range(m - 1, len(text) - 1) if anywhere or text[end + 1] == v]
    now = torch.cat(states[len(text) - m :])
    then = [torch.cat(states[end - m + 1 : end + 1]) for end in places]
    return max([0.0, *(float(torch.cosine_similarity(now, x, dim=0)) for x in then)])


def by_hand(table, k, alpha, penalty):
    text = list(PROMPT.ids)
    for _ in range(LENGTH):
        probs = table.logits(text).double().softmax(-1)
        top = probs.topk(k).indices.tolist()
        scores = [(1 - alpha) * float(probs[v]) - alpha * penalty(text, v) for v in top]
        text.append(top[scores.index(max(scores))])
        if text[-1] == EOS:
            break
    return text[len(PROMPT.ids) :]


def searched(table, **values):
    run = play("fsd", values, {"target": table}, Walk(), LENGTH)
    return run.tree.tokens(run.head)


@pytest.mark.parametrize("smoothing", ["interpolated", "authors"])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_ngram_form_equals_counting_anew(n, smoothing):
    for seed in range(5):
        table = Endless(6, seed)
        for beta in (0.5, 0.9):
            want = by_hand(table, 4, 0.65, lambda t, v, b=beta: recount(t, v, n, b, smoothing))
            assert searched(table, k=4, n=n, beta=beta, smoothing=smoothing) == want


@pytest.mark.parametrize("n", [2, 3])
def test_the_vector_form_equals_comparing_anew(n):
    for seed in range(3):
        table = Endless(6, seed)
        want = by_hand(table, 4, 0.45, lambda t, v, table=table: resemblance(table, t, v, n))
        assert searched(table, form="vector", k=4, n=n, alpha=0.45) == want


def test_counting_without_the_prompt_is_caught():
    """Negative control."""
    same = []
    for seed in range(8):
        table = Endless(6, seed)
        forgetful = by_hand(table, 4, 0.65, lambda t, v: recount(t[2:], v, 3, 0.9) if t[2:] else 0)
        same.append(searched(table, k=4) == forgetful)
    assert not all(same)


def test_comparing_with_places_that_another_token_followed_is_caught():
    """Negative control: only where the candidate followed is it held against it."""
    same = []
    for seed in range(3):
        table = Endless(6, seed)
        wrong = by_hand(table, 4, 0.45, lambda t, v, x=table: resemblance(x, t, v, 2, True))
        same.append(searched(table, form="vector", k=4, n=2, alpha=0.45) == wrong)
    assert not all(same)


def test_without_penalty_both_forms_are_greedy():
    for seed in range(6):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), LENGTH)
        for form in ("ngram", "vector"):
            text = searched(pair["target"], form=form, alpha=0.0)
            assert text == greedy.tree.tokens(greedy.head)


def test_the_anti_model_is_a_law_on_the_text_and_knows_nothing_else():
    model = NGramModel(3, [1, 2, 3, 1, 2, 3, 1, 2])
    law = [model.probability(v, 0.9, "interpolated") for v in range(5)]
    assert law[0] == law[4] == 0
    assert sum(law) == pytest.approx(1.0)
    assert law[3] > 0.99
