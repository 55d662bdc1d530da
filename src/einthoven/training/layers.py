"""Parts that both networks use: Fourier features, a perceptron, the incident field."""

import math

import torch
from torch import Tensor, nn


class FourierFeatures(nn.Module):
    """[x, sin(2 pi B x), cos(2 pi B x)] with fixed normal B (Tancik 2020, arXiv 2006.10739)."""

    frequencies: Tensor

    def __init__(self, n_inputs: int, n_frequencies: int, scale: float):
        super().__init__()
        self.register_buffer("frequencies", scale * torch.randn(n_inputs, n_frequencies))
        self.n_outputs = n_inputs + 2 * n_frequencies

    def forward(self, x: Tensor) -> Tensor:
        """[..., n_inputs] -> [..., n_outputs]."""
        phase = 2 * math.pi * (x @ self.frequencies)
        return torch.cat([x, phase.sin(), phase.cos()], dim=-1)


def perceptron(n_inputs: int, width: int, n_outputs: int, n_hidden: int) -> nn.Sequential:
    """Linear layers with SiLU between them."""
    layers: list[nn.Module] = []
    for n in [n_inputs] + [width] * (n_hidden - 1):
        layers += [nn.Linear(n, width), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(width, n_outputs))


def source_factors(
    points: Tensor, electrodes: Tensor, skin_normal: Tensor, curvature: Tensor, softening: float
) -> tuple[Tensor, Tensor]:
    """Field of a unit current into an insulated skin of mean curvature k, in two numbers a pair.

    For a ball of radius a = 1/k the solution of eq. (4) of Dokuchaev 2026 is
    Z = [2 / rho - k ln(rho + d)] / (4 pi sigma), rho the distance from x to the electrode e and d
    the depth of x below the tangent plane there. Its gradient, times 2 pi sigma, is
    s (e - x) + t n: s = 1 / rho^3 + t / rho and t = k / (2 (rho + d)). Each electrode has a
    curvature of its own; zero is half of space.

    Args:
        points: [batch, point, 3] mm.
        electrodes: [batch, electrode, 3] mm.
        skin_normal: [batch, electrode, 3] outward.
        curvature: [batch, electrode, 1] 1/mm.
        softening: length in mm that keeps rho positive.

    Returns:
        s in 1/mm^3 and t in 1/mm^2, both [batch, electrode, point].
    """
    away = torch.cdist(electrodes, points, compute_mode="donot_use_mm_for_euclid_dist")
    inverse = (away.square() + softening**2).rsqrt()
    depth = (electrodes * skin_normal).sum(-1, keepdim=True) - skin_normal @ points.mT
    image = 0.5 * curvature * inverse / (1.0 + depth * inverse).clamp_min(0.05)
    return inverse * (inverse.square() + image), image
