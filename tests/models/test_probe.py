"""The probe tells which networks can be read as trees, and the tests' oracle can fail."""

import numpy as np
import pytest
import torch
from families import (
    CONFIGS,
    FALLS_BACK,
    PROMPT,
    TOLERANCE,
    apart,
    build,
    each_alone,
    network,
    random_tree,
    wrapped,
)

from explorer.models import repairs
from explorer.models.masks import MaskMaker
from explorer.models.probe import probe
from explorer.models.rows import Visibility
from explorer.tree import ROOT, TokenTree

NEED_REPAIR = ["Bloom", "T5", "BART", "Marian", "GPT-Neo", "MPT", "Falcon, ALiBi"]


def fresh(name):
    """The family's network, in a wrapper that a test may turn to another reading."""
    return wrapped(network(name).net, name=name)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_probe_finds_how_each_family_is_read(name):
    """Mamba's state is a recurrence, which no mask can branch: it is replayed."""
    loaded = fresh(name)
    expected = "replay" if name in FALLS_BACK else "tree"
    assert probe(loaded) == expected
    assert loaded.reading == loaded.describe()["reading"] == expected


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_probe_allows_for_sixteen_bits(dtype):
    assert probe(wrapped(build("Llama").to(dtype))) == "tree"


def is_found_wrong(name):
    """The oracle turns red, and the probe turns the network to replay, which is right."""
    loaded = fresh(name)
    tree = random_tree(40)
    want = each_alone(loaded.net, tree, range(40))
    view = loaded.open(tree, PROMPT, "view")
    got = torch.cat([view(range(20)), view(range(20, 40))])
    assert apart(got, want) > 100 * TOLERANCE
    assert probe(loaded) == "replay"
    assert apart(loaded.open(tree, PROMPT, "view")(range(40)), want) < TOLERANCE
    return True


@pytest.mark.parametrize(
    "name", ["Llama", "Llama, lean in torch", "Llama, not lean", "GPT-2", "T5", "Bloom"]
)
def test_siblings_that_see_each_other_are_found(name, monkeypatch):
    right = Visibility.mask

    def leaky(self, rows):
        parents = np.array([self.parent(row) for row in range(len(self))])
        return right(self, rows) | (parents == parents[rows.start : rows.stop, None])

    monkeypatch.setattr(Visibility, "mask", leaky)
    assert is_found_wrong(name)


@pytest.mark.parametrize(
    "name", ["Llama", "Llama, lean in torch", "Llama, not lean", "GPT-2", "T5", "Bloom", "Mistral"]
)
def test_positions_counted_in_rows_are_found(name, monkeypatch):
    monkeypatch.setattr(Visibility, "positions", lambda self: np.arange(len(self)))
    monkeypatch.setattr(Visibility, "positions_of", lambda self, rows: list(rows))
    assert is_found_wrong(name)


def test_one_mask_for_all_layers_is_found_where_windows_alternate(monkeypatch):
    right = MaskMaker.make

    def one(self, *args):
        masks = right(self, *args)
        return masks["full_attention"] if isinstance(masks, dict) else masks

    monkeypatch.setattr(MaskMaker, "make", one)
    assert is_found_wrong("Gemma 3")


@pytest.mark.parametrize("name", NEED_REPAIR)
def test_what_needs_a_repair_is_found_without_it(name, monkeypatch):
    """Most are silently wrong; some ALiBi builders refuse a tree's mask."""
    monkeypatch.setattr(repairs, "REPAIRS", {})
    if name in ("Bloom", "Falcon, ALiBi"):
        loaded = fresh(name)
        with pytest.raises(ValueError, match="unpack"):
            loaded.open(TokenTree(), PROMPT, "view")([ROOT])
        assert probe(loaded) == "replay"
    else:
        assert is_found_wrong(name)


@pytest.mark.parametrize("name", NEED_REPAIR)
def test_a_repair_leaves_no_trace(name):
    """Between passes the network is as transformers made it."""
    net = build(name)
    before = each_alone(net, random_tree(20), range(20))
    attributes = [set(vars(module)) for module in net.modules()]
    buffers = {path: id(buffer) for path, buffer in net.named_buffers()}
    wrapped(net).open(random_tree(20), PROMPT, "view")(range(20))
    assert torch.equal(each_alone(net, random_tree(20), range(20)), before)
    assert [set(vars(module)) for module in net.modules()] == attributes
    assert {path: id(buffer) for path, buffer in net.named_buffers()} == buffers
