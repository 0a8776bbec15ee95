"""The k best next tokens, weighed against each other by more than their probability."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from explorer.law import Law
from explorer.run import Run


def best_tokens(law: Law, k: int) -> list[int]:
    """The k most probable tokens of the law, best first, as far as they are possible."""
    values, tokens = law.probs.sort(descending=True, stable=True)
    return tokens[:k][values[:k] > 0].tolist()


def settle(
    run: Run, law: Law, tokens: Sequence[int], score: Tensor, **numbers: Tensor | Sequence[float]
) -> int:
    """Emit the candidate with the best score (the first of equals), and prune the others.

    `score` (k,) and the `numbers` that it is made of are recorded of each. Returns the new node.
    """
    best = int(score.argmax())
    columns = {name: [float(x) for x in values] for name, values in numbers.items()}
    columns["score"] = score.tolist()
    run.choose_these([law], [[tokens[best]]])
    nodes = [run.add(law.node, token) for token in tokens]
    for i, node in enumerate(nodes):
        weights = {name: column[i] for name, column in columns.items()}
        if i == best:
            run.keep([node], "best score", **weights)
        else:
            run.prune([node], "lower score", **weights)
    return run.emit(nodes[best])
