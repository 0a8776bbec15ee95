"""RSD-S: beginnings turn up as draws without replacement do, and the target's law is kept."""

from collections import defaultdict

import pytest
import torch
from oracle import PROMPT, Walk, all_texts, exact_law, play, table_law, text_logp, total_variation

import explorer.methods.speculation.rsd_s as module
from explorer.methods.speculation.rsd_s import Beam, next_level
from explorer.models.table import EOS, TableLM
from explorer.randomness import Seeded
from explorer.run import Limits, Run


def models(vocab_size=3, weight=0.6):
    target = TableLM(vocab_size, 5)
    return {"target": target, "draft": TableLM(vocab_size, 77, like=(target, weight))}


@pytest.mark.parametrize(("width", "length"), [(1, 2), (2, 1), (2, 2), (3, 1)])
def test_it_follows_the_target(width, length):
    pair = models()
    law = exact_law("rsd_s", {"width": width, "length": length}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) < 1e-12


def order_of_beginnings(draft, width, length):
    """The exact law of the beginnings that are kept on the last level, in their order."""
    law = defaultdict(float)
    script = []
    while script is not None:
        walk = Walk(script)
        run = Run({"target": draft, "draft": draft}, PROMPT, walk, Limits(max_new_tokens=9))
        beams = [Beam(run.root, 1.0)]
        for _ in range(length):
            going = [beam.node for beam in beams if not beam.ended]
            laws = run.laws((), run.draft(going), going) if going else []
            beams = next_level(run, beams, {law.node: law for law in laws}, width, {})
        law[tuple(tuple(run.tree.tokens(beam.node)) for beam in beams)] += walk.probability
        script = walk.next_script()
    return dict(law)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_order_is_that_of_draws_without_replacement(width):
    """Plackett and Luce's law over whole beginnings, ended ones included."""
    draft = TableLM(3, 8)
    want = {(): 1.0}
    probability = {text: torch.tensor(text_logp(draft, text)).exp().item()
                   for text in all_texts(3, 2)}  # fmt: skip
    for _ in range(width):
        longer = {}
        for drawn, chance in want.items():
            left = 1 - sum(probability[text] for text in drawn)
            for text, p in probability.items():
                if text not in drawn:
                    longer[(*drawn, text)] = chance * p / left
        want = longer
    got = order_of_beginnings(draft, width, 2)
    assert total_variation(got, want) < 1e-6  # float32 tables


def test_the_first_child_of_a_node_is_a_draw_from_the_draft():
    """Whatever the other beams do: otherwise recursive rejection would be wrong."""
    draft, script = TableLM(3, 8), []
    first = defaultdict(lambda: torch.zeros(3, dtype=torch.float64))
    while script is not None:
        walk, events = Walk(script), []
        models = {"target": draft, "draft": draft}
        play("rsd_s", {"width": 2, "length": 2}, models, walk, 3, record=events)
        seen = set()
        for e in events:
            if e.kind == "node" and e.step == 0 and e.by == "draft" and e.parent not in seen:
                seen.add(e.parent)
                above = () if e.parent == 0 else (parent_token(events, e.parent),)
                first[above][e.token] += walk.probability
        script = walk.next_script()
    assert len(first) == 3  # below the root, and below each token that is no end
    for above, found in first.items():
        q = torch.softmax(draft.logits((*PROMPT.ids, *above)).double(), -1)
        assert torch.allclose(found / found.sum(), q, atol=1e-6)


def parent_token(events, node):
    return next(e.token for e in events if e.kind == "node" and e.id == node)


def test_a_level_never_holds_more_than_the_width():
    events = []
    play("rsd_s", {"width": 3, "length": 4}, models(5), Seeded(2), 12, record=events)
    born = defaultdict(list)
    for e in events:
        if e.kind == "node" and e.by == "draft":
            born[e.step, e.parent].append(e.token)
    assert max(len(tokens) for tokens in born.values()) <= 3
    notes = [e.value for e in events if e.kind == "note"]
    assert notes
    assert all(len(phi) <= 3 for phi in notes)
    assert any(EOS not in tokens for tokens in born.values())


def test_sorting_siblings_by_the_drafts_law_is_caught(monkeypatch):
    """Negative control."""
    honest = module.without_replacement

    def sorted_by_q(run, law, guesses):
        return honest(run, law, sorted(guesses, key=lambda g: -float(g.q[g.token])))

    monkeypatch.setattr(module, "without_replacement", sorted_by_q)
    pair = models(4, 0.8)
    law = exact_law("rsd_s", {"width": 3, "length": 1}, pair, 2)
    assert total_variation(law, table_law(pair["target"], 2)) > 0.001
