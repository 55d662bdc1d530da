"""Muon: its steps are orthogonal, they minimise, and Adam's part is torch's."""

import pytest
import torch

from einthoven.numerics.training.muon import BETAS, Muon, orthogonalise


@pytest.mark.parametrize("shape", [(12, 12), (30, 8), (8, 30)])
def test_orthogonalise_keeps_the_singular_vectors_and_levels_the_values(shape):
    torch.manual_seed(1)
    u, s, vt = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrix = u @ torch.diag(torch.logspace(0, -1, len(s))) @ vt
    found = orthogonalise(matrix)
    levelled = torch.diagonal(u.T @ found @ vt.T)
    assert levelled.min() > 0.6 and levelled.max() < 1.3
    assert (u.T @ found @ vt.T - torch.diag(levelled)).abs().max() < 1e-4


def test_groups_without_muon_follow_torchs_adam():
    torch.manual_seed(2)
    target = torch.randn(5, 3)
    mine, theirs = (torch.nn.Parameter(torch.zeros(5, 3)) for _ in range(2))
    optimizers = (
        Muon([{"params": [mine]}], lr=0.01),
        torch.optim.Adam([theirs], lr=0.01, betas=BETAS),
    )
    for _ in range(20):
        for parameter, optimizer in zip((mine, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            (parameter - target).square().sum().backward()
            optimizer.step()
    assert torch.allclose(mine, theirs, atol=1e-6)


def test_badly_scaled_least_squares_is_solved():
    torch.manual_seed(3)
    turn = torch.linalg.qr(torch.randn(16, 16))[0]  # scales along no axis
    x = torch.randn(256, 16) * torch.logspace(0, -2, 16) @ turn
    y = x @ torch.randn(16, 16)
    weight = torch.nn.Parameter(torch.zeros(16, 16))
    optimizer = Muon([{"params": [weight], "muon": True}])
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.3 * (1 - step / 200)
        optimizer.zero_grad()
        loss = (x @ weight - y).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-4 * y.square().mean()


def test_muon_refuses_vectors():
    with pytest.raises(ValueError, match="matrices"):
        Muon([{"params": [torch.nn.Parameter(torch.zeros(3))], "muon": True}])
