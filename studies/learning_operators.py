"""Larger operators that were tried: Green kernel, bent incident field, a scalar Z, more width."""

import math

import torch
from torch import Tensor

from einthoven.base.config.learning import RefractionSettings
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.refraction import (
    BODY_MM,
    HEART_MM,
    NEAR_MM,
    SOFTENING_MM,
    WIDE_MM,
    Refraction,
)
from einthoven.numerics.training.layers import perceptron

STATION_MM = 30.0
"""Distance of the outer stations from the heart's origin."""
N_HARMONICS = 8
SHIFT_MM = 10.0
"""Length that makes the shift of the curl-free variant of order one."""


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


class BranchKernel(Refraction):
    """Besides, a Green kernel at stations y_k, and an incident field bent by harmonics.

    grad Z_e(x) = A(x, z) p_e(x) + sum_k G_k(x, z) p_e(y_k) + sum_r c_r(e, z) T_r(x, z), where p_e
    has another term, sum_l b_l(e, z) grad H_l(x), H_l the harmonic polynomials of degree 1 and 2.
    """

    stations: Tensor
    with_kernel, with_harmonics = True, True

    def __init__(self, config: RefractionSettings, n_latent: int):
        stations, width, rank = self.station_points(), config.width, config.rank
        # the trunk gives G as further modes
        changed = {"rank": rank + 3 * len(stations), "code_at_electrodes": True}
        super().__init__(config.model_copy(update=changed), n_latent)
        self.n_free = rank
        self.register_buffer("stations", stations, persistent=False)
        n_place = self.branch[0].in_features
        self.branch = perceptron(n_place, width, rank + 1 + N_HARMONICS, n_hidden=3)
        with torch.no_grad():
            self.branch[-1].bias.zero_()
            self.branch[-1].weight[rank + 1 :] = 0.0

    @staticmethod
    def station_points() -> Tensor:
        """Stations y_k in the heart frame, mm: the origin and six points about it."""
        axes = torch.eye(3)
        return STATION_MM * torch.cat([torch.zeros(1, 3), axes, -axes])

    def weights(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Weights c and b [batch, electrode, n], and curvature k [batch, electrode, 1] in 1/mm."""
        code = self.code(inputs)[:, None].expand(-1, inputs.electrodes.shape[1], -1)
        out = self.branch(torch.cat([self.place(inputs), code], dim=-1))
        weights, curvature, bend = out.split([self.n_free, 1, N_HARMONICS], dim=-1)
        bend = bend * float(self.with_harmonics)
        return self.scale * weights / self.n_free**0.5, (1.0 + curvature) / BODY_MM, bend

    def incident(self, at: Tensor, inputs: Inputs, curvature: Tensor, bend: Tensor) -> Tensor:
        """p_e [batch, electrode, n, 3] kOhm/mm at points [batch, n, 3] mm, in the heart frame."""
        rho, u = point_source(at, inputs.heart_coordinates(inputs.electrodes), SOFTENING_MM)
        skin_normal = inputs.skin_normal @ inputs.rotation
        source = self.gain * incident_field(rho, u, skin_normal, curvature)
        harmonics = harmonic_gradients(at / HEART_MM).transpose(1, 2).flatten(-2)
        return source + self.scale * (bend @ harmonics).reshape(source.shape)

    def green_weights(self, met: Tensor) -> Tensor:
        """Incident fields [batch, electrode, station, 3] as weights of the kernel G."""
        return float(self.with_kernel) * met.flatten(-2) / len(self.stations) ** 0.5

    def forward(self, inputs: Inputs) -> Tensor:
        """Lead-field gradients [batch, electrode, point, 3] in kOhm/mm, patient frame."""
        tensor, modes = self.trunk_outputs(inputs)
        weights, curvature, bend = self.weights(inputs)
        stations = self.stations.expand(len(inputs.points), -1, -1)
        met = self.incident(stations, inputs, curvature, bend)
        weights = torch.cat([weights, self.green_weights(met), bend], dim=-1)
        harmonics = harmonic_gradients(inputs.heart_coordinates(inputs.points) / HEART_MM)
        bent = self.scale * tensor @ harmonics.transpose(-1, -2)
        modes = torch.cat([modes, bent], dim=-1)
        return self.paired(inputs, tensor, modes, weights, curvature)


class KernelOnly(BranchKernel):
    """No bent incident field."""

    with_harmonics = False


class BentOnly(BranchKernel):
    """No Green kernel."""

    with_kernel = False


class Wide(BranchKernel):
    """Remaining gain: twice the width and rank, and a Green kernel at 64 stations."""

    def __init__(self, config: RefractionSettings, n_latent: int):
        wider = {"width": 2 * config.width, "rank": 2 * config.rank}
        super().__init__(config.model_copy(update=wider), n_latent)

    @staticmethod
    def station_points() -> Tensor:
        """Points spread evenly over a sphere of 45 mm about the heart's origin (Fibonacci)."""
        k = torch.arange(64) + 0.5
        polar, around = torch.acos(1 - k / 32), math.pi * (1 + 5**0.5) * k
        ring = polar.sin()
        return 45.0 * torch.stack([ring * around.cos(), ring * around.sin(), polar.cos()], dim=1)


class CurlFree(BranchKernel):
    """A scalar Z, of which the output is the gradient, by forward differentiation.

    Z_e = (1 + a(x)) psi_e(x) + s(x) . p_e(x) + sum_k g_k(x) . p_e(y_k) + sum_r c_r T_r(x), where
    psi_e is the potential of p_e: the same physics one derivative earlier. The trunk sees place,
    signed distances and code only, whose derivatives are known; not normals and fibres.
    """

    def __init__(self, config: RefractionSettings, n_latent: int):
        super().__init__(config, n_latent)
        n_inputs = self.fourier.n_outputs + 3 + 8 + n_latent
        self.trunk = perceptron(n_inputs, config.width, self.rank + 4, n_hidden=4)
        with torch.no_grad():
            self.trunk[-1].bias.zero_()
            self.trunk[-1].weight[self.rank :] = 0.0

    def local(self, inputs: Inputs) -> Tensor:
        """Place and distances."""
        return torch.cat([self.fourier(inputs.heart_coordinates(inputs.points) / HEART_MM),
                          inputs.torso_coordinates(inputs.points),
                          torch.tanh(inputs.distance / NEAR_MM),
                          torch.tanh(inputs.distance / WIDE_MM)], dim=-1)  # fmt: skip

    def source_potential(
        self, x: Tensor, inputs: Inputs, curvature: Tensor, bend: Tensor
    ) -> Tensor:
        """psi_e at x [batch, point, 3] in the heart frame, up to a constant: [.., e, point]."""
        electrodes = inputs.heart_coordinates(inputs.electrodes)
        skin_normal = inputs.skin_normal @ inputs.rotation
        rho, u = point_source(x, electrodes, SOFTENING_MM)
        across = (1.0 + (u * skin_normal[:, :, None]).sum(-1)).clamp_min(0.05)
        rho = rho[..., 0]
        source = 1 / rho - 0.5 * curvature * (rho * across).log()
        h = x / HEART_MM
        a, b, c = h.unbind(-1)
        harmonics = torch.stack(
            [a, b, c, a * b, b * c, c * a, (a * a - b * b) / 2, c * c - (a * a + b * b) / 2], dim=1
        )
        return self.gain * source + self.scale * HEART_MM * (bend @ harmonics)

    def forward(self, inputs: Inputs) -> Tensor:
        """Gradient of Z [batch, electrode, point, 3] in kOhm/mm."""
        weights, curvature, bend = self.weights(inputs)
        stations = self.stations.expand(len(inputs.points), -1, -1)
        met = self.incident(stations, inputs, curvature, bend)
        weights = torch.cat([weights, self.green_weights(met)], dim=-1)
        code = self.code(inputs)[:, None].expand(-1, inputs.points.shape[1], -1)
        middle = self.source_potential(stations[:, :1], inputs, curvature, bend)

        def potential(points: Tensor) -> Tensor:
            away = ((points - inputs.points)[:, :, None] * inputs.normal).sum(-1)
            moved = inputs._replace(points=points, distance=inputs.distance + away)
            out = self.trunk(torch.cat([self.local(moved), code], dim=-1))
            modes, stretch, shift = out.split([self.rank, 1, 3], dim=-1)
            x = moved.heart_coordinates(moved.points)
            source = self.source_potential(x, inputs, curvature, bend) - middle
            local = self.incident(x, inputs, curvature, bend) * shift[:, None]
            return ((1 + stretch.mT) * source + SHIFT_MM * local.sum(-1)
                    + HEART_MM * weights @ modes.mT)  # fmt: skip

        def along(tangent: Tensor) -> Tensor:
            tangents = (tangent.expand_as(inputs.points),)
            return torch.func.jvp(potential, (inputs.points,), tangents)[1]

        return torch.func.vmap(along, out_dims=-1)(torch.eye(3))
