import torch
from torch.nn import functional

from training import loss as module
from training.loss import next_token_loss


def test_chunked_loss_and_gradients_equal_the_plain_ones(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    torch.manual_seed(0)
    hidden = torch.randn(3, 9, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 11, (3, 9))
    plain = functional.cross_entropy((hidden @ weight.T).flatten(0, 1), labels.flatten())
    expected = torch.autograd.grad(3 * plain, (hidden, weight))
    chunked = next_token_loss(hidden, weight, labels)
    got = torch.autograd.grad(3 * chunked, (hidden, weight))
    # Log-probabilities are taken in float32.
    torch.testing.assert_close(chunked.double(), plain, rtol=1e-6, atol=1e-6)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_labels_count_as_they_are_told_to(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    torch.manual_seed(0)
    hidden = torch.randn(3, 9, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 11, (3, 9))
    counts = torch.rand(3, 9).round(decimals=1)
    nats = functional.cross_entropy(
        (hidden @ weight.T).flatten(0, 1), labels.flatten(), reduction="none"
    )
    plain = (nats * counts.flatten()).sum() / counts.sum()
    expected = torch.autograd.grad(plain, (hidden, weight))
    got = torch.autograd.grad(next_token_loss(hidden, weight, labels, counts), (hidden, weight))
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
