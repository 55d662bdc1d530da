"""Our network: a linear operator, given by the anatomy, on the field that meets the heart."""

from typing import cast

import torch
from torch import Tensor, nn

from einthoven.surrogate.inputs import Inputs
from einthoven.training.layers import FourierFeatures, perceptron, source_factors

HEART_MM = 60.0
"""Length that makes heart coordinates of order one."""
BODY_MM = 150.0
NEAR_MM, WIDE_MM = 5.0, 25.0
"""Distances enter twice: sharp at the surface, and over a wall's thickness."""
SOFTENING_MM = 2.0


class Refraction(nn.Module):
    """grad Z_e(x) = A(x, z) p_e(x) + sum_r c_r(e, z) T_r(x, z).

    p_e is the field that electrode e would have without the heart: a point source on an
    insulated skin of curvature k_e. An inclusion maps it linearly to the field inside. A, the
    refraction tensor, is the part of that map that is local (all of it for a homogeneous
    ellipsoid), identity at the start; T_r are modes for the rest. Nothing that depends on the
    point (the costly trunk) depends on the electrode, so it is evaluated once for all of them.
    Without `code_at_electrodes`, curvature and weights depend on the electrode's place in torso and
    heart alone: of a few dozen anatomies a network learns the codes by heart there.
    Vectors are in the heart frame inside and in the patient frame outside. Fibres enter as f f^T
    only. A code farther from the mean than any of the training is drawn back to their farthest:
    what a network says of other codes grows without bound, while local geometry keeps its sense.
    """

    scale: Tensor
    gain: Tensor
    latent_mean: Tensor
    latent_std: Tensor
    latent_reach: Tensor

    def __init__(
        self,
        n_latent: int,
        *,
        width: int,
        rank: int,
        n_frequencies: int,
        frequency_scale: float,
        code_at_electrodes: bool,
    ):
        super().__init__()
        self.rank, self.code_at_electrodes = rank, code_at_electrodes
        self.fourier = FourierFeatures(3, n_frequencies, frequency_scale)
        n_local = self.fourier.n_outputs + 3 + 8 + 12 + 6
        self.trunk = perceptron(n_local + n_latent, width, 3 * rank + 9, n_hidden=4)
        n_place = 10 + (n_latent if code_at_electrodes else 0)
        self.branch = perceptron(n_place, width, rank + 1, n_hidden=3)
        with torch.no_grad():
            for last in (self.trunk[-1], self.branch[-1]):
                cast(nn.Linear, last).bias.zero_()
            # whatever the inputs, A starts as the identity
            cast(nn.Linear, self.trunk[-1]).weight[3 * rank :] = 0.0
        for name, start in (("gain", 1.0), ("scale", 1.0)):
            self.register_buffer(name, torch.tensor(start))
        self.register_buffer("latent_mean", torch.zeros(n_latent))
        self.register_buffer("latent_std", torch.ones(n_latent))
        self.register_buffer("latent_reach", torch.tensor(float("inf")))

    def trunk_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """A [batch, point, 3, 3] and T [batch, point, 3, mode], in the heart frame."""
        batch, n = inputs.points.shape[:2]
        code = self.code(inputs)[:, None].expand(-1, n, -1)
        out = self.trunk(torch.cat([self.local(inputs), code], dim=-1))
        modes = out[..., : 3 * self.rank].reshape(batch, n, 3, self.rank)
        tensor = out[..., 3 * self.rank :].reshape(batch, n, 3, 3)
        return tensor + torch.eye(3, device=out.device), modes

    def branch_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Weights c [batch, electrode, mode], and curvature k [batch, electrode, 1] in 1/mm."""
        place = self.place(inputs)
        if self.code_at_electrodes:
            code = self.code(inputs)[:, None].expand(-1, place.shape[1], -1)
            place = torch.cat([place, code], dim=-1)
        weights, curvature = self.branch(place).split([self.rank, 1], dim=-1)
        return self.scale * weights / self.rank**0.5, (1.0 + curvature) / BODY_MM

    def forward(self, inputs: Inputs) -> Tensor:
        """Lead-field gradients [batch, electrode, point, 3] in kOhm/mm, patient frame."""
        tensor, modes = self.trunk_outputs(inputs)
        weights, curvature = self.branch_outputs(inputs)
        return self.paired(inputs, tensor, modes, weights, curvature)

    def paired(
        self, inputs: Inputs, tensor: Tensor, modes: Tensor, weights: Tensor, curvature: Tensor
    ) -> Tensor:
        """A p_e + sum_r c_r T_r for all pairs: [batch, electrode, point, 3].

        A p_e is not formed as a vector a pair: what depends on the point alone, A and A x, are
        rows beside the modes, and pairs meet in products of matrices.
        """
        points, electrodes = inputs.heart_points(), inputs.heart_electrodes()
        skin_normal = inputs.skin_normal @ inputs.rotation
        rows = torch.cat([tensor, -tensor @ points[..., None], modes], dim=-1)
        rows = (inputs.rotation[:, None] @ rows).permute(0, 2, 3, 1)  # [batch, 3, row, point]
        source, image = source_factors(points, electrodes, skin_normal, curvature, SOFTENING_MM)
        one = torch.ones_like(electrodes[..., :1])
        along = torch.cat([electrodes, one], dim=-1)[:, None] @ rows[:, :, :4]  # A (e - x)
        across = skin_normal[:, None] @ rows[:, :, :3]  # A n
        field = weights[:, None] @ rows[:, :, 4:]
        field = torch.addcmul(field, along, self.gain * source[:, None])
        field = torch.addcmul(field, across, self.gain * image[:, None])
        return field.permute(0, 2, 3, 1)

    def place(self, inputs: Inputs) -> Tensor:
        """What the branch knows of an electrode beside the code: [batch, electrode, 10]."""
        electrodes = inputs.heart_electrodes()
        return torch.cat(
            [
                electrodes / BODY_MM,
                inputs.torso_coordinates(inputs.electrodes),
                (electrodes.norm(dim=-1, keepdim=True) / BODY_MM).log(),
                inputs.skin_normal @ inputs.rotation,
            ],
            dim=-1,
        )

    def code(self, inputs: Inputs) -> Tensor:
        """Latent code in standard deviations of the training patients: [batch, latent]."""
        code = (inputs.latent - self.latent_mean) / self.latent_std
        length = self.code_lengths(inputs.latent)[..., None].clamp_min(1e-6)
        return code * (self.latent_reach / length).clamp_max(1.0)

    def code_lengths(self, latent: Tensor) -> Tensor:
        """Distances of codes [..., latent] from the mean in standard deviations: [...]."""
        return ((latent - self.latent_mean) / self.latent_std).norm(dim=-1)

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
