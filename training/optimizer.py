"""Muon for the matrices inside the layers, AdamW for embeddings and norms.

`torch.optim.Muon` computes in bfloat16, which a processor without bfloat16 units emulates a hundred
times slower than float32; this is the same method in float32, with equal shapes batched together.
Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import nn

# Coefficients of the quintic Newton–Schulz iteration, from the source above.
NS_A, NS_B, NS_C = 3.4445, -4.7750, 2.0315
NS_STEPS = 5


def orthogonalise(matrices: torch.Tensor) -> torch.Tensor:
    """Replace each matrix of (n, rows, cols) by roughly its nearest semi-orthogonal one."""
    x = matrices
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(NS_STEPS):
        a = x @ x.mT
        x = NS_A * x + (NS_B * a + NS_C * (a @ a)) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised: every direction of a matrix moves by the same amount."""

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            list(params), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure=None):
        if closure is not None:
            raise NotImplementedError("Muon's step takes no closure.")
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            by_shape = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.shape].append(p)
            for shape, params in by_shape.items():
                updates = []
                for p in params:
                    buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                    buffer.lerp_(p.grad, 1 - momentum)
                    updates.append(p.grad.lerp(buffer, momentum))  # Nesterov
                # Wide matrices keep their scale; tall ones are scaled so that outputs move equally.
                scale = max(1.0, shape[0] / shape[1]) ** 0.5
                for p, update in zip(params, orthogonalise(torch.stack(updates)), strict=True):
                    p.mul_(1 - lr * group["weight_decay"]).add_(update, alpha=-lr * scale)


def make_optimizers(
    model: nn.Module, muon_lr: float, adam_lr: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """Both optimizers; each group remembers its peak learning rate as `peak_lr`."""
    matrices, rest = [], []
    for name, p in model.named_parameters():
        (matrices if p.ndim == 2 and "embed" not in name else rest).append(p)
    optimizers = [
        Muon(matrices, lr=muon_lr, weight_decay=weight_decay),
        torch.optim.AdamW(rest, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def set_learning_rate(optimizers: Iterable[torch.optim.Optimizer], share: float) -> None:
    """Set every group to `share` of its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * share


def schedule(step: int, steps: int, warmup: int, constant: bool = False) -> float:
    """Share of the peak learning rate at `step` (0-based): up over `warmup` steps, then to zero.

    With `constant` it stays up. A constant run followed by a decaying one is the
    warm-up–stable–decay schedule (Hu et al., "MiniCPM", 2024).
    """
    if step < warmup:
        return (step + 1) / warmup
    return 1.0 if constant else (steps - step) / max(1, steps - warmup)
