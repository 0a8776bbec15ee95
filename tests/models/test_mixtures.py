"""A mixture of tokens is read as the weighted mean of their embeddings, in every family."""

import pytest
import torch
from families import CONFIGS, DECODER_START, PROMPT, TOLERANCE, apart, network

from explorer.errors import MethodError
from explorer.models.replay import ReplayView
from explorer.models.table import TableLM
from explorer.tree import ROOT, Mixture, TokenTree

WEIGHTS = {7: 1.0, 30: 2.0, 41: 1.0}


@torch.no_grad()
def by_hand(net, path):
    """Logits `(V,)` after a path of `{token: weight}`, by a plain call with embeddings."""
    encoded = net.config.is_encoder_decoder
    reader = net.get_decoder() if encoded else net
    before = [DECODER_START] if encoded else PROMPT
    rows = []
    for weights in [*({token: 1.0} for token in before), *path]:
        e = reader.get_input_embeddings()(torch.tensor(list(weights)))
        w = torch.tensor(list(weights.values()))
        rows.append((e * (w / w.sum())[:, None]).sum(0))
    embeddings = torch.stack(rows)[None]
    if encoded:
        source = torch.tensor([PROMPT])
        return net(input_ids=source, decoder_inputs_embeds=embeddings, use_cache=False).logits[
            0, -1
        ]
    return net(inputs_embeds=embeddings, use_cache=False).logits[0, -1]


def mixed_tree():
    """A token, a mixture below it, a mixture and a token below that."""
    tree = TokenTree()
    first = tree.add(ROOT, 5)
    soft = tree.mix(first, WEIGHTS)
    softer = tree.mix(soft, {3: 0.5, 8: 0.5})
    last = tree.add(softer, 9)
    paths = {first: [{5: 1}], soft: [{5: 1}, WEIGHTS], softer: [{5: 1}, WEIGHTS, {3: 1, 8: 1}]}
    return tree, paths | {last: [*paths[softer], {9: 1}]}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("replayed", [False, True], ids=["cached", "replayed"])
def test_a_mixture_is_the_mean_of_the_embeddings(name, replayed):
    model = network(name)
    tree, paths = mixed_tree()
    want = torch.stack([by_hand(model.net, path) for path in paths.values()])
    view = (
        ReplayView(model, tree, PROMPT, "replayed")
        if replayed
        else model.open(tree, PROMPT, "target")
    )
    one_by_one = torch.cat([view([node]) for node in paths])
    assert apart(one_by_one, want) < TOLERANCE
    assert apart(view(list(paths)), want) < TOLERANCE
    # And it is not what its heaviest token would be.
    assert apart(want[1], by_hand(model.net, [{5: 1}, {30: 1}])) > 100 * TOLERANCE


@pytest.mark.parametrize("name", CONFIGS)
def test_a_mixture_of_one_is_that_token(name):
    tree = TokenTree()
    token, soft = tree.add(ROOT, 11), tree.add(ROOT, None, key=Mixture.of({11: 1.0}))
    given = network(name).open(tree, PROMPT, "target")([token, soft])
    assert token != soft
    assert apart(given[0], given[1]) < TOLERANCE


def test_a_network_of_tokens_alone_says_so(monkeypatch):
    model = network("Llama")
    monkeypatch.setattr(model, "_takes_embeddings", False)
    tree, _ = mixed_tree()
    view = model.open(tree, PROMPT, "target")
    with pytest.raises(MethodError, match="reads tokens alone"):
        view([2])
    assert view([1]).shape == (1, 61)  # what was claimed for the pass that failed is given up


def test_a_table_takes_the_mean_of_its_rows():
    table, tree = TableLM(5, 1), TokenTree()
    soft = tree.mix(ROOT, {1: 3.0, 2: 1.0})
    below = tree.add(soft, 4)
    got = table.open(tree, (3,), "target")([soft, below])
    assert torch.allclose(got[0], 0.75 * table.logits((3, 1)) + 0.25 * table.logits((3, 2)))
    assert torch.equal(got[1], table.logits((3, 1, 4)))
