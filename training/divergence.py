"""How far a draft's law q is from the target's law p, with gradients taken at once.

As in loss.py, logits are made in chunks and turned into their gradients in the same memory. p comes
from the target's states, so the target itself is not needed.

- Forward KL, Σ p ln(p/q): the gradient by a logit of q is q − p.
- TVD++ (Goel et al., "Direct alignment of draft model for speculative decoding with
  chat-fine-tuned LLMs", 2024): the total variation Σ [q − p]+ by policy gradient. A token's reward
  is r = 1{p > q}, its advantage A = (r − μ)/s with mean and deviation over all places and tokens of
  the batch, and the gradient by a logit of q is −q (A − Σ q A). Taken as an exact expectation, μ
  falls out of it and s scales it: what is left of the normalisation is a common step size.

1 − total variation is the chance that speculation accepts a token drawn from q.
"""

import torch

from training.loss import CHUNK

FORWARD_KL, TVD = "forward_kl", "tvd++"
EPSILON = 1e-8


class _ChunkedDivergence(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, states, target_weight, tvd):  # (N, d), (V, d), (N, D), (V, D)
        n, places = hidden.shape[0], hidden.shape[0] * weight.shape[0]
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight)
        total = hidden.new_zeros(())
        rewarded = 0
        for start in range(0, n, CHUNK):
            h = hidden[start : start + CHUNK]
            logp = (states[start : start + CHUNK] @ target_weight.T).log_softmax(-1)
            logq = (h @ weight.T).log_softmax(-1)
            p, q = logp.exp(), logq.exp()
            if tvd:
                total += (q - p).clamp_(min=0).sum()
                r = (p > q).to(q.dtype)
                rewarded += int(r.sum())
                grad = q * ((q * r).sum(-1, keepdim=True) - r)
            else:
                total += (p * (logp - logq)).sum()
                grad = q - p
            grad.mul_(1.0 / n)
            torch.mm(grad, weight, out=grad_hidden[start : start + CHUNK])
            grad_weight.addmm_(grad.T, h)
        if tvd:
            share = rewarded / places
            scale = 1.0 / ((share * (1 - share)) ** 0.5 + EPSILON)
            grad_hidden.mul_(scale)
            grad_weight.mul_(scale)
        ctx.save_for_backward(grad_hidden, grad_weight)
        return total / n

    @staticmethod
    def backward(ctx, grad_output):
        grad_hidden, grad_weight = ctx.saved_tensors
        return grad_hidden * grad_output, grad_weight * grad_output, None, None, None


def divergence(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    states: torch.Tensor,
    target_weight: torch.Tensor,
    kind: str,
) -> torch.Tensor:
    """Mean divergence of a place: nats for FORWARD_KL, total variation in [0, 1] for TVD.

    hidden: (B, C, d) states of the draft after the last norm, weight: (V, d) its output embedding;
    states: (B, C, D) and target_weight: (V, D) the target's.
    """
    return _ChunkedDivergence.apply(
        hidden.reshape(-1, hidden.shape[-1]),
        weight,
        states.reshape(-1, states.shape[-1]),
        target_weight,
        kind == TVD,
    )
