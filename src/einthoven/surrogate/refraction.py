"""Our network: a linear operator, given by the anatomy, on the field that meets the heart."""

from typing import cast

import torch
from torch import Tensor, nn

from einthoven.surrogate.blocks import (
    FourierFeatures,
    harmonic_gradients,
    incident_field,
    perceptron,
    point_source,
    source_factors,
)
from einthoven.surrogate.inputs import Inputs

HEART_MM = 60.0
"""Length that makes heart coordinates of order one."""
BODY_MM = 150.0
NEAR_MM, WIDE_MM = 5.0, 25.0
"""Distances enter twice: sharp at the surface, and over a wall's thickness."""
SOFTENING_MM = 2.0
STATION_MM = 30.0
"""Distance of the outer stations from the heart's origin."""
N_HARMONICS = 8


class Refraction(nn.Module):
    """grad Z_e(x) = A(x, z) p_e(x) + sum_k G_k(x, z) p_e(y_k) + sum_r c_r(e, z) T_r(x, z).

    p_e is the field that electrode e would have without the heart: a point source on an
    insulated skin of curvature k_e, bent by harmonic polynomials, sum_l b_l(e, z) grad H_l(x). An
    inclusion maps it linearly to the field inside. A, the refraction tensor, is the part of that
    map that is local (all of it for a homogeneous ellipsoid), identity at the start; G is its
    Green kernel at seven stations y_k, the heart's origin and six points about it; T_r are modes
    for the rest. Nothing that depends on the point (the costly trunk) depends on the electrode,
    so it is evaluated once for all of them. Vectors are in the heart frame inside and in the
    patient frame outside. Fibres enter as f f^T only.
    """

    scale: Tensor
    gain: Tensor
    stations: Tensor
    latent_mean: Tensor
    latent_std: Tensor

    def __init__(
        self,
        n_latent: int,
        *,
        width: int,
        rank: int,
        n_frequencies: int,
        frequency_scale: float,
    ):
        super().__init__()
        self.register_buffer("stations", self.station_points(), persistent=False)
        self.rank = rank
        self.n_modes = rank + 3 * len(self.stations)
        self.fourier = FourierFeatures(3, n_frequencies, frequency_scale)
        n_local = self.fourier.n_outputs + 3 + 8 + 12 + 6
        self.trunk = perceptron(n_local + n_latent, width, 3 * self.n_modes + 9, n_hidden=4)
        self.branch = perceptron(10 + n_latent, width, rank + 1 + N_HARMONICS, n_hidden=3)
        with torch.no_grad():
            for last in (self.trunk[-1], self.branch[-1]):
                cast(nn.Linear, last).bias.zero_()
            # whatever the inputs, A starts as the identity and the incident field unbent
            cast(nn.Linear, self.trunk[-1]).weight[3 * self.n_modes :] = 0.0
            cast(nn.Linear, self.branch[-1]).weight[rank + 1 :] = 0.0
        for name, start in (("gain", 1.0), ("scale", 1.0)):
            self.register_buffer(name, torch.tensor(start))
        self.register_buffer("latent_mean", torch.zeros(n_latent))
        self.register_buffer("latent_std", torch.ones(n_latent))

    @staticmethod
    def station_points() -> Tensor:
        """Stations y_k in the heart frame, mm: the origin and six points about it."""
        axes = torch.eye(3)
        return STATION_MM * torch.cat([torch.zeros(1, 3), axes, -axes])

    def trunk_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """A [batch, point, 3, 3], and T and G [batch, point * 3, mode], in the heart frame."""
        batch, n = inputs.points.shape[:2]
        latent = self.code(inputs)[:, None].expand(-1, n, -1)
        out = self.trunk(torch.cat([self.local(inputs), latent], dim=-1))
        modes = out[..., : 3 * self.n_modes].reshape(batch, n * 3, self.n_modes)
        tensor = out[..., 3 * self.n_modes :].reshape(batch, n, 3, 3)
        return tensor + torch.eye(3, device=out.device), modes

    def branch_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Weights c and b [batch, electrode, n], and curvature k [batch, electrode, 1] in 1/mm."""
        electrodes = inputs.heart_electrodes()
        local = torch.cat(
            [
                electrodes / BODY_MM,
                inputs.torso_coordinates(inputs.electrodes),
                (electrodes.norm(dim=-1, keepdim=True) / BODY_MM).log(),
                inputs.skin_normal @ inputs.rotation,
            ],
            dim=-1,
        )
        latent = self.code(inputs)[:, None].expand(-1, local.shape[1], -1)
        out = self.branch(torch.cat([local, latent], dim=-1))
        weights, curvature, bend = out.split([self.rank, 1, N_HARMONICS], dim=-1)
        return self.scale * weights / self.rank**0.5, (1.0 + curvature) / BODY_MM, bend

    def forward(self, inputs: Inputs) -> Tensor:
        """Lead-field gradients [batch, electrode, point, 3] in kOhm/mm, patient frame."""
        tensor, modes = self.trunk_outputs(inputs)
        weights, curvature, bend = self.branch_outputs(inputs)
        points, electrodes = inputs.heart_points(), inputs.heart_electrodes()
        skin_normal = inputs.skin_normal @ inputs.rotation

        def incident(at: Tensor) -> Tensor:  # [batch, n, 3] -> [batch, electrode, n, 3]
            rho, u = point_source(at, electrodes, SOFTENING_MM)
            source = self.gain * incident_field(rho, u, skin_normal, curvature)
            harmonics = harmonic_gradients(at / HEART_MM).transpose(1, 2).flatten(-2)
            return source + self.scale * (bend @ harmonics).reshape(source.shape)

        met = incident(self.stations.expand(len(points), -1, -1))
        weights = torch.cat([weights, self.green_weights(met), bend], dim=-1)
        # A p_e is not formed as a vector a pair: what depends on the point alone, A, A x and A of
        # the harmonics, are rows beside the modes, and pairs meet in products of matrices
        x, harmonics = points[..., None], harmonic_gradients(points / HEART_MM)
        bent = self.scale * tensor @ harmonics.transpose(-1, -2)
        rows = torch.cat([tensor, -tensor @ x, modes.unflatten(1, (-1, 3)), bent], dim=-1)
        rows = (inputs.rotation[:, None] @ rows).permute(0, 2, 3, 1)  # [batch, 3, row, point]
        source, image = source_factors(points, electrodes, skin_normal, curvature, SOFTENING_MM)
        one = torch.ones_like(electrodes[..., :1])
        along = torch.cat([electrodes, one], dim=-1)[:, None] @ rows[:, :, :4]  # A (e - x)
        across = skin_normal[:, None] @ rows[:, :, :3]  # A n
        field = weights[:, None] @ rows[:, :, 4:]
        field = field + self.gain * (along * source[:, None] + across * image[:, None])
        return field.permute(0, 2, 3, 1)

    def green_weights(self, met: Tensor) -> Tensor:
        """Incident fields [batch, electrode, station, 3] as weights of the kernel G."""
        return met.flatten(-2) / len(self.stations) ** 0.5

    def code(self, inputs: Inputs) -> Tensor:
        """Latent code in standard deviations of the training patients: [batch, latent]."""
        return (inputs.latent - self.latent_mean) / self.latent_std

    def local(self, inputs: Inputs) -> Tensor:
        """What the trunk knows of a point beside the code: [batch, point, n]."""
        normal = inputs.normal @ inputs.rotation[:, None]  # heart frame
        fiber = inputs.fiber @ inputs.rotation
        squares = fiber * fiber
        products = fiber * fiber.roll(1, dims=-1)
        return torch.cat(
            [
                self.fourier(inputs.heart_points() / HEART_MM),
                inputs.torso_coordinates(inputs.points),
                torch.tanh(inputs.distance / NEAR_MM),
                torch.tanh(inputs.distance / WIDE_MM),
                normal.flatten(-2),
                squares,
                products,
            ],
            dim=-1,
        )
