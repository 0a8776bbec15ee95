"""Next-token cross-entropy that never holds all logits at once.

Logits of V = 4,096 at every position would be by far the largest tensor of a small model's step.
Here they are made in chunks that stay in the processor's cache, and their gradient is taken at
once, in the same memory (the idea of Cut Cross-Entropy, Wijmans et al. 2024, and of Liger's fused
linear loss).
"""

import torch

CHUNK = 512


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, labels, shares):  # (N, d), (V, d), (N,), (N,)
        n = hidden.shape[0]
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight)
        total = hidden.new_zeros((), dtype=torch.float32)
        for start in range(0, n, CHUNK):
            h, y = hidden[start : start + CHUNK], labels[start : start + CHUNK]
            share = shares[start : start + CHUNK, None]
            logits = (h @ weight.T).float()  # (chunk, V)
            logz = logits.logsumexp(-1, keepdim=True)
            total += ((logz - logits.gather(-1, y[:, None])) * share).sum()
            # d loss / d logits = softmax − one-hot, written over the logits.
            grad = logits.sub_(logz).exp_()
            grad[torch.arange(len(y), device=y.device), y] -= 1.0
            grad = grad.mul_(share).to(weight.dtype)
            torch.mm(grad, weight, out=grad_hidden[start : start + CHUNK])
            grad_weight.addmm_(grad.T, h)
        ctx.save_for_backward(grad_hidden, grad_weight)
        return total

    @staticmethod
    def backward(ctx, grad_output):
        grad_hidden, grad_weight = ctx.saved_tensors
        return grad_hidden * grad_output, grad_weight * grad_output, None, None


def next_token_loss(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    labels: torch.Tensor,
    counts: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean −log p(label), in nats.

    hidden: (B, C, d) states after the last norm; weight: (V, d) output embedding; labels: (B, C);
    counts: (B, C) how much each label counts, alike if not given.
    """
    hidden, labels = hidden.reshape(-1, hidden.shape[-1]), labels.reshape(-1)
    if counts is None:
        counts = torch.ones(labels.shape, device=labels.device)
    else:
        counted = counts.flatten() > 0
        hidden, labels, counts = hidden[counted], labels[counted], counts.flatten()[counted]
    return _ChunkedCrossEntropy.apply(hidden, weight, labels, counts / counts.sum())
