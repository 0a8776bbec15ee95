"""The pass of small networks on a CPU, whose weights may be packed in 16 bits."""

import pytest
import torch
from families import PROMPT, VOCABULARY, apart, build, random_tree, wrapped

from explorer.models import small
from explorer.models.small import SmallLlama, product

NODES = range(40)


def rounded(net):
    """The network with weights that 16 bits can hold, as published ones are."""
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(weight.half())
    return net


@pytest.mark.skipif(not small.PACKS, reason="This build of PyTorch packs no weights.")
def test_packed_weights_give_the_networks_own_logits():
    tree = random_tree(len(NODES))
    own, packed = (
        wrapped(rounded(build("Llama")), name=name).open(tree, PROMPT, "view")(NODES)
        for name in ("Llama, not lean", "Llama")
    )
    assert not torch.equal(own, packed)
    assert apart(own, packed) < 5e-6 * own.abs().max()


@pytest.mark.parametrize("rows", [1, 2, 5, 16, 200])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("to_half", [True, False])
def test_a_product_is_the_linear_layers(rows, with_bias, to_half):
    """Also where 16 bits cannot hold the weights: those are not packed."""
    torch.manual_seed(0)
    weight, bias = torch.randn(48, 32), torch.randn(48) if with_bias else None
    if to_half:
        weight = weight.half().float()
    weight = weight.t().contiguous().t()  # by columns, as the lean pass keeps them
    x = torch.randn(rows, 32)
    want = torch.nn.functional.linear(
        x.double(), weight.double(), None if bias is None else bias.double()
    )
    assert apart(product(weight, bias)(x).double(), want) < 2e-5


def test_only_small_networks_in_float32_are_read_so(monkeypatch):
    net = build("Llama")
    assert SmallLlama.fits(net)
    assert not SmallLlama.fits(build("Llama").double())
    assert not SmallLlama.fits(build("Qwen 3"))
    monkeypatch.setattr(small, "SMALL_BYTES", 4 * VOCABULARY)
    assert not SmallLlama.fits(net)
