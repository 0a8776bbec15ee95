"""NEST: its law is the mixture's, spans say where they are from, and no place is used twice."""

import math
from collections import defaultdict

import pytest
import torch
from oracle import PROMPT, exact_law, play, table_law, total_variation

from explorer.errors import InputError
from explorer.methods.speculation.nest import Book
from explorer.models.table import BLOCKS, EOS, TableLM, seeded_state
from explorer.randomness import Seeded
from explorer.run import Prompt

TEXT = "abba\n\nbab"
PASSAGES = [(1, 2, 2, 1), (2, 1, 2)]
SETTING = {"text": TEXT, "neighbours": 3, "temperature": 1.0, "offset": 0.3, "scale": 0.2,
           "threshold": 0.7, "span": 2, "leniency": 0.8}  # fmt: skip


def mixture_by_hand(table, text, used):
    """λ, the mixture, and the shares of the book's places after a text, from the formulas alone."""
    places = [(i, j) for i, some in enumerate(PASSAGES) for j in range(1, len(some))]
    free = [place for place in places if place not in used]
    p = torch.softmax(table.logits((*PROMPT.ids, *text)).double(), -1)
    if not free:
        return 1.0, p, {}
    h = seeded_state(BLOCKS, (*PROMPT.ids, *text))
    far = {(i, j): float((seeded_state(BLOCKS, PASSAGES[i][:j]) - h).pow(2).sum()) for i, j in free}
    near = sorted(far, key=far.get)[: SETTING["neighbours"]]
    ratio = far[near[0]] / far[near[-1]]
    own = 1 / (1 + math.exp(-(ratio - SETTING["offset"]) / SETTING["scale"]))
    weights = {place: math.exp(-far[place] / SETTING["temperature"]) for place in near}
    shares = {place: x / sum(weights.values()) for place, x in weights.items()}
    p = own * p
    for (i, j), share in shares.items():
        p[PASSAGES[i][j]] += (1 - own) * share
    return own, p, shares


def law_by_hand(table, length):
    """Every text with its probability: what is drawn, proposed, kept and cut, by the formulas."""
    law = defaultdict(float)

    def token(place):
        return PASSAGES[place[0]][place[1]]

    def onward(place, used):
        found = []
        while len(found) < SETTING["span"] and place[1] < len(PASSAGES[place[0]]):
            if place in used:
                break
            found.append(place)
            place = (place[0], place[1] + 1)
        return found

    def over(text):
        return len(text) == length or EOS in text

    def judge(text, span, used, chance):
        """`span` is proposed behind the text; `used` holds what was copied before it."""
        if over(text):
            law[text] += chance
            return
        if not span:
            fresh(text, used, chance)
            return
        _, p, _ = mixture_by_hand(table, text, used - current)
        w = token(span[0])
        keep = min(1.0, float(p[w] / (SETTING["leniency"] * p.max())))
        if keep > 0:
            stood(text, span, used, chance * keep)
        for x in range(table.vocab_size):
            cut = chance * (1 - keep) * float(p[x])
            if cut > 0:
                finish((*text, x), used, cut)

    def stood(text, span, used, chance):
        nonlocal current
        before = current
        current = current | {span[0]}
        text, used = (*text, token(span[0])), used | {span[0]}
        if over(text):
            law[text] += chance
        elif len(span) > 1:
            judge(text, span[1:], used, chance)
        else:
            inner, current = current, frozenset()
            place = (span[0][0], span[0][1] + 1)
            more = onward(place, used)
            judge(text, more, used, chance) if more else fresh(text, used, chance)
            current = inner
        current = before

    def finish(text, used, chance):
        nonlocal current
        before, current = current, frozenset()
        if over(text):
            law[text] += chance
        else:
            fresh(text, used, chance)
        current = before

    def fresh(text, used, chance):
        own, p, shares = mixture_by_hand(table, text, used)
        for w in range(table.vocab_size):
            here = chance * float(p[w])
            having = {place: x for place, x in shares.items() if token(place) == w}
            if own <= SETTING["threshold"] and having:
                best = max(having, key=having.get)
                stood(text, onward(best, used), used, here)
            else:
                finish((*text, w), used, here)

    current: frozenset = frozenset()  # copied within the span that is being judged
    fresh((), frozenset(), 1.0)
    return dict(law)


@pytest.mark.parametrize("seed", [0, 5, 6])
def test_its_law_is_the_one_of_the_formulas(seed):
    table = TableLM(3, seed)
    got = exact_law("nest", SETTING, {"target": table}, 4)
    assert total_variation(got, law_by_hand(table, 4)) < 1e-6
    # Approximate, and how far: this is not the target's law.
    assert total_variation(got, table_law(table, 4)) > 0.05


def test_using_places_again_is_caught(monkeypatch):
    """Negative control."""
    honest = Book.near

    def forgetful(self, h, p):
        used, self.used = self.used, set()
        try:
            return honest(self, h, p)
        finally:
            self.used = used

    monkeypatch.setattr(Book, "near", forgetful)
    table = TableLM(3, 5)
    got = exact_law("nest", SETTING, {"target": table}, 4)
    assert total_variation(got, law_by_hand(table, 4)) > 0.001


def test_with_all_weight_on_its_own_law_it_is_the_target(pair):
    law = exact_law("nest", {**SETTING, "offset": -100.0}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) < 1e-9


def test_copied_spans_say_where_they_stand_and_no_place_is_used_twice():
    table = TableLM(6, 2)
    texts = ["abcdeabcde", "edcbaedcba", "aabbccddee"]
    for seed in range(5):
        events = []
        params = {"text": "\n\n".join(texts), "offset": 5.0, "leniency": 0.1}
        prompt = Prompt("", (1, 2))
        run = play("nest", params, {"target": table}, Seeded(seed), 20, prompt, events)
        told = [e for e in events if e.kind == "note" and e.name == "source"]
        assert told
        used = []
        for e in told:
            words, where = e.value.split("” from passage ")
            passage, tokens = where.split(", tokens ")
            first, last = map(int, tokens.split(" to "))
            used += [(passage, at) for at in range(first, last + 1)]
            assert texts[int(passage) - 1][first - 1 : last] == words.removeprefix("“")
            assert table.decode(run.tree.tokens(e.node)).endswith(words.removeprefix("“"))
        assert len(used) == len(set(used))


def test_the_texts_distance_from_the_target_is_noted():
    table, events = TableLM(5, 2), []
    params = {"text": "abcdab"}
    run = play("nest", params, {"target": table}, Seeded(1), 8, record=events)
    want, prefix = 0.0, PROMPT.ids
    for token in run.tree.tokens(run.head):
        want += float(torch.log_softmax(table.logits(prefix), -1)[token])
        prefix = (*prefix, token)
    assert [e.value for e in events if e.kind == "note" and e.name == "target logp"][
        -1
    ] == pytest.approx(want, abs=1e-4)


def test_a_book_of_nothing_is_refused(pair):
    with pytest.raises(InputError, match="at least two tokens"):
        play("nest", {"text": "\n"}, pair, Seeded(0))
