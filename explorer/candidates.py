"""The k best next tokens, weighed against each other by more than their probability."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from explorer.law import Law
from explorer.records import Revisit, Revisits
from explorer.registry import Note
from explorer.run import Run

REVISITS = Note(
    "revisits", "The earlier tokens to which candidates lead back", "record", drawn_as="revisits"
)


def best_tokens(law: Law, k: int) -> list[int]:
    """The k most probable tokens of the law, best first, as far as they are possible.

    Of equals the lowest id comes first.
    """
    worst = law.probs.topk(min(k, len(law.probs))).values[-1]
    (reaching,) = ((law.probs >= worst) & (law.probs > 0)).nonzero(as_tuple=True)  # by id
    order = law.probs[reaching].sort(descending=True, stable=True).indices
    return reaching[order][:k].tolist()


def note_revisits(
    run: Run,
    law: Law,
    tokens: Sequence[int],
    back: Sequence[tuple[int, int] | None],
    cost: Tensor,
) -> None:
    """Note which candidates lead back to what stands already; declared as `REVISITS`.

    `back` has of each (place, tokens in a row that come again), or None where it leads nowhere;
    `cost` (k,) is what it pays.
    """
    found = [
        Revisit(token=token, place=there[0], tokens=there[1], cost=x)
        for token, there, x in zip(tokens, back, cost.tolist(), strict=True)
        if there
    ]
    if found:
        run.note(REVISITS.name, Revisits(candidates=found).model_dump(), law.node)


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
