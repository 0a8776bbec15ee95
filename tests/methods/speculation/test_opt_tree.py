"""OPT-Tree: the tree is the best of its size, and the target's law is kept."""

import itertools

import pytest
from oracle import PROMPT, Walk, exact_law, play, table_law, total_variation
from rules import believing

import explorer.methods.speculation.opt_tree as module
from explorer.methods.speculation.opt_tree import OptTreeParams, expected, grow
from explorer.models.table import EOS, TableLM
from explorer.run import Limits, Run


def grown(draft, **params):
    run = Run({"target": draft, "draft": draft}, PROMPT, Walk(), Limits(max_new_tokens=10))
    return run, grow(run, run.root, OptTreeParams(**params))


def values(draft, depth):
    """What every path is worth by the draft's law."""
    found = {(): 1.0}
    for n in range(depth):
        for path in [path for path in found if len(path) == n and EOS not in path]:
            law = draft.logits((*PROMPT.ids, *path)).softmax(-1)
            found |= {(*path, v): found[path] * float(law[v]) for v in range(draft.vocab_size)}
    del found[()]
    return found


def is_closed(paths):
    return all(len(path) == 1 or path[:-1] in paths for path in paths)


@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_no_tree_of_that_size_is_worth_more(nodes):
    """By trying all trees of up to three layers."""
    for seed in range(5):
        draft = TableLM(3, seed)
        worth = values(draft, 3)
        best = max(
            sum(worth[path] for path in paths)
            for paths in itertools.combinations(worth, nodes)
            if is_closed(paths)
        )
        _, tree = grown(draft, nodes=nodes, gain=0.0, depth=3)
        assert expected(tree) == pytest.approx(best)


def test_parents_come_first_and_are_there():
    run, tree = grown(TableLM(5, 1), nodes=20, gain=0.0)
    seen = {run.root}
    for guess in tree:
        assert guess.parent in seen
        seen.add(guess.node)
    assert all(run.tree.alive(guess.node) for guess in tree)


def test_a_layer_that_adds_too_little_is_the_last():
    depths = []
    for gain in (0.0, 0.3, 10.0):
        run, tree = grown(TableLM(5, 1, peak=4.0), nodes=10, gain=gain)
        depths.append(max(run.tree.depth(guess.node) for guess in tree))
    assert depths == sorted(depths, reverse=True)
    assert depths[0] > depths[-1] == 1


def test_a_text_that_the_draft_knows_comes_many_tokens_a_pass():
    target = TableLM(5, 3, peak=6.0)
    run = play("opt_tree", {"gain": 0.0}, {"target": target, "draft": target}, Walk(), 12)
    assert run.totals()["target_passes"] <= -(-run.totals()["tokens"] // 3)


def test_believing_the_draft_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    law = exact_law("opt_tree", {"filters": "none"}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01
