"""Staged speculative decoding: the inner stage saves passes of the draft, and that is all."""

import pytest
from oracle import endless, exact_law, play, table_law, total_variation
from rules import believing

import explorer.methods.speculation.staged_speculative as module
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.run import Prompt


class Short(TableLM):
    """A table whose law depends on the last token alone, so that n-grams can learn it."""

    def logits(self, prefix):
        return super().logits(tuple(prefix)[-1:])


def repetitive():
    return {"target": endless(Short(5, 4)), "draft": endless(Short(5, 4))}


@pytest.mark.parametrize("nodes", [1, 3, 6])
@pytest.mark.parametrize("ahead", [0, 2])
def test_it_follows_the_target(pair, nodes, ahead):
    params = {"nodes": nodes, "width": 2, "ahead": ahead, "filters": "none"}
    law = exact_law("staged_speculative", params, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4)) < 1e-12


def trees(ahead, seed):
    """The guesses that were judged or dropped as guesses of each round, and the draft's passes."""
    events = []
    params = {"ahead": ahead, "filters": "none", "nodes": 6}
    prompt = Prompt("", (1, 2, 3, 1, 2, 3))
    run = play("staged_speculative", params, repetitive(), Seeded(seed), 20, prompt, events)
    asked = [e for e in events if e.kind == "eval" and e.view == "target"]
    tokens = [sorted(tuple(run.tree.tokens(n)) for n in e.nodes) for e in asked]
    passes = sum(e.value for e in events if e.kind == "note" and e.name == "draft passes")
    saved = sum(e.value for e in events if e.kind == "note" and e.name == "saved passes")
    return run.tree.tokens(run.head), tokens, passes, saved


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_three_stages_are_two_with_fewer_passes_of_the_draft(seed):
    text, tree, passes, saved = trees(4, seed)
    plain_text, plain_tree, plain_passes, _ = trees(0, seed)
    assert text == plain_text
    assert tree == plain_tree
    assert passes + saved == plain_passes
    assert saved > 0


def test_the_width_shrinks_with_depth():
    events = []
    params = {"nodes": 20, "width": 3, "ahead": 0}
    run = play("staged_speculative", params, repetitive(), Seeded(0), 12, record=events)
    children = {}
    for e in events:
        if e.kind == "node" and e.by == "draft" and e.step == 0:
            children.setdefault(e.parent, []).append(e.id)
    assert all(len(c) <= max(1, 3 - run.tree.depth(n)) for n, c in children.items())
    assert len(children[run.root]) == 3


def test_believing_the_draft_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    law = exact_law("staged_speculative", {"filters": "none"}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01
