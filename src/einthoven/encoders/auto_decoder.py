"""Joint training of the decoder and one code per training patient (eq. (6))."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from einthoven.core.errors import BadInput
from einthoven.core.tags import SDF_SURFACES
from einthoven.encoders.decoder import Decoder, DecoderShape
from einthoven.encoders.harness import Task
from einthoven.encoders.infer import residuals

NEAR_MM = 10.0
"""Samples closer than this tell a surface's mean radius."""
MIN_RADIUS_MM = 5.0
CODE_START_SD = 0.01
CODE_LR_FACTOR = 3.0
"""A code sees only its own patient's points, so that it may move faster than the weights."""


@dataclass(frozen=True)
class Objective:
    """Weights of eq. (6) and the size of a batch."""

    batch_patients: int
    points_per_batch: int
    relative_mm: float
    lambda_prior: float
    lambda_lipschitz: float


class AutoDecoder(Task):
    """Decoder and training codes `latents` [patient, latent], with the samples of eq. (6).

    Args:
        shape: of the decoder.
        objective: weights and batch.
        points: [patient, sample, 3] mm float32, training patients only.
        sdf: [patient, sample, surface] mm float32.
    """

    points: Tensor
    sdf: Tensor

    def __init__(self, shape: DecoderShape, objective: Objective, points: Tensor, sdf: Tensor):
        super().__init__()
        self.decoder = Decoder(shape)
        self.latents = nn.Parameter(CODE_START_SD * torch.randn(len(points), shape.n_latent))
        self.objective = objective
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("sdf", sdf, persistent=False)
        normalise(self.decoder, points, sdf)

    @property
    def steps_per_epoch(self) -> int:
        """Each epoch visits each patient once."""
        return -(-len(self.points) // self.objective.batch_patients)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of patients [row] and their samples [row, point], drawn with replacement."""
        n_patients, n_samples = self.points.shape[:2]
        for rows in torch.randperm(n_patients, generator=generator).split(
            self.objective.batch_patients
        ):
            size = (len(rows), self.objective.points_per_batch)
            yield rows, torch.randint(0, n_samples, size, generator=generator)

    def losses(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """The three terms of eq. (6)."""
        rows, samples = batch
        latent = self.latents[rows]
        predicted = self.decoder(self.points[rows[:, None], samples], latent)
        error = residuals(predicted, self.sdf[rows[:, None], samples], self.objective.relative_mm)
        fit, prior = error.square().mean(), latent.square().sum(dim=-1).mean()
        lipschitz = self.decoder.lipschitz_product()
        loss = (
            fit + self.objective.lambda_prior * prior + self.objective.lambda_lipschitz * lipschitz
        )
        return {"loss": loss, "fit": fit, "prior": prior, "lipschitz": lipschitz}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Codes learn faster than weights."""
        return [
            {"params": list(self.decoder.parameters()), "lr_factor": 1.0},
            {"params": [self.latents], "lr_factor": CODE_LR_FACTOR},
        ]


def normalise(decoder: Decoder, points: Tensor, sdf: Tensor) -> None:
    """Set the decoder's scales from the training patients' samples.

    Args:
        decoder: changed in place.
        points: [patient, sample, 3] mm.
        sdf: [patient, sample, surface] mm.

    Raises:
        BadInput: a surface is not sampled.
    """
    inside_body = points[sdf[..., 0] <= 0]
    inside_heart = points[sdf[..., 3] <= 0]
    decoder.body_mm.copy_(inside_body.square().sum(-1).mean().sqrt())
    decoder.heart_centre.copy_(inside_heart.mean(dim=0))
    offsets = inside_heart - decoder.heart_centre
    decoder.heart_mm.copy_(offsets.square().sum(-1).mean().sqrt())
    for k in range(sdf.shape[-1]):
        near = sdf[..., k].abs() < NEAR_MM
        if not near.any() or not (sdf[..., k] < 0).any():
            raise BadInput(
                f"sdf: no sample inside or within {NEAR_MM:g} mm of surface {SDF_SURFACES[k]}; "
                "are these millimetres, negative inside?"
            )
        centre = decoder.heart_centre if k else torch.zeros(3)
        radius = (points[near] - centre).norm(dim=-1) - sdf[..., k][near]
        decoder.radius_mm[k] = radius.mean().clamp(min=MIN_RADIUS_MM)
    start = decoder.spheres(torch.cat([points / decoder.body_mm, (points - decoder.heart_centre)
                                       / decoder.heart_mm], dim=-1))  # fmt: skip
    decoder.output_mm.copy_((sdf - start).square().mean(dim=(0, 1)).sqrt())
