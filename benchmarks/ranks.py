"""Sequoia's calibration: how often each sibling of the bundled draft is the accepted one.

`python -m benchmarks.ranks` reads held-out texts of the target, its greedy continuations of the
prompts of `benchmarks.lossless`, and prints one JSON line a temperature: what Sequoia's parameter
`acceptance` should be.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

import torch

from benchmarks.lossless import greedy_text, prompts
from benchmarks.measure import emit, environment
from explorer.calibration import calibrated
from explorer.decoding import default_library
from explorer.randomness import Seeded
from explorer.tree import ROOT, TokenTree

TEMPERATURES = (0.6, 1.0)


def logits(texts: int, tokens: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The target's and the draft's logits (n, V) along each text."""
    library = default_library()
    for prompt in prompts(texts):
        tree = TokenTree()
        places = [ROOT, *tree.extend(ROOT, greedy_text(prompt, tokens)["tokens"])[:-1]]
        ids = library.get("target").encode(prompt)
        target, draft = (library.get(name).open(tree, ids, name) for name in ("target", "draft"))
        yield target(places), draft(places)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--siblings", type=int, default=8)
    given = parser.parse_args()
    print(json.dumps(environment()), flush=True)
    found = list(logits(given.texts, given.tokens))
    randomness = Seeded(0)
    for temperature in TEMPERATURES:
        laws = [
            tuple((row.double() / temperature).softmax(-1) for row in rows)
            for p, q in found
            for rows in zip(p, q, strict=True)
        ]
        shares = calibrated(laws, given.siblings, lambda law: randomness.draw(law)[0])
        emit("ranks", temperature=temperature, places=len(laws), acceptance=shares)


if __name__ == "__main__":
    main()
