"""Variants: a network read with parts left out is the network without these parts."""

import random

import pytest
import torch
from families import (
    BLOCKS,
    CONFIGS,
    FALLS_BACK,
    HEADS,
    PROMPT,
    READ_AS_TREES,
    TOLERANCE,
    apart,
    each_alone,
    grow,
    network,
    random_tree,
    with_silent_head,
    with_silent_part,
    without_blocks,
    wrapped,
)
from transformers import DynamicCache

from explorer.errors import InputError
from explorer.tree import ROOT, TokenTree

ALTERATIONS = {
    "stops after two blocks": ({"upto": 2}, lambda net: without_blocks(net, [2, 3])),
    "leaves out a block": ({"skip": ["2"]}, lambda net: without_blocks(net, [2])),
    "leaves out the last": ({"skip": ["3"]}, lambda net: without_blocks(net, [3])),
    "leaves out an attention": (
        {"skip": ["1.attention"]},
        lambda net: with_silent_part(net, 1, "attention"),
    ),
    "leaves out an MLP": ({"skip": ["1.mlp"]}, lambda net: with_silent_part(net, 1, "mlp")),
    "silences two heads": (
        {"heads": [(1, 0), (3, 2)]},
        lambda net: with_silent_head(with_silent_head(net, 1, 0), 3, 2),
    ),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
@pytest.mark.parametrize("name", READ_AS_TREES)
def test_a_variant_of_its_own_is_the_altered_network(name, alteration):
    """And the full view, asked in between, gives what it gives without any variant."""
    how, alter = ALTERATIONS[alteration]
    net = network(name).net
    altered = alter(net)
    tree = random_tree(15)
    nodes = list(range(15))
    # On a fresh network the variant comes first: nothing may depend on an earlier full pass.
    full = wrapped(net).open(tree, PROMPT, "target")
    own = full.variant(**how, shared=False)
    sharing = full.variant(**how)

    want = each_alone(altered, tree, nodes)
    plain = each_alone(net, tree, nodes)
    assert apart(want, plain) > 100 * TOLERANCE, "the alteration does not show"
    assert apart(own(nodes[8:]), want[8:]) < TOLERANCE
    sharing(nodes[3:6])
    assert apart(full(nodes[:4]), plain[:4]) < TOLERANCE
    assert apart(own(nodes), want) < TOLERANCE
    sharing(nodes[::-1])
    assert apart(full(nodes), plain) < TOLERANCE
    assert apart(own(nodes), want) < TOLERANCE


@pytest.mark.parametrize("alteration", ["stops after two blocks", "leaves out a block"])
@pytest.mark.parametrize("name", sorted(FALLS_BACK))
def test_a_replayed_variant_is_the_altered_network(name, alteration):
    how, alter = ALTERATIONS[alteration]
    tree = random_tree(15)
    view = network(name).open(tree, PROMPT, "target").variant(**how)
    want = each_alone(alter(network(name).net), tree, range(15))
    assert apart(view(range(15)), want) < TOLERANCE


@torch.no_grad()
def sequential(full, altered, text, by_full):
    """Logits after `text`, whose first `by_full` tokens the full network feeds, on one cache."""
    cache = DynamicCache(config=full.config)
    ids = torch.tensor([text])
    full(input_ids=ids[:, :by_full], past_key_values=cache)
    return altered(input_ids=ids[:, by_full:], past_key_values=cache).logits[0, -1]


@pytest.mark.parametrize(
    "alteration", ["stops after two blocks", "leaves out a block", "leaves out an MLP"]
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sharing_variant_reads_what_the_full_view_knows(llama, alteration, seed):
    """Equal to decoding on one cache, where the full network fed the ancestors that it knew."""
    how, alter = ALTERATIONS[alteration]
    altered = alter(llama.net)
    chance = random.Random(seed)
    tree = TokenTree()
    full = llama.open(tree, PROMPT, "target")
    sharing = full.variant(**how)
    known = {ROOT}  # to the full view
    by_full = {ROOT: len(PROMPT) - 1}  # node -> how many tokens of its text the full network fed

    def learn(node):
        if node not in by_full:
            parent = tree.parent(node)
            learn(parent)
            by_full[node] = len(PROMPT) + tree.depth(parent) if parent in known else by_full[parent]

    for size in range(5, 41, 5):
        grow(tree, size, seed + size)
        asked = chance.sample(range(size), 4)
        for node in asked:
            learn(node)
        want = [
            sequential(llama.net, altered, [*PROMPT, *tree.tokens(n)], by_full[n]) for n in asked
        ]
        assert apart(sharing(asked), torch.stack(want)) < TOLERANCE
        for node in chance.sample(range(size), 3):
            full([node])
            known.update(tree.upward(node))
    assert apart(full(range(40)), each_alone(llama.net, tree, range(40))) < TOLERANCE


@pytest.mark.parametrize("name", ["Llama", "Gemma 3", "T5"])
@pytest.mark.parametrize("shared", [True, False])
def test_variants_survive_compaction(name, shared):
    """Also where the blocks that a variant skips have fallen behind the count of rows."""
    net = network(name)
    tree = random_tree(200)
    full = net.open(tree, PROMPT, "target")
    shallow = full.variant(upto=2, shared=shared)
    first = shallow(range(200))
    before = full.work().cached
    kept, *lost = sorted(tree.children(ROOT), key=lambda top: len(tree.subtree(top)))
    for top in lost:
        tree.kill_guess(top)
    for token in range(30):
        tree.add(kept, token)
    asked = [node for node in range(len(tree)) if tree.alive(node)]
    if shared:
        shallow(asked)
    else:
        want = each_alone(without_blocks(net.net, [2, 3]), tree, asked)
        assert apart(shallow(asked), want) < TOLERANCE
    alive = [n for n in range(200) if tree.alive(n)]
    assert apart(shallow(alive), first[alive]) < 1e-5, "the living keep their answers"
    assert apart(full(asked), each_alone(net.net, tree, asked)) < TOLERANCE
    assert full.work().cached < before / 2, "nothing was compacted"


def test_rows_that_the_full_view_has_replaced_do_not_pile_up(llama):
    """Drafting with a new variant every round leaves no more than the text itself behind."""
    tree = TokenTree()
    full = llama.open(tree, PROMPT, "target")
    chance = random.Random(0)
    head = ROOT
    for _ in range(60):
        draft = full.variant(skip=[str(chance.randrange(BLOCKS))])
        guesses = tree.extend(head, [chance.randrange(60) for _ in range(3)])
        for guess in guesses:
            draft([tree.parent(guess)])
        full(guesses)
        tree.kill_guess(guesses[1])
        head = guesses[0]
    assert draft.work().rows <= 3
    assert full.work().cached < 128 + 10, "300 rows were computed, 70 are the text"
    assert apart(full([head]), each_alone(llama.net, tree, [head])) < TOLERANCE


def test_replaced_rows_stay_as_long_as_something_stands_on_them(llama):
    tree = TokenTree()
    above, below = tree.extend(ROOT, [1, 2])
    full = llama.open(tree, PROMPT, "target")
    sharing = full.variant(skip=["1"])
    sharing([below])
    full([above])  # takes the place of the variant's row, on which `below` was computed
    full([tree.add(tree.add(ROOT, 9), token) for token in range(60)])
    full([tree.add(tree.add(ROOT, 8), token) for token in range(60)])
    tree.kill_guess(tree.add(ROOT, 9))
    tree.kill_guess(tree.add(ROOT, 8))
    last = tree.add(below, 3)
    want = sequential(llama.net, without_blocks(llama.net, [1]), [*PROMPT, 1, 2, 3], len(PROMPT))
    assert apart(sharing([last])[0], want) < TOLERANCE
    assert full.work().cached < 20, "nothing was compacted"


def test_a_sharing_variant_pays_for_its_own_nodes_alone(llama):
    tree = TokenTree()
    chain = tree.extend(ROOT, [1, 2, 3, 4])
    full = llama.open(tree, PROMPT, "target")
    full(chain[:3])
    sharing = full.variant(upto=2)
    sharing([chain[3]])
    assert (sharing.work().passes, sharing.work().rows) == (1, 1)
    assert full.work().rows == 3, "the full view's account is its own"
    own = full.variant(upto=2, shared=False)
    own([chain[3]])
    assert (own.work().passes, own.work().rows) == (1, 4)


def test_a_variant_forgets_its_own_and_the_full_view_keeps_all(llama):
    """A drafter that forgets what it guessed reads the verifier's rows from then on."""
    tree = TokenTree()
    chain = tree.extend(ROOT, [1, 2, 3])
    full = llama.open(tree, PROMPT, "target")
    sharing = full.variant(skip=["1"])
    guessed = sharing(chain)
    full(chain)
    sharing.forget([chain[0]])
    read = sharing(chain)
    assert apart(read[:1], guessed[:1]) < 1e-5
    assert apart(read[2:], guessed[2:]) > 100 * TOLERANCE
    spent = full.work()
    assert apart(full(chain), each_alone(llama.net, tree, chain)) < TOLERANCE
    assert (full.work().passes, full.work().rows) == (spent.passes, spent.rows)


def test_when_the_full_view_forgets_so_do_those_that_stand_on_it(llama):
    tree = TokenTree()
    chain = tree.extend(ROOT, [1, 2, 3, 4])
    full = llama.open(tree, PROMPT, "target")
    full(chain[:2])
    sharing = full.variant(skip=["1"])
    sharing(chain[2:])
    full.forget([chain[1]])
    last = tree.add(chain[3], 5)
    full([chain[1]])
    altered = without_blocks(llama.net, [1])
    want = sequential(llama.net, altered, [*PROMPT, 1, 2, 3, 4, 5], len(PROMPT) + 2)
    assert apart(sharing([last])[0], want) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "how", "sentence"),
    [
        ("Llama", {"upto": 0}, "upto = 0 is not allowed: from 1 to 4 blocks"),
        ("Llama", {"upto": BLOCKS + 1}, "upto = 5 is not allowed"),
        ("Llama", {"skip": ["4"]}, "skip = '4' is not allowed: a block from 0 to 3"),
        ("Llama", {"skip": ["1.nose"]}, "skip = '1.nose' is not allowed"),
        ("Llama", {"skip": ["-1"]}, "skip = '-1' is not allowed"),
        ("Llama", {"heads": [(0, HEADS)]}, r"heads = \(0, 4\) is not allowed"),
        ("T5", {"skip": ["0"]}, "holds the position bias of all others"),
        ("Mamba", {"skip": ["1.attention"]}, "has no attention"),
        ("Mamba", {"heads": [(0, 0)]}, "has no attention"),
    ],
)
def test_what_cannot_be_altered_is_a_sentence(name, how, sentence):
    view = network(name).open(TokenTree(), PROMPT, "target")
    with pytest.raises(InputError, match=sentence):
        view.variant(**how)


def test_a_variant_is_named_for_what_it_leaves_out(llama):
    view = llama.open(TokenTree(), PROMPT, "target")
    named = view.variant(skip=["2", "1.mlp"], upto=3, heads=[(0, 1)]).name
    assert named == "target (without 1.mlp, 2; up to block 3; without heads [(0, 1)])"


def test_every_family_is_covered():
    assert set(CONFIGS) == {*READ_AS_TREES, *FALLS_BACK}
