"""Chain-of-thought decoding finds the branch that is surest of its answer."""

import pytest
import torch
from oracle import PROMPT, Walk, play, toy_pair

import explorer.methods.sampling.chain_of_thought_decoding as module
from explorer.answers import Answer, find_answer
from explorer.errors import InputError
from explorer.models.table import TableLM
from explorer.run import Prompt


class Branches(TableLM):
    """Three beginnings a, b, c; after each one letter, of which only c's is certain."""

    FIRST = (-9.0, 3.0, 2.0, 1.0, -9.0)
    SECOND = {  # noqa: RUF012
        1: (-9.0, 1.0, 0.9, 0.8, 0.7),  # a: a by a hair
        2: (-9.0, 0.0, 2.0, 1.0, 0.0),  # b: b, rather
        3: (-9.0, 0.0, 0.0, 0.0, 9.0),  # c: d, surely
    }

    def __init__(self):
        super().__init__(5)

    def logits(self, prefix):
        text = prefix[2:]
        if not text:
            return torch.tensor(self.FIRST)
        if len(text) == 1:
            return torch.tensor(self.SECOND.get(text[0], self.SECOND[1]))
        return torch.tensor((9.0, 0.0, 0.0, 0.0, 0.0))


def decoded(models, length=3, **params):
    events = []
    run = play("chain_of_thought_decoding", params, models, Walk(), length, record=events)
    return [tuple(o.token_ids) for o in run.end().outputs], events, run


def confidences(events):
    return next(e.value for e in events if e.kind == "note" and e.name == "confidence")


def margin(logits):
    first, second = torch.tensor(logits, dtype=torch.float64).softmax(0).topk(2).values.tolist()
    return first - second


def last_letter(monkeypatch):
    """Answers that are the second letter alone."""
    real = find_answer

    def second(text, kind, marker=""):
        whole = real(text, "text")
        return type(whole)(whole.text[1:2], whole.start + 1, whole.start + 2)

    monkeypatch.setattr("explorer.answers.find_answer", second)


def test_the_branch_with_the_sure_answer_wins(monkeypatch):
    last_letter(monkeypatch)
    texts, events, _ = decoded({"target": Branches()}, k=3)
    assert texts == [(3, 4, 0), (2, 2, 0), (1, 1, 0)]
    want = [margin(Branches.SECOND[token]) for token in (1, 2, 3)]
    assert confidences(events) == pytest.approx(want)


def test_confidence_over_the_whole_text_would_choose_otherwise(monkeypatch):
    """Negative control: margins of the wrong tokens."""
    last_letter(monkeypatch)
    monkeypatch.setattr(module, "answer_nodes", lambda run, node, answer: run.tree.path(node)[:1])
    texts, _, _ = decoded({"target": Branches()}, k=3)
    assert texts[0] != (3, 4, 0)


def test_equal_answers_join_their_confidence(monkeypatch):
    last_letter(monkeypatch)
    table = Branches()
    table.SECOND = {**table.SECOND, 1: (-9.0, 0.0, 3.0, 0.0, 0.0), 2: (-9.0, 0.0, 3.0, 0.0, 0.0)}
    alone, _, _ = decoded({"target": table}, k=3)
    joined, _, _ = decoded({"target": table}, k=3, vote=True)
    assert alone[0] == (3, 4, 0)
    assert joined == [(1, 2, 0), (3, 4, 0)]  # b twice: 2 · 0.83 beats 0.999


def test_one_branch_is_greedy():
    for seed in range(10):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), 4)
        assert decoded(pair, 4, k=1)[0] == [tuple(greedy.tree.tokens(greedy.head))]


def test_confidence_is_a_mean_of_margins_between_0_and_1():
    for seed in range(10):
        _, events, run = decoded(toy_pair(seed), 4, k=5)
        found = confidences(events)
        assert len(found) == 5
        assert all(0 <= delta <= 1 for delta in found)
        for output, delta in zip(run.end().outputs, sorted(found, reverse=True), strict=True):
            assert output.score == delta


def test_the_tokens_of_an_answer_are_those_that_wrote_its_characters():
    run = decoded({"target": Branches()}, k=1)[2]
    whole = run.tree.path(run.head)
    both = find_answer(run.text(run.head), "text")
    assert (both.start, both.end) == (0, 2)
    assert module.answer_nodes(run, run.head, both) == whole[:2]  # the end token writes nothing
    assert module.answer_nodes(run, run.head, Answer("a", 1, 2)) == whole[1:2]


class Asked(Branches):
    """The three beginnings end at once; what a letter answers is told behind “dd” alone."""

    def logits(self, prefix):
        text = tuple(prefix[2:])
        if len(text) == 3 and text[1:] == (4, 4):
            return torch.tensor(self.SECOND[text[0]])
        return torch.tensor((9.0, 0.0, 0.0, 0.0, 0.0) if text else self.FIRST)


ASK = {"answer": "marker", "marker": "dd", "ask": True, "k": 3}


def test_an_answer_that_is_asked_for_is_read_behind_the_words():
    texts, events, _ = decoded({"target": Asked()}, **ASK)
    assert texts[0] == (3, 0), "the text itself has neither the words nor the answer"
    want = [margin(Branches.SECOND[letter]) for letter in (1, 2, 3)]
    assert confidences(events) == pytest.approx(want, abs=1e-6)


def test_words_that_are_not_put_there_are_not_answered(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "own_tokens", lambda model, words: [4])
    with pytest.raises(InputError, match="ask: none of the 3 texts has an answer"):
        decoded({"target": Asked()}, **ASK)


class Silent(Asked):
    """Behind “dd” nothing is told."""

    def logits(self, prefix):
        return torch.tensor((9.0, 0.0, 0.0, 0.0, 0.0) if len(prefix) > 2 else self.FIRST)


def test_the_confidence_is_that_of_the_new_tokens_behind_a_marker_taken_over():
    behind = Prompt(PROMPT.text, (*PROMPT.ids, 4, 4), begun=(4, 4))
    table, events = Branches(), []
    table.logits = lambda prefix: Branches.logits(table, [*PROMPT.ids, *prefix[4:]])
    params = {"k": 3, "answer": "marker", "marker": "dd"}
    play("chain_of_thought_decoding", params, {"target": table}, Walk(), 3, behind, events).end()
    first = margin(Branches.FIRST)
    want = [(first + margin(Branches.SECOND[letter])) / 2 for letter in (1, 2, 3)]
    assert confidences(events) == pytest.approx(want, abs=1e-6)


def test_where_nothing_is_answered_a_sentence_names_the_field():
    with pytest.raises(InputError, match="ask: none of the 3 texts has an answer behind the mark"):
        decoded({"target": Silent()}, **ASK)


def test_asking_needs_words_and_room():
    with pytest.raises(InputError, match="ask = True is not allowed: asking needs answer = marker"):
        decoded({"target": Asked()}, ask=True)
    with pytest.raises(InputError, match="ask: the marker and an answer need 14 tokens"):
        decoded({"target": Asked()}, length=60, **ASK)
