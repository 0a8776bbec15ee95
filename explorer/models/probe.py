"""The probe at load: does a network read a small random tree as it reads each path alone?"""

from __future__ import annotations

import random

import torch

from explorer.errors import ExplorerError
from explorer.models.network import Network, Reading
from explorer.models.replay import ReplayView
from explorer.tree import ROOT, TokenTree

READINGS: tuple[Reading, ...] = ("tree", "tree, one mask for all layers")
PROMPT, NODES = 7, 12
# Relative to the logits' spread; unrepaired architectures are off by whole units.
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3, torch.float16: 5e-2, torch.bfloat16: 0.2}


def probe(network: Network) -> Reading:
    """The first way of reading trees that agrees with sequential decoding, set on the network.

    Ends at "replay", which is right by construction.
    """
    for reading in READINGS:
        network.set_reading(reading)
        if _agrees(network):
            return reading
    network.set_reading("replay")
    return "replay"


def _agrees(network: Network) -> bool:
    chance = random.Random(0)
    vocabulary = range(min(network.vocab_size, 1000))
    tree = TokenTree()
    prompt = [chance.choice(vocabulary) for _ in range(PROMPT)]
    while len(tree) < NODES:
        tree.add(chance.randrange(len(tree)), chance.choice(vocabulary))
    nodes = list(range(ROOT, len(tree)))
    half = len(nodes) // 2
    try:
        view = network.open(tree, prompt, "probe")
        # In two questions, so that cached rows are read as well.
        got = torch.cat([view(nodes[:half]), view(nodes[half:])])
    except ExplorerError:
        raise
    except Exception:
        # Architectures refuse a tree's mask or cache in every possible way; all mean "replay".
        return False
    want = ReplayView(network, tree, prompt, "probe")(nodes)
    worst = float((got - want).abs().max())
    return worst <= TOLERANCE[network.dtype] * max(1.0, float(want.std()))
