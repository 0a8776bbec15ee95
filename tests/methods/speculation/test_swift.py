"""SWIFT: the search only gets better, its score is what it says, and the law is the target's."""

import itertools

import pytest
from oracle import Walk, exact_law, play, table_law, total_variation
from tiny import Tiny

import explorer.methods.speculation.swift as module
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.run import Limits, Prompt, Run
from explorer.sampling import parse_chain

PROMPT = Prompt("", (3, 1, 4, 1, 5))


class Steady(Walk):
    """Walks draws and coins; the search's own numbers are always the same ones."""

    def __init__(self, script=()):
        super().__init__(script)
        self._numbers = itertools.cycle([0.3, 0.9, 0.1, 0.7, 0.5, 0.2, 0.8])

    def uniform(self):
        return next(self._numbers)


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("ratio", [0.25, 1.0])
def test_it_follows_the_target(length, ratio):
    target = TableLM(3, 5)
    params = {"length": length, "ratio": ratio, "threshold": 0.4}
    law = exact_law("swift", params, {"target": target}, 3)
    assert total_variation(law, table_law(target, 3)) < 1e-12


def test_it_follows_the_target_while_the_set_changes(monkeypatch):
    """The set of the fourth token's draft was found on the second."""
    monkeypatch.setattr("oracle.Walk", Steady)
    changes = []
    honest = module.MaskSearch.observe
    monkeypatch.setattr(
        module.MaskSearch, "observe", lambda *at: changes.append(honest(*at)) or changes[-1]
    )
    target = TableLM(3, 5)
    params = {"window": 1, "length": 1, "ratio": 0.5, "filters": "top_k=2"}
    law = exact_law("swift", params, {"target": target}, 4)
    assert total_variation(law, table_law(target, 4, parse_chain("top_k=2"))) < 1e-12
    assert any(changes)


@pytest.mark.parametrize("seed", range(3))
def test_the_greedy_text_of_a_network(seed):
    tiny = Tiny(seed, eos=(12,), blocks=6)
    plain = play("greedy", {}, {"target": tiny.model}, Walk(), 32, PROMPT)
    params = {"filters": "temperature=0", "window": 4, "threshold": 0.3}
    events = []
    run = play("swift", params, {"target": tiny.model}, Seeded(seed), 32, PROMPT, events)
    assert run.tree.tokens(run.head) == plain.tree.tokens(plain.head)
    if len(run.tree.tokens(run.head)) > 10:
        best = [e.value for e in events if e.kind == "note" and e.name == "matchness"]
        assert best == sorted(best)
        sets = [e.value for e in events if e.kind == "note" and e.name == "left out"]
        assert {sum(map(sum, rows)) for rows in sets} == {round(0.45 * 8)}


def test_matchness_is_the_share_of_equal_choices():
    table = TableLM(5, 2)
    run = Run({"target": table}, Prompt("", (1, 2)), Seeded(0), Limits(max_new_tokens=9))
    logits = table.logits
    node, hits = run.root, []
    for token in (1, 2, 3, 4):
        hits.append(int(logits((1, 2, *run.tree.tokens(node))).argmax()) == token)
        node = run.add(node, token)
    for window in (1, 2, 4):
        want = sum(hits[:window]) / window
        assert module.matchness(run, run.variant("trial"), node, window) == want


def test_a_doubtful_guess_has_more_siblings_than_a_sure_one():
    counts = {}
    for peak, chain in ((0.2, "none"), (150.0, "none"), (150.0, "temperature=0")):
        table = TableLM(8, 3, peak=peak)
        run = Run({"target": table}, Prompt("", (1, 2)), Seeded(0), Limits(max_new_tokens=9))
        (q,) = run.laws(parse_chain(chain), run.target([run.root]), [run.root])
        counts[peak, chain] = len(module.with_siblings(run, q))
    assert counts[0.2, "none"] == 8  # ten are wanted, eight tokens are there
    assert counts[150.0, "none"] == 1
    assert counts[150.0, "temperature=0"] == 3  # nothing else can be drawn


def test_sorting_siblings_by_their_law_is_caught(monkeypatch):
    """Negative control."""
    honest = module.drawn_then_known

    def sorted_by_q(run, law, guesses):
        return honest(run, law, sorted(guesses, key=lambda g: -float(g.q[g.token])))

    monkeypatch.setattr(module, "drawn_then_known", sorted_by_q)
    target = TableLM(4, 5)
    law = exact_law("swift", {"ratio": 1.0, "length": 1}, {"target": target}, 2)
    assert total_variation(law, table_law(target, 2)) > 0.001
