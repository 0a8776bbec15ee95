import itertools

import pytest
import torch
from torch import nn

from training.optimizer import Muon, make_optimizers, orthogonalise, schedule


@pytest.mark.parametrize("shape", [(2, 8, 8), (3, 4, 16), (3, 16, 4)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
    assert values.min() > 0.3
    assert values.max() < 1.4


def test_muon_agrees_with_torch_up_to_bfloat16():
    torch.manual_seed(0)
    start, grads = torch.randn(6, 4), torch.randn(3, 6, 4)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    a = Muon([ours], lr=0.1, weight_decay=0.01)
    b = torch.optim.Muon([theirs], lr=0.1, momentum=0.95, weight_decay=0.01)
    for grad in grads:
        ours.grad, theirs.grad = grad.clone(), grad.clone()
        a.step()
        b.step()
    assert (ours - start).norm() > 0.1
    assert (ours - theirs).norm() < 0.02 * (ours - start).norm()


def test_embeddings_and_norms_go_to_adamw():
    model = nn.ModuleDict(
        {"embed_tokens": nn.Embedding(5, 4), "proj": nn.Linear(4, 4, bias=False),
         "norm": nn.LayerNorm(4, bias=False)}
    )  # fmt: skip
    muon, adamw = make_optimizers(model, 0.02, 0.003, 0.0)
    assert [p.shape for p in muon.param_groups[0]["params"]] == [(4, 4)]
    assert {tuple(p.shape) for p in adamw.param_groups[0]["params"]} == {(5, 4), (4,)}


def test_schedule_rises_then_falls_to_zero():
    shares = [schedule(s, 100, 10) for s in range(101)]
    assert shares[0] == pytest.approx(0.1)
    assert shares[9] == shares[10] == 1.0
    assert shares[100] == 0.0
    assert all(a > b for a, b in itertools.pairwise(shares[10:]))


def test_a_constant_schedule_stays_up_after_its_warm_up():
    assert [schedule(s, 20, 4, constant=True) for s in (0, 3, 4, 19)] == [0.25, 1.0, 1.0, 1.0]
