"""Gradients against autograd on the formulas as they are written down."""

import pytest
import torch

from training import divergence as module
from training.divergence import FORWARD_KL, TVD, divergence


@pytest.fixture
def laws(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 5)  # several chunks, the last one short
    torch.manual_seed(0)
    hidden, weight = torch.randn(2, 6, 4), torch.randn(11, 4)
    states, target_weight = torch.randn(2, 6, 7), torch.randn(11, 7)
    return hidden.requires_grad_(), weight.requires_grad_(), states, target_weight


def plainly(hidden, weight, states, target_weight):
    """p and ln q at every place."""
    return (states @ target_weight.T).softmax(-1), (hidden @ weight.T).log_softmax(-1)


def gradients(loss, *leaves):
    return torch.autograd.grad(loss, leaves)


def test_forward_kl_and_its_gradient(laws):
    hidden, weight, *_ = laws
    p, logq = plainly(*laws)
    naive = (p * (p.log() - logq)).sum(-1).mean()
    ours = divergence(*laws, FORWARD_KL)
    torch.testing.assert_close(ours, naive)
    for a, b in zip(gradients(ours, hidden, weight), gradients(naive, hidden, weight), strict=True):
        torch.testing.assert_close(a, b)


def test_tvd_plus_plus_is_the_surrogate_with_normalised_advantages(laws):
    hidden, weight, *_ = laws
    p, logq = plainly(*laws)
    q = logq.exp()
    r = (p > q).float()
    advantage = (r - r.mean()) / (r.std(correction=0) + 1e-8)
    naive = -((q * advantage).detach() * logq).sum(-1).mean()
    ours = divergence(*laws, TVD)
    torch.testing.assert_close(ours, (q - p).clamp(min=0).sum(-1).mean())
    for a, b in zip(gradients(ours, hidden, weight), gradients(naive, hidden, weight), strict=True):
        torch.testing.assert_close(a, b)


def test_tvd_plus_plus_goes_down_the_total_variation(laws):
    hidden, weight, *_ = laws
    p, logq = plainly(*laws)
    distance = (logq.exp() - p).clamp(min=0).sum(-1).mean()
    for a, b in zip(
        gradients(divergence(*laws, TVD), hidden, weight),
        gradients(distance, hidden, weight),
        strict=True,
    ):
        assert torch.cosine_similarity(a.flatten(), b.flatten(), dim=0) == pytest.approx(1.0)


def test_without_the_sum_over_tokens_the_gradient_would_be_another(laws):
    """Negative control: q·A alone is not the gradient by the logits where its sum is not zero."""
    hidden, weight, *_ = laws
    p, logq = plainly(*laws)
    q = logq.exp()
    r = (p > q).float()
    wrong = ((-q * r) @ weight) / r.shape[:2].numel()
    right = gradients(divergence(*laws, TVD), hidden)[0]
    assert torch.cosine_similarity(wrong.flatten(), right.flatten(), dim=0) < 0.99
