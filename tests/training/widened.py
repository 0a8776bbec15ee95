"""What the tests of induction heads share: a model made wider, and rows in which a span returns."""

import torch

from training.grow import grow
from training.pretrain import build_model

SPAN = 24


def widened(tokenizer, narrow, wide):
    """A narrow model with large weights, and the same made wider."""
    small = build_model(narrow, tokenizer, seed=1).eval()
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.mul_(3)
    return small, grow(small, build_model(wide, tokenizer, seed=2).eval())


def repeated():
    """Four rows of SPAN tokens, each row twice."""
    once = torch.randperm(300, generator=torch.Generator().manual_seed(1))[: 4 * SPAN] + 20
    return once.view(4, SPAN).repeat(1, 2)
