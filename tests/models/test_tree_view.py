"""A tree read in few passes gives what each of its paths gives alone."""

import random

import pytest
import torch
from families import (
    CONFIGS,
    CONTEXT,
    FALLS_BACK,
    PROMPT,
    READ_AS_TREES,
    TOLERANCE,
    apart,
    build,
    each_alone,
    grow,
    network,
    passes_of,
    random_tree,
    wrapped,
)

from explorer.errors import MethodError
from explorer.models.rows import RowLayer
from explorer.tree import ROOT, TokenTree


def opened(name, tree, **kwargs):
    return network(name).open(tree, PROMPT, "target", **kwargs)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_tree_at_once_is_each_path_alone(name):
    tree = random_tree(40)
    nodes = range(len(tree))
    want = each_alone(network(name).net, tree, nodes)
    assert want.std() > 0.3, "these weights are too flat to show an error"
    assert apart(opened(name, tree)(nodes), want) < TOLERANCE


@pytest.mark.parametrize("name", CONFIGS)
def test_a_prompt_is_as_probable_as_its_beginnings_say(name):
    """The second view takes the prompt over from the first, with its numbers."""
    net, tree = network(name).net, TokenTree()
    want = []
    if not network(name).encoder_decoder:
        for i in range(1, len(PROMPT)):
            with torch.no_grad():
                last = net(torch.tensor([PROMPT[:i]])).logits[0, -1]
            want.append(float(last.log_softmax(-1)[PROMPT[i]]))
    for _ in range(2):
        assert opened(name, tree).prompt_logps() == pytest.approx(want, abs=TOLERANCE)


@pytest.mark.parametrize("name", READ_AS_TREES)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_questions_changes_nothing(name, seed):
    """Shuffled, repeated, a child before its parent, and the tree growing in between."""
    chance = random.Random(seed)
    tree = random_tree(12, seed)
    view = opened(name, tree)
    for size in (12, 20, 30):
        grow(tree, size, seed + size)
        everyone = list(range(len(tree)))
        want = each_alone(network(name).net, tree, everyone)
        child = max(everyone, key=tree.depth)
        assert apart(view([child, tree.parent(child)]), want[[child, tree.parent(child)]]) < (
            TOLERANCE
        )
        for count in (1, 2, 5):
            asked = chance.choices(everyone, k=count)
            assert apart(view(asked), want[asked]) < TOLERANCE
        chance.shuffle(everyone)
        assert apart(view(everyone), want[everyone]) < TOLERANCE


@pytest.mark.parametrize("name", READ_AS_TREES)
def test_a_compacted_cache_gives_what_it_gave(name):
    tree = random_tree(150)
    view = opened(name, tree)
    view(range(len(tree)))
    survivors = set(tree.path(max(range(len(tree)), key=tree.depth)))
    for top in tree.children(ROOT):
        if top not in survivors:
            tree.kill_guess(top)
    for node in range(1, len(tree)):
        if node not in survivors and not tree.children(node):
            tree.kill_hypothesis(node)
    rows_before = view.work().cached

    tip = max(survivors)
    grow(tree, 170, first=tip)
    asked = [*range(150, 170), *sorted(survivors)]
    want = each_alone(network(name).net, tree, asked)
    assert apart(view(asked), want) < TOLERANCE
    assert view.work().cached < rows_before / 2, "nothing was compacted"
    # The dead may be asked again; they only cost their computation.
    dead = [node for node in range(1, len(tree)) if not tree.alive(node)][:20]
    assert dead
    assert apart(view(dead), each_alone(network(name).net, tree, dead)) < TOLERANCE


def test_the_dead_may_be_asked_in_the_question_that_compacts(llama):
    """Known when asked, dropped by the compaction that the same question brings about."""
    tree = random_tree(150)
    view = llama.open(tree, PROMPT, "target", hidden=(1,))
    view(range(len(tree)))
    for top in tree.children(ROOT):
        tree.kill_guess(top)
    new = tree.add(ROOT, 60)
    asked = [new, 1, 2, ROOT]
    assert apart(view(asked), each_alone(llama.net, tree, asked)) < TOLERANCE
    assert view.work().cached < 20
    assert view.hidden(asked, 1).shape == (4, 32)


@pytest.mark.parametrize("name", ["Llama", "T5"])
def test_no_node_is_computed_twice(name):
    chance = random.Random(5)
    tree = TokenTree()
    view = opened(name, tree)
    computed = {ROOT}
    for size in range(10, 80, 5):
        grow(tree, size, size)
        asked = chance.choices(range(len(tree)), k=6)
        view(asked)
        for node in asked:
            computed.update(tree.upward(node))
        assert view.work().rows == len(computed - {ROOT})


@pytest.mark.parametrize("name", READ_AS_TREES)
def test_asking_again_costs_no_pass_and_changes_nothing(name):
    tree = random_tree(20)
    view = opened(name, tree)
    first = view(range(len(tree)))
    spent = view.work()
    again = torch.cat([view([node]) for node in range(len(tree))])
    assert apart(again, first) < 1e-5
    assert view.work() == spent


def test_many_known_nodes_are_answered_however_short_the_context():
    """Known nodes cost the head alone, which knows no positions."""
    tree = random_tree(CONTEXT + 20)
    view = opened("GPT-2", tree)
    everyone = range(len(tree))
    assert apart(view(everyone), view(everyone)) < 1e-5


@pytest.mark.parametrize("name", ["Llama", "Llama, lean in torch", "Llama, not lean"])
def test_a_question_is_one_pass_however_many_nodes_it_has(name):
    net = wrapped(build("Llama"), name=name)
    tree = random_tree(30)
    view = net.open(tree, PROMPT, "target")
    view([ROOT])
    passes = passes_of(net)
    view(range(1, 30))
    assert passes == [29]
    assert (view.work().passes, view.work().rows) == (1, 29)


def test_unknown_ancestors_come_in_the_same_pass(llama):
    tree = TokenTree()
    *_, tip = tree.extend(ROOT, [4, 8, 15, 16, 23, 42])
    view = llama.open(tree, PROMPT, "target")
    assert apart(view([tip]), each_alone(llama.net, tree, [tip])) < TOLERANCE
    assert (view.work().passes, view.work().rows) == (1, 6)


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_forgotten_is_computed_anew_and_the_same(name):
    tree = random_tree(40)
    view = opened(name, tree)
    everyone = range(len(tree))
    first = view(everyone)
    spent = view.work()
    top = max(tree.children(ROOT), key=lambda node: len(tree.subtree(node)))
    gone = tree.subtree(top)
    view.forget([top])
    if name not in FALLS_BACK:
        assert view.work().cached == spent.cached - len(gone)
    assert apart(view(everyone), first) < TOLERANCE
    if name not in FALLS_BACK:
        assert view.work().rows == spent.rows + len(gone)


def test_forgetting_the_root_forgets_all_but_the_prompt(llama):
    tree = random_tree(20)
    view = llama.open(tree, PROMPT, "target")
    first = view(range(20))
    view.forget([ROOT])
    assert view.work().cached == len(PROMPT)
    assert apart(view(range(20)), first) < TOLERANCE
    assert view.work().rows == 2 * 19


@pytest.mark.parametrize("name", ["Llama", "GPT-2", "T5"])
def test_long_trees_outgrow_the_buffers_and_stay_right(name):
    """Past the first capacity and two doublings, in questions of all sizes."""
    tree = random_tree(300)
    view = opened(name, tree)
    sizes = [1, 2, 100, 30, 1, 166]
    assert sum(sizes) == 300
    got, start = [], 0
    for size in sizes:
        got.append(view(range(start, start + size)))
        start += size
    assert apart(torch.cat(got), each_alone(network(name).net, tree, range(300))) < TOLERANCE
    assert view.work().cached > 256


@pytest.mark.parametrize("name", ["Llama", "GPT-2", "Mamba"])
def test_a_position_outside_the_context_is_a_sentence(name):
    net = network(name)
    tree = TokenTree()
    chain = tree.extend(ROOT, [1] * (net.context_length - len(PROMPT) + 1))
    view = net.open(tree, PROMPT, "target")
    with pytest.raises(MethodError, match=r"Position \d+ lies outside the context of \d+ tokens"):
        view([chain[-1]])


def test_the_last_position_of_the_context_is_inside(llama):
    tree = TokenTree()
    chain = tree.extend(ROOT, [1] * (CONTEXT - len(PROMPT)))
    logits = llama.open(tree, PROMPT, "target")([chain[-1]])
    assert apart(logits, each_alone(llama.net, tree, [chain[-1]])) < TOLERANCE


@pytest.mark.parametrize("name", ["Llama", "Mamba"])
def test_a_question_about_nothing_is_a_sentence(name):
    with pytest.raises(MethodError, match="no node at all"):
        opened(name, TokenTree())([])


@pytest.mark.parametrize("name", ["Llama", "Llama, lean in torch", "Llama, not lean", "GPT-2"])
def test_a_pass_that_failed_leaves_nothing_behind(name, monkeypatch):
    """Interrupted, out of memory: neither rows that were never written nor an altered network."""
    net = wrapped(network(name).net, name=name)
    tree = random_tree(30)
    view = net.open(tree, PROMPT, "view")
    skipping = view.variant(skip=["1", "2.mlp"], heads=[(0, 1)], shared=False)
    want = each_alone(net.net, tree, range(30))
    writers = {name: getattr(RowLayer, name) for name in ("update", "write")}

    def interrupted(right):
        def write(self, *args, **kwargs):
            if self is self._rows.layers[3]:
                raise KeyboardInterrupt
            return right(self, *args, **kwargs)

        return write

    for ask in (view, skipping, view):
        with monkeypatch.context() as patch:
            for name, right in writers.items():
                patch.setattr(RowLayer, name, interrupted(right))
            with pytest.raises(KeyboardInterrupt):
                ask(range(10, 20))
        assert apart(view(range(5)), want[:5]) < TOLERANCE
    assert apart(view(range(30)), want) < TOLERANCE
