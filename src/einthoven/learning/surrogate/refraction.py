"""The refraction network: a linear operator, given by the anatomy, on the incident field."""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from einthoven.base.config.learning import RefractionSettings
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.losses import cosine_loss, relative_error
from einthoven.learning.surrogate.split_samples import PatientSample
from einthoven.learning.surrogate.surrogate_network import LeadFieldNetwork, PointBatch
from einthoven.numerics.training.layers import FourierFeatures, perceptron
from einthoven.numerics.training.schedule import Schedule

HEART_MM = 60.0
"""Length that scales heart coordinates to order one."""
BODY_MM = 150.0
NEAR_MM, WIDE_MM = 5.0, 25.0
"""Distances enter at two scales: sharp at the surface, and over a wall's thickness."""
SOFTENING_MM = 2.0
MUON_LR_FACTOR = 4.0
"""Muon's steps are longer than Adam's at the same learning rate."""


class Refraction(LeadFieldNetwork):
    """grad Z_e(x) = A(x, z) p_e(x) + sum_r c_r(e, z) T_r(x, z).

    p_e is the field of electrode e without the heart: a point source on an insulated skin of
    curvature k_e. An inclusion maps it linearly to the field inside. A, the refraction tensor, is
    the local part of that map (all of it for a homogeneous ellipsoid) and initially the identity;
    T_r are modes for the rest. The costly trunk depends on the point and not on the electrode, so
    it is evaluated once for all electrodes. Without `code_at_electrodes`, curvature and weights
    depend only on the electrode's position in torso and heart, because with a few dozen anatomies a
    network would overfit to the codes. Vectors are in the heart frame inside and in the patient
    frame outside. Fibres enter as f f^T only. A code farther from the mean than any training code
    is scaled back to the farthest one: the network's output for other codes is unbounded, while
    local geometry remains meaningful.
    """

    name, drawn_as, config_class = "refraction", "refraction", RefractionSettings
    constants = {"HEART_MM": HEART_MM, "BODY_MM": BODY_MM, "NEAR_MM": NEAR_MM, "WIDE_MM": WIDE_MM,
                 "SOFTENING_MM": SOFTENING_MM}  # fmt: skip
    gain: Tensor
    """Scale of the incident field to the gradient's length in the hearts of the training."""
    latent_reach: Tensor
    """Length of the farthest training code in standard deviations."""

    def __init__(self, config: RefractionSettings, n_latent: int):
        super().__init__(config, n_latent)
        width, rank = config.width, config.rank
        self.rank, self.code_at_electrodes = rank, config.code_at_electrodes
        self.fourier = FourierFeatures(3, config.n_frequencies, config.frequency_scale)
        n_local = self.fourier.n_outputs + 3 + 8 + 12 + 6
        self.trunk = perceptron(n_local + n_latent, width, 3 * rank + 9, n_hidden=4)
        n_place = 10 + (n_latent if self.code_at_electrodes else 0)
        self.branch = perceptron(n_place, width, rank + 1, n_hidden=3)
        with torch.no_grad():
            for last in (self.trunk[-1], self.branch[-1]):
                cast(nn.Linear, last).bias.zero_()
            # A is initially the identity for all inputs
            cast(nn.Linear, self.trunk[-1]).weight[3 * rank :] = 0.0
        self.register_buffer("gain", torch.tensor(1.0))
        self.register_buffer("latent_reach", torch.tensor(float("inf")))

    @staticmethod
    def schedule(config: RefractionSettings) -> Schedule:
        """Warm-up and cosine, with an average of the weights if the section says so."""
        return Schedule(config.epochs, config.learning_rate, config.precision,
                        ema_decay=config.ema_decay)  # fmt: skip

    def fit_scales(self, samples: Iterable[PatientSample]) -> None:
        """Set the scales, the gain, and the range of the codes."""
        super().fit_scales(samples)
        incident = [
            torch.cdist(s.inputs.electrodes, s.inputs.points[s.heart]).pow(-2).mean()
            for s in samples
        ]
        self.gain.copy_(self.scale / torch.stack(incident).mean())
        codes = torch.stack([sample.inputs.latent for sample in samples])
        self.latent_reach.copy_(self.standardised(codes).norm(dim=-1).max())

    def loss(self, predicted: Tensor, batch: PointBatch) -> dict[str, Tensor]:
        """Losses: the relative error; the cosine is only recorded."""
        return {"loss": relative_error(predicted, batch.grad),
                "cosine": cosine_loss(predicted, batch.grad)}  # fmt: skip

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Muon for all matrices but the last ones."""
        outputs = (self.trunk[-1], self.branch[-1])
        last = {id(p) for module in outputs for p in module.parameters()}
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for parameter in self.parameters():
            groups[parameter.ndim == 2 and id(parameter) not in last].append(parameter)
        return [{"params": groups[True], "muon": True, "lr_factor": MUON_LR_FACTOR},
                {"params": groups[False]}]  # fmt: skip

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

        A p_e is not formed per pair: A and A x, which depend only on the point, are rows beside the
        modes, and pairs are combined in matrix products.
        """
        points = inputs.heart_coordinates(inputs.points)
        electrodes = inputs.heart_coordinates(inputs.electrodes)
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
        """Inputs of the branch for an electrode, beside the code: [batch, electrode, 10]."""
        electrodes = inputs.heart_coordinates(inputs.electrodes)
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
        code = self.standardised(inputs.latent)
        length = code.norm(dim=-1, keepdim=True).clamp_min(1e-6)
        return code * (self.latent_reach / length).clamp_max(1.0)

    def local(self, inputs: Inputs) -> Tensor:
        """Inputs of the trunk for a point, beside the code: [batch, point, n]."""
        normal = inputs.normal @ inputs.rotation[:, None]  # heart frame
        fiber = inputs.fiber @ inputs.rotation
        return torch.cat(
            [
                self.fourier(inputs.heart_coordinates(inputs.points) / HEART_MM),
                inputs.torso_coordinates(inputs.points),
                torch.tanh(inputs.distance / NEAR_MM),
                torch.tanh(inputs.distance / WIDE_MM),
                normal.flatten(-2),
                fiber * fiber,
                fiber * fiber.roll(1, dims=-1),
            ],
            dim=-1,
        )


def source_factors(
    points: Tensor, electrodes: Tensor, skin_normal: Tensor, curvature: Tensor, softening: float
) -> tuple[Tensor, Tensor]:
    """Field of a unit current into an insulated skin of mean curvature k, in two numbers per pair.

    For a ball of radius a = 1/k the solution of eq. (4) of Dokuchaev 2026 is Z = [2 / rho - k
    ln(rho + d)] / (4 pi sigma), rho the distance from x to the electrode e and d the depth of x
    below the tangent plane there. Its gradient, times 2 pi sigma, is s (e - x) + t n: s = 1 / rho^3
    + t / rho and t = k / (2 (rho + d)). Each electrode has its own curvature; zero is a half-space.

    Args:
        points: [batch, point, 3] mm.
        electrodes: [batch, electrode, 3] mm.
        skin_normal: [batch, electrode, 3] outward.
        curvature: [batch, electrode, 1] 1/mm.
        softening: length in mm that keeps rho positive.

    Returns:
        s in 1/mm^3 and t in 1/mm^2, both [batch, electrode, point].
    """
    distance = torch.cdist(electrodes, points, compute_mode="donot_use_mm_for_euclid_dist")
    inverse = (distance.square() + softening**2).rsqrt()
    depth = (electrodes * skin_normal).sum(-1, keepdim=True) - skin_normal @ points.mT
    image = 0.5 * curvature * inverse / (1.0 + depth * inverse).clamp_min(0.05)
    return inverse * (inverse.square() + image), image
