"""Joint training of the decoder and one code per training patient (eq. (6)) of a cohort."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from einthoven.base.config.learning import DeepSdfSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.core.seeds import derive_seed
from einthoven.base.core.tags import SDF_SURFACES
from einthoven.learning.encoders.base import Names, Paths, Source, virtual_patients
from einthoven.learning.encoders.deepsdf.decoder import SurfaceDecoder, new_decoder
from einthoven.learning.encoders.deepsdf.infer import CodePrior, residuals
from einthoven.numerics.training.fit import TrainingRun, fit
from einthoven.numerics.training.machine import Machine
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.task import Task, seeded
from einthoven.numerics.training.tensors import arrays_sha256

type Samples = tuple[np.ndarray, np.ndarray]
"""Points [patient, sample, 3] mm and signed distances [patient, sample, surface] mm."""
NAME = "deepsdf"
NEAR_MM = 10.0
"""Samples closer than this determine a surface's mean radius."""
MIN_RADIUS_MM = 5.0
CODE_START_SD = 0.01
CODE_LR_FACTOR = 3.0
"""A code sees only its own patient's points, so its learning rate may exceed the weights'."""
MUON_LR_FACTOR = 6.0
NEAREST = 0.2
"""Share of a patient's samples, for each surface of a network, that count as near."""


type Batch = tuple[Tensor, list[Tensor]]
"""Patients [row], and for each network of the decoder samples [row, point]."""


@dataclass(frozen=True)
class SdfCohort:
    """Samples of a cohort: names, splits, points [patient, sample, 3] and sdf [.., surface]."""

    patient: Names
    split: Names
    points: np.ndarray
    sdf: np.ndarray

    def __post_init__(self) -> None:
        n_patients, n_samples = self.points.shape[:2]
        check.shape("sdf_points", check.finite("sdf_points", self.points), (None, None, 3))
        check.shape("sdf", check.finite("sdf", self.sdf), (n_patients, n_samples, None))
        if self.split.count("train") < 2:
            raise BadInput("split: an encoder needs at least two training patients")

    def of(self, split: str) -> Samples:
        """Points and distances of one split, float32."""
        rows = [s == split for s in self.split]
        return self.points[rows].astype(np.float32), self.sdf[rows].astype(np.float32)

    @classmethod
    def read(cls, source: Source) -> Self:
        """Samples of all virtual patients of a consolidated store, or of stage files."""
        names, splits, (points, sdf) = virtual_patients(source, "sdf", "sdf_points", "sdf")
        return cls(names, splits, points, sdf)


def read_shapes(paths: Paths) -> Samples | None:
    """Samples of shapes beside the cohort; None without files.

    Raises:
        BadInput: a file is missing, broken, or has another number of samples.
    """
    if not paths:
        return None
    chunks = [load_arrays(path, ("sdf_points", "sdf")) for path in paths]
    if len({chunk["sdf_points"].shape[1] for chunk in chunks}) > 1:
        raise BadInput("shapes: files differ in their number of samples; make them again")
    points, sdf = (np.concatenate([c[name] for c in chunks]) for name in ("sdf_points", "sdf"))
    return points, sdf


def joined(patients: Samples, shapes: Samples | None) -> Samples:
    """Points and distances of patients and shapes, float32, as many samples of each."""
    if shapes is None:
        return patients
    n = min(patients[0].shape[1], shapes[0].shape[1])
    points, sdf = (np.concatenate([a[:, :n], b[:, :n]]) for a, b in zip(patients, shapes))
    return points.astype(np.float32), sdf.astype(np.float32)


class AutoDecoder(Task):
    """Decoder and training codes `latents` [patient, latent], with the samples of eq. (6).

    Each network of the decoder has its own points: all samples with equal weight for the joint one,
    mostly those near its surfaces for the split ones.

    Args:
        config: decoder, weights of eq. (6) and batch.
        points: [patient, sample, 3] mm float32, training patients only.
        sdf: [patient, sample, surface] mm float32.
    """

    points: Tensor
    sdf: Tensor

    def __init__(self, config: DeepSdfSettings, points: Tensor, sdf: Tensor):
        super().__init__()
        self.decoder = new_decoder(config)
        self.latents = nn.Parameter(CODE_START_SD * torch.randn(len(points), config.n_latent))
        self.config = config
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("sdf", sdf, persistent=False)
        _normalise(self.decoder, points, sdf)
        parts = self.decoder.parts if self.decoder.near_share else ()
        self.near = [nearest(sdf[..., part]) for part in parts]

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches; each epoch visits each patient once."""
        return -(-len(self.points) // self.config.batch_patients)

    def batches(self, generator: torch.Generator) -> Iterator[Batch]:
        """Patients [row] and for each network samples [row, point], drawn with replacement."""
        order = torch.randperm(len(self.points), generator=generator)
        for rows in order.split(self.config.batch_patients):
            yield rows, [self._draw(k, rows, generator) for k in range(len(self.decoder.parts))]

    def _draw(self, part: int, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Samples for one network: [row, point]."""
        n_points, n_samples = self.config.points_per_batch, self.points.shape[1]
        n_near = round(self.decoder.near_share * n_points)
        anywhere = torch.randint(n_samples, (len(rows), n_points - n_near), generator=generator)
        if not n_near:
            return anywhere
        near = self.near[part]
        chosen = torch.randint(near.shape[1], (len(rows), n_near), generator=generator)
        return torch.cat([near[rows[:, None], chosen], anywhere], dim=1)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The three terms of eq. (6)."""
        rows, samples = batch
        latent, errors = self.latents[rows], []
        for k, (part, chosen) in enumerate(zip(self.decoder.parts, samples)):
            predicted = self.decoder.decode_part(k, self.points[rows[:, None], chosen], latent)
            truth = self.sdf[rows[:, None], chosen][..., part]
            errors.append(residuals(predicted, truth, self.config.relative_mm, part))
        fit = torch.cat(errors, dim=-1).square().mean()
        prior = latent.square().sum(dim=-1).mean()
        lipschitz = self.decoder.lipschitz_product()
        loss = fit + self.config.lambda_prior * prior + self.config.lambda_lipschitz * lipschitz
        return {"loss": loss, "fit": fit, "prior": prior, "lipschitz": lipschitz}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameter groups: codes learn faster than weights; matrices take orthogonalised steps."""
        matrices = self.decoder.matrices()
        other = [p for p in self.decoder.parameters() if not any(p is m for m in matrices)]
        groups: list[dict[str, Any]] = [
            {"params": other, "lr_factor": 1.0},
            {"params": [self.latents], "lr_factor": CODE_LR_FACTOR},
        ]
        if matrices:
            groups.append({"params": matrices, "lr_factor": MUON_LR_FACTOR, "muon": True})
        return groups


def nearest(sdf: Tensor) -> Tensor:
    """Samples nearest to any of some surfaces: [patient, sample, surface] -> [patient, near]."""
    n_samples, n_surfaces = sdf.shape[1:]
    count = max(1, round(NEAREST * n_surfaces * n_samples))
    return sdf.abs().amin(dim=-1).topk(count, dim=1, largest=False).indices


def _normalise(decoder: SurfaceDecoder, points: Tensor, sdf: Tensor) -> None:
    """Set the decoder's scales from points and distances of the training patients, in mm."""
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
    start = decoder.spheres(
        points / decoder.body_mm, (points - decoder.heart_centre) / decoder.heart_mm
    )
    decoder.output_mm.copy_((sdf - start).square().mean(dim=(0, 1)).sqrt())


def train_decoder(
    samples: Samples, config: DeepSdfSettings, folder: str | Path, machine: Machine
) -> tuple[SurfaceDecoder, CodePrior, str]:
    """Minimise eq. (6) over decoder and codes of these anatomies; write `curve.csv`.

    Samples are float32; `folder` is the encoder's.

    Returns:
        The decoder, the prior of its training codes, and the checksum of the samples.

    Raises:
        BadInput: a surface is not sampled.
        StepFailed: training diverged.
    """
    data_sha256 = arrays_sha256(*samples)
    with seeded(config.seed, NAME, "weights"):
        task = AutoDecoder(config, *map(torch.from_numpy, samples))
    schedule = Schedule(config.epochs, config.learning_rate,
                        halve_after_epochs=config.halve_after_epochs)  # fmt: skip
    parameters = config.model_dump(mode="json") | {"data_sha256": data_sha256}
    run = TrainingRun(NAME, derive_seed(config.seed, NAME, "batches"), Path(folder), 0, parameters)
    fit(task, schedule, run, machine)
    return task.decoder, CodePrior.from_codes(task.latents.detach().numpy()), data_sha256
