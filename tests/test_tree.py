"""The token tree: a prefix tree whose living nodes always reach the root."""

import random

import pytest

from explorer.tree import ROOT, Mixture, TokenTree


def check_invariants(tree):
    for node in range(1, len(tree)):
        parent = tree.parent(node)
        assert parent < node, "parents are born first"
        assert tree.depth(node) == tree.depth(parent) + 1
        assert node in tree.children(parent)
        if tree.alive(node):
            assert tree.alive(parent), "a living node stands below a dead one"
    assert tree.alive(ROOT)
    assert sorted(tree.subtree(ROOT)) == list(range(len(tree)))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_done_to_it_the_living_reach_the_root(seed):
    chance = random.Random(seed)
    tree = TokenTree()
    for _ in range(200):
        node = chance.randrange(len(tree))
        before = [tree.alive(n) for n in range(len(tree))]
        match chance.randrange(6):
            case 0:
                newly = tree.kill_guess(node)
            case 1:
                newly = tree.kill_hypothesis(node)
            case 2:
                tree.add(node, None, key=chance.randrange(2))
                newly = []
            case _:
                tree.add(node, chance.randrange(3))
                newly = []
        assert len(newly) == len(set(newly))
        assert all(before[n] and not tree.alive(n) for n in newly), "newly dead, told once"
        check_invariants(tree)


def test_adding_the_same_child_again_is_the_same_node():
    tree = TokenTree()
    born = []
    tree.on_add = born.append
    child = tree.add(ROOT, 7)
    assert tree.add(ROOT, 7) == child
    assert tree.add(child, 7) != child, "the same token elsewhere is another node"
    assert born == [1, 2], "a node is announced once"


def test_a_chain_and_its_paths():
    tree = TokenTree()
    chain = tree.extend(ROOT, [5, 6, 7])
    assert tree.path(chain[-1]) == chain
    assert tree.tokens(chain[-1]) == [5, 6, 7]
    assert list(tree.upward(chain[-1])) == chain[::-1]
    assert (tree.path(ROOT), tree.tokens(ROOT), tree.parent(ROOT)) == ([], [], -1)


def test_parents_come_before_children_in_a_subtree():
    tree = TokenTree()
    top = tree.add(ROOT, 1)
    tree.add(ROOT, 2)
    left, right = tree.add(top, 3), tree.add(top, 4)
    below = tree.add(left, 5)
    assert tree.subtree(top) == [top, left, right, below]


def test_virtual_nodes_are_told_apart_by_their_keys():
    tree = TokenTree()
    one, other = tree.add(ROOT, None, key="mask 1"), tree.add(ROOT, None, key="mask 2")
    assert one != other
    assert tree.add(ROOT, None, key="mask 1") == one
    assert tree.token_or_none(one) is None
    with pytest.raises(ValueError, match="Node 1 carries no token"):
        tree.token(one)
    with pytest.raises(ValueError, match="carries no token"):
        tree.tokens(tree.add(one, 3))


def test_a_mixture_is_told_by_its_tokens_and_their_shares():
    tree = TokenTree()
    soft = tree.mix(ROOT, {7: 3.0, 4: 1.0})
    assert tree.mixture(soft) == tree.given(soft) == Mixture(((4, 0.25), (7, 0.75)))
    assert tree.mix(ROOT, {4: 2.0, 7: 6.0}) == soft, "the same shares are the same node"
    assert tree.mix(ROOT, {4: 1.0, 7: 1.0}) != soft
    below = tree.add(soft, 4)
    assert tree.given(below) == 4
    assert tree.mixture(below) is None
    with pytest.raises(ValueError, match="no token"):
        tree.tokens(below)


def test_one_token_alone_is_no_mixture():
    tree = TokenTree()
    assert tree.mix(ROOT, {7: 0.3}) == tree.add(ROOT, 7)


def test_a_virtual_node_is_never_taken_for_a_token():
    tree = TokenTree()
    assert tree.add(ROOT, None, key=4) != tree.add(ROOT, 4)


def test_a_lost_hypothesis_dies_up_to_where_a_living_one_branches_off():
    tree = TokenTree()
    shared, lost, tip = tree.extend(ROOT, [1, 2, 3])
    other = tree.add(shared, 4)
    assert tree.kill_hypothesis(tip) == [tip, lost]
    assert [tree.alive(n) for n in (shared, lost, tip, other)] == [True, False, False, True]


def test_a_hypothesis_through_which_another_runs_lives_on():
    tree = TokenTree()
    upper, lower = tree.extend(ROOT, [1, 2])
    assert tree.kill_hypothesis(upper) == []
    assert tree.alive(upper)
    assert tree.kill_hypothesis(lower) == [lower, upper], "and dies with the last one"


def test_a_wrong_guess_dies_with_all_below_it_and_nothing_above():
    tree = TokenTree()
    above, guess, below = tree.extend(ROOT, [1, 2, 3])
    assert tree.kill_guess(guess) == [guess, below]
    assert tree.alive(above)
    assert tree.kill_guess(guess) == [], "the dead die once"


def test_the_root_never_dies():
    tree = TokenTree()
    nodes = tree.extend(ROOT, [1, 2])
    assert tree.kill_guess(ROOT) == nodes
    assert tree.kill_hypothesis(ROOT) == []
    assert tree.alive(ROOT)


def test_a_dead_node_that_is_added_again_lives_again():
    tree = TokenTree()
    upper, lower = tree.extend(ROOT, [1, 2])
    tree.kill_guess(upper)
    assert tree.add(ROOT, 1) == upper
    assert tree.alive(upper)
    assert not tree.alive(lower), "what was below it stays dead"


def test_a_child_below_the_dead_brings_its_ancestors_back():
    tree = TokenTree()
    upper, lower = tree.extend(ROOT, [1, 2])
    tree.kill_guess(upper)
    child = tree.add(lower, 3)
    assert all(map(tree.alive, (upper, lower, child)))
