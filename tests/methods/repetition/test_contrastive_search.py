"""Contrastive search equals the formula recomputed from whole texts, on tables and on a network."""

import pytest
import torch
from oracle import PROMPT, Walk, play, toy_pair
from tiny import Tiny

import explorer.methods.repetition.contrastive_search as module
from explorer.models.table import EOS, TableLM, TableView, seeded_state
from explorer.run import Prompt
from explorer.similarity import isotropy

LENGTH = 6


def read_table(table):
    """Law and states (T, d) of a whole text."""

    def read(text):
        states = [seeded_state(table.depth, text[: i + 1]) for i in range(len(text))]
        return torch.softmax(table.logits(text).double(), -1), torch.stack(states)

    return read


def read_network(tiny):
    def read(text):
        with torch.no_grad():
            out = tiny.net(torch.tensor([text]), output_hidden_states=True, use_cache=False)
        return torch.softmax(out.logits[0, -1].double(), -1), out.hidden_states[-1][0]

    return read


def by_hand(read, prompt, length, k, alpha, skip=0):
    """The method without a tree: each candidate's text is read anew from its beginning."""
    text = tuple(prompt)
    while len(text) < len(prompt) + length and (text == prompt or text[-1] != EOS):
        probs, _ = read(text)
        scores = {}
        for v in probs.topk(k).indices.tolist():
            _, h = read((*text, v))
            alike = torch.cosine_similarity(h[-1:].double(), h[skip:-1].double()).max()
            scores[v] = float((1 - alpha) * probs[v] - alpha * alike)
        text = (*text, max(scores, key=scores.get))
    return list(text[len(prompt) :])


def searched(model, length=LENGTH, prompt=PROMPT, **values):
    run = play("contrastive_search", values, {"target": model}, Walk(), length, prompt)
    return run.tree.tokens(run.head)


CASES = [(seed, k, alpha) for seed in range(5) for k in (2, 5) for alpha in (0.6, 1.0)]


def test_it_equals_the_formula_on_whole_texts():
    for seed, k, alpha in CASES:
        table = TableLM(5, seed)
        want = by_hand(read_table(table), PROMPT.ids, LENGTH, k, alpha)
        assert searched(table, k=k, alpha=alpha) == want


@pytest.mark.parametrize("seed", [1, 2])
def test_it_equals_the_formula_on_a_network(seed):
    tiny, prompt = Tiny(seed), Prompt("", (3, 1, 4, 1, 5))
    want = by_hand(read_network(tiny), prompt.ids, 10, 4, 0.6)
    assert searched(tiny.model, 10, prompt, k=4) == want


def test_forgetting_where_the_prompt_began_is_caught():
    """Negative control: the text that a candidate is held against is all of it."""
    same = [
        searched(TableLM(5, seed), k=k, alpha=alpha)
        == by_hand(read_table(TableLM(5, seed)), PROMPT.ids, LENGTH, k, alpha, skip=1)
        for seed, k, alpha in CASES
    ]
    assert not all(same)


def test_without_penalty_or_with_one_candidate_it_is_greedy():
    for seed in range(6):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), LENGTH)
        want = greedy.tree.tokens(greedy.head)
        assert searched(pair["target"], alpha=0.0) == want
        assert searched(pair["target"], k=1) == want


def test_states_that_have_nothing_in_common_make_it_greedy(monkeypatch):
    def orthogonal(self, nodes, layer):
        return torch.eye(64)[[len(self._prefix(node)) for node in nodes]]

    monkeypatch.setattr(TableView, "hidden", orthogonal)
    monkeypatch.setattr(TableView, "prompt_hidden", lambda self, layer: torch.eye(64)[[1, 2]])
    for seed in range(6):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), LENGTH)
        assert searched(pair["target"], alpha=0.9) == greedy.tree.tokens(greedy.head)


def test_isotropy_is_one_minus_the_mean_cosine_of_different_states():
    assert isotropy(torch.ones(5, 3)) == pytest.approx(0.0)
    assert isotropy(torch.eye(4)) == pytest.approx(1.0)
    assert isotropy(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])) == pytest.approx(2 / 3)
    torch.manual_seed(0)
    assert isotropy(torch.randn(200, 100)) == pytest.approx(1.0, abs=0.01)


def test_the_isotropy_of_every_layer_and_the_cosines_are_noted():
    events = []
    play("contrastive_search", {}, {"target": TableLM(5, 1)}, Walk(), LENGTH, record=events)
    noted = {e.name: e.value for e in events if e.kind == "note"}
    assert len(noted["isotropy"]) == TableLM(5, 1).depth + 1
    size = len(noted["similarity"])
    assert size > 2
    assert all(noted["similarity"][i][i] == 1 for i in range(size))
    assert size <= module.SHOWN
