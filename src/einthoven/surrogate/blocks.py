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


def point_source(points: Tensor, electrodes: Tensor, softening: float) -> tuple[Tensor, Tensor]:
    """Distance and direction from every point to every electrode.

    Args:
        points: [batch, point, 3] mm.
        electrodes: [batch, electrode, 3] mm.
        softening: length in mm that keeps the distance positive.

    Returns:
        rho [batch, electrode, point, 1] mm and u = (e - x) / rho [batch, electrode, point, 3].
    """
    away = electrodes[:, :, None] - points[:, None]
    rho = (away.square().sum(-1, keepdim=True) + softening**2).sqrt()
    return rho, away / rho


def incident_field(rho: Tensor, u: Tensor, skin_normal: Tensor, curvature: Tensor) -> Tensor:
    """Field of a unit current into an insulated skin of mean curvature k, times 2 pi sigma.

    For a ball of radius a = 1/k the solution of eq. (4) of Dokuchaev 2026 is
    Z = [2 / rho - k ln(rho + d)] / (4 pi sigma), d the depth of x below the tangent plane at
    the electrode; this is its gradient, with a curvature of its own for every electrode.

    Args:
        rho: [batch, electrode, point, 1] mm.
        u: [batch, electrode, point, 3] unit vectors from the point to the electrode.
        skin_normal: [batch, electrode, 3] outward.
        curvature: [batch, electrode, 1] 1/mm; zero is half of space.

    Returns:
        [batch, electrode, point, 3] 1/mm^2.
    """
    normal = skin_normal[:, :, None]  # [batch, electrode, 1, 3]
    across = (1.0 + (u * normal).sum(-1, keepdim=True)).clamp_min(0.05)  # (rho + d) / rho
    image = (u + normal) / (rho * across)
    return u / rho.square() + 0.5 * curvature[:, :, None] * image


def source_factors(
    points: Tensor, electrodes: Tensor, skin_normal: Tensor, curvature: Tensor, softening: float
) -> tuple[Tensor, Tensor]:
    """The same field in two numbers a pair: `incident_field` = s (e - x) + t n.

    Args:
        points: [batch, point, 3] mm.
        electrodes: [batch, electrode, 3] mm.
        skin_normal: [batch, electrode, 3] outward.
        curvature: [batch, electrode, 1] 1/mm.
        softening: as in `point_source`.

    Returns:
        s in 1/mm^3 and t in 1/mm^2, both [batch, electrode, point].
    """
    away = torch.cdist(electrodes, points, compute_mode="donot_use_mm_for_euclid_dist")
    inverse = (away.square() + softening**2).rsqrt()
    depth = (electrodes * skin_normal).sum(-1, keepdim=True) - skin_normal @ points.mT
    image = 0.5 * curvature * inverse / (1.0 + depth * inverse).clamp_min(0.05)
    return inverse * (inverse.square() + image), image


def harmonic_gradients(points: Tensor) -> Tensor:
    """Gradients of the eight solid harmonics of degree 1 and 2, each scaled to order one.

    What bends a field without sources in the heart: x, y, z; xy, yz, zx; (x^2 - y^2) / 2 and
    z^2 - (x^2 + y^2) / 2.

    Args:
        points: [..., 3] in units of the heart's size.

    Returns:
        [..., 8, 3].
    """
    x, y, z = points.unbind(-1)
    o, i = torch.zeros_like(x), torch.ones_like(x)
    rows = [(i, o, o), (o, i, o), (o, o, i),
            (y, x, o), (o, z, y), (z, o, x), (x, -y, o), (-x, -y, 2 * z)]  # fmt: skip
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
