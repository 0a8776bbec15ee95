"""Which sublayers of a target its own draft should leave out: `python -m benchmarks.skipping`.

The offline search of Draft & Verify. A set is scored by the gain that the formula promises for
speculation with it: α is the share of the target's own greedy tokens that the network without these
sublayers would have written, c the share of sublayers that are left. One JSON line for each better
set.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence

from benchmarks.measure import emit, environment
from explorer.decoding import decode, default_library
from explorer.skipping import Mask, MaskSearch, inner_sublayers
from explorer.speedup import best_length, speed_up
from explorer.tree import ROOT, TokenTree
from explorer.view import View

PROMPTS = (
    "Once upon a time there was a miller",
    "The king had three daughters, and the youngest",
    "In the middle of the forest",
    "The fox looked at the raven and said",
)
NEW_TOKENS = 32
SURROGATE = 10  # every so many trials the surrogate proposes
MOST_GUESSES = 8


class Text:
    """A greedy text of the target, and a reading of it to alter."""

    def __init__(self, model_id: str, prompt: str) -> None:
        trace = decode(model_id, prompt, "greedy", max_new_tokens=NEW_TOKENS)
        tree = TokenTree()
        self.tokens = trace.token_ids
        self.places = [ROOT, *tree.extend(ROOT, self.tokens)[:-1]]
        model = default_library().get(model_id)
        self.view: View = model.open(tree, trace.header.prompt_ids, "target")
        self.view(self.places)

    def agreement(self, mask: Mask) -> float:
        """The share of tokens that the network without these sublayers would have written."""
        best = self.view.variant(skip=mask)(self.places).argmax(-1).tolist()
        return sum(a == b for a, b in zip(best, self.tokens, strict=True)) / len(self.tokens)


def gain(texts: Sequence[Text], mask: Mask, depth: int) -> tuple[float, float, int]:
    """The promised speed-up with that set, its α, and the best draft length."""
    alpha = sum(text.agreement(mask) for text in texts) / len(texts)
    c = 1 - len(mask) / (2 * depth)
    gamma = max(1, best_length(alpha, c, most=MOST_GUESSES))
    return speed_up(alpha, gamma, c), alpha, gamma


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="target")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 6, 8, 10])
    given = parser.parse_args()
    print(json.dumps(environment()), flush=True)
    depth = default_library().get(given.model).depth
    texts = [Text(given.model, prompt) for prompt in PROMPTS]
    for size in given.sizes:
        search = MaskSearch(inner_sublayers(depth), size, random.Random(size).random)
        for trial in range(given.trials):
            surrogate = trial % SURROGATE == SURROGATE - 1
            mask = search.promising() if surrogate else search.random()
            promised, alpha, gamma = gain(texts, mask, depth)
            if search.observe(mask, promised):
                emit("skipping", model=given.model, size=size, trial=trial, surrogate=surrogate,
                     speed_up=promised, alpha=alpha, gamma=gamma, skip=", ".join(mask))  # fmt: skip


if __name__ == "__main__":
    main()
