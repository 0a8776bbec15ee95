"""Vectors compared: cosines, how isotropic a set is, and whether two rankings agree."""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.run import Run
from explorer.view import RecordingView


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """The cosine of each state of `a` (n, d) with each of `b` (m, d): `(n, m)`."""
    a, b = (torch.nn.functional.normalize(x.double(), dim=-1) for x in (a, b))
    return a @ b.T


def isotropy(states: Tensor) -> float:
    """One minus the mean cosine of two different states of `(n, d)`, n at least 2.

    1 where the states point in all directions alike, 0 where they all point in the same.
    """
    n = len(states)
    between = cosines(states, states)
    return 1.0 - float(between.sum() - between.trace()) / (n * (n - 1))


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's correlation of two rows of numbers `(n,)`, n at least 2.

    1 where both rank alike, -1 where one ranks the other way round. Of equals the first is less.
    """
    ranks = torch.stack([x.argsort(stable=True).argsort() for x in (a, b)])
    return float(torch.corrcoef(ranks.double())[0, 1])


def states_so_far(run: Run, view: RecordingView, layer: int) -> Tensor:
    """The states `(P + T, d)` of the prompt and of all that was emitted."""
    prompt = view.prompt_hidden(layer)
    emitted = run.tree.path(run.head)
    return torch.cat([prompt, view.hidden(emitted, layer)]) if emitted else prompt
