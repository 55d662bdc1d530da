"""Our network: a refraction tensor times the incident field, plus a term of low rank."""

from typing import cast

import torch
from torch import Tensor, nn

from einthoven.surrogate.blocks import FourierFeatures, incident_field, perceptron, point_source
from einthoven.surrogate.inputs import Inputs

HEART_MM = 60.0
"""Length that makes heart coordinates of order one."""
BODY_MM = 150.0
NEAR_MM, WIDE_MM = 5.0, 25.0
"""Distances enter twice: sharp at the surface, and over a wall's thickness."""
SOFTENING_MM = 2.0


class Refraction(nn.Module):
    """grad Z_e(x) = gain [A(x, z) p_e(x, k_e)] + scale sum_r c_r(e, z) T_r(x, z).

    An inclusion maps the incident field p_e linearly to the field inside, and exactly so for
    a homogeneous ellipsoid: A is that map, identity at the start. The branch also gives the
    skin's curvature k_e. Nothing that depends on the point (the costly trunk) depends on the
    electrode, so it is evaluated once for all of them. Vectors are in the heart frame inside
    and in the patient frame outside. Fibres enter as f f^T only.
    """

    scale: Tensor
    gain: Tensor
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
        self.rank = rank
        self.fourier = FourierFeatures(3, n_frequencies, frequency_scale)
        n_local = self.fourier.n_outputs + 3 + 8 + 12 + 6
        self.trunk = perceptron(n_local + n_latent, width, 3 * rank + 9, n_hidden=4)
        self.branch = perceptron(10 + n_latent, width, rank + 1, n_hidden=3)
        with torch.no_grad():
            for last in (self.trunk[-1], self.branch[-1]):
                cast(nn.Linear, last).bias.zero_()
            # A starts as the identity, whatever the inputs
            cast(nn.Linear, self.trunk[-1]).weight[3 * rank :] = 0.0
        for name, start in (("gain", 1.0), ("scale", 1.0)):
            self.register_buffer(name, torch.tensor(start))
        self.register_buffer("latent_mean", torch.zeros(n_latent))
        self.register_buffer("latent_std", torch.ones(n_latent))

    def trunk_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """A [batch, point, 3, 3] and T [batch, point * 3, rank] in the heart frame."""
        batch, n = inputs.points.shape[:2]
        latent = self.code(inputs)[:, None].expand(-1, n, -1)
        out = self.trunk(torch.cat([self.local(inputs), latent], dim=-1))
        modes = out[..., : 3 * self.rank].reshape(batch, n * 3, self.rank)
        tensor = out[..., 3 * self.rank :].reshape(batch, n, 3, 3)
        return tensor + torch.eye(3, device=out.device), modes

    def branch_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """C [batch, electrode, rank] and the skin's curvature [batch, electrode, 1] in 1/mm."""
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
        return out[..., :-1] / self.rank**0.5, (1.0 + out[..., -1:]) / BODY_MM

    def forward(self, inputs: Inputs) -> Tensor:
        """Lead-field gradients [batch, electrode, point, 3] in kOhm/mm, patient frame."""
        tensor, modes = self.trunk_outputs(inputs)
        weights, curvature = self.branch_outputs(inputs)
        rho, u = point_source(inputs.heart_points(), inputs.heart_electrodes(), SOFTENING_MM)
        incident = incident_field(rho, u, inputs.skin_normal @ inputs.rotation, curvature)
        bent = torch.matmul(tensor[:, None], incident[..., None])[..., 0]
        low_rank = (weights @ modes.transpose(1, 2)).reshape(bent.shape)
        field = self.gain * bent + self.scale * low_rank  # [batch, electrode, point, 3]
        return field @ inputs.rotation[:, None].transpose(-1, -2)

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
