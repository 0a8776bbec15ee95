"""A text that goes on from an earlier run's: its law, and what of it is computed again."""

import pytest
import torch
from families import CONFIGS, PROMPT, READ_AS_TREES, TOLERANCE, apart, each_alone, network

from explorer.tree import ROOT, TokenTree

TAKEN, OTHER, BEHIND = [7, 3, 9, 4], [7, 3, 5], [2, 8]


@pytest.fixture(params=CONFIGS)
def name(request):
    network(request.param).set_reading(network(request.param).reading)  # as if just loaded
    return request.param


def branch(name, begun, hidden=()):
    """A view behind the prompt and what the run began with, of a tree with two more tokens."""
    tree = TokenTree()
    tree.extend(ROOT, BEHIND)
    return network(name).open(tree, [*PROMPT, *begun], "branch", hidden, begun=len(begun))


def earlier_run(name, hidden=()):
    """A view that has read one path, and beside its end another token."""
    tree = TokenTree()
    path = tree.extend(ROOT, TAKEN)
    view = network(name).open(tree, PROMPT, "earlier", hidden)
    view([ROOT])
    for node in path:
        view([node])
    return view, tree


def want(name, begun):
    """Laws at the root and below it, each text read alone and whole."""
    tree = TokenTree()
    chain = tree.extend(ROOT, [*begun, *BEHIND])
    return each_alone(network(name).net, tree, [ROOT, *chain])[len(begun) :]


@pytest.mark.parametrize("begun", [TAKEN, OTHER, TAKEN[:2], [1]])
def test_a_branch_reads_what_a_whole_text_would(name, begun):
    alone = want(name, begun)
    assert apart(branch(name, begun)(range(3)), alone) < TOLERANCE
    earlier_run(name)
    assert apart(branch(name, begun)(range(3)), alone) < TOLERANCE


@pytest.mark.parametrize("name", READ_AS_TREES)
def test_what_an_earlier_run_read_is_not_computed_again(name):
    network(name).set_reading("tree")
    assert branch(name, TAKEN).prompt_rows() == network(name).encoder_decoder + (
        0 if network(name).encoder_decoder else len(PROMPT)
    ) + len(TAKEN)
    network(name).set_reading("tree")
    view, _ = earlier_run(name)
    view.prompt_logps()
    assert branch(name, TAKEN).prompt_rows() == 0
    assert branch(name, TAKEN[:2]).prompt_rows() == 0
    assert branch(name, OTHER).prompt_rows() == 1


@pytest.mark.parametrize("name", ["Llama", "Llama, lean in torch", "Llama, not lean", "T5"])
def test_a_branch_of_a_branch_takes_over_as_much(name):
    network(name).set_reading("tree")
    earlier_run(name)
    first = branch(name, TAKEN)
    first(range(3))
    network(name)._readings.clear()
    network(name)._readings.append(first)
    assert branch(name, [*TAKEN, *BEHIND]).prompt_rows() == 0
    assert branch(name, [*TAKEN, BEHIND[0], 1]).prompt_rows() == 1
    back = branch(name, OTHER)  # it parts inside what the branch began with
    assert apart(back(range(3)), want(name, OTHER)) < TOLERANCE
    assert back.prompt_rows() == 2  # the last common one is read again for its law, and the new one


def test_how_probable_the_beginning_was_is_known_however_it_was_read(name):
    fresh = branch(name, TAKEN).prompt_logps()
    network(name).set_reading(network(name).reading)
    earlier_run(name)
    assert branch(name, TAKEN).prompt_logps() == pytest.approx(fresh, abs=TOLERANCE)
    inner = branch(name, OTHER).prompt_logps()
    network(name).set_reading(network(name).reading)
    assert branch(name, OTHER).prompt_logps() == pytest.approx(inner, abs=TOLERANCE)


@pytest.mark.parametrize("name", ["Llama", "T5"])
def test_hidden_states_are_taken_over_with_the_rows(name):
    network(name).set_reading("tree")
    fresh = branch(name, TAKEN, (1,))
    states, below = fresh.prompt_hidden(1), fresh.hidden([1, 2], 1)
    network(name).set_reading("tree")
    earlier_run(name)  # its layers were not declared: nothing of it fits
    assert branch(name, TAKEN, (1,)).prompt_rows() > 0
    network(name).set_reading("tree")
    earlier_run(name, (1,))
    again = branch(name, TAKEN, (1,))
    assert torch.allclose(again.prompt_hidden(1), states, atol=TOLERANCE)
    assert torch.allclose(again.hidden([1, 2], 1), below, atol=TOLERANCE)
    assert again.prompt_rows() == 0


@pytest.mark.parametrize("name", ["Llama", "T5"])
def test_rows_that_were_dropped_meanwhile_are_computed(name):
    network(name).set_reading("tree")
    view, tree = earlier_run(name)
    view.forget([tree.find(tree.find(ROOT, TAKEN[0]), TAKEN[1])])
    after = branch(name, TAKEN)
    assert apart(after(range(3)), want(name, TAKEN)) < TOLERANCE
    assert after.prompt_rows() == len(TAKEN) - 1


def test_a_plain_prompt_takes_nothing_of_a_run_that_said_the_same():
    """Or the bits of a run would depend on what ran before."""
    llama = network("Llama")
    llama.set_reading("tree")
    earlier_run("Llama")
    whole = llama.open(TokenTree(), [*PROMPT, *TAKEN], "view")
    assert whole.prompt_rows() == len(PROMPT) + len(TAKEN)
