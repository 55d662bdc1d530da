"""A trained DeepSDF auto-decoder: codes, distances, and codes for new shapes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.config.learning import DeepSdfSettings
from einthoven.base.config.load import read_section
from einthoven.base.core import check
from einthoven.base.core.files import read_json, write_json
from einthoven.base.core.log import logger
from einthoven.base.core.tags import SDF_SURFACES
from einthoven.learning.encoders.base import (
    LATENTS_FILE,
    MODEL_FILE,
    Encoder,
    Geometry,
    Latents,
    Paths,
    Source,
    SurfaceProvider,
)
from einthoven.learning.encoders.deepsdf.auto_decoder import (
    NAME,
    Samples,
    SdfCohort,
    joined,
    read_shapes,
    train_decoder,
)
from einthoven.learning.encoders.deepsdf.decoder import CHUNK, SurfaceDecoder, new_decoder
from einthoven.learning.encoders.deepsdf.infer import CodePrior, infer_code, residuals
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.task import torch_threads
from einthoven.numerics.training.tensors import load_model, load_weights, save_model

BLOCK = 2**14
"""Points decoded with gradients at a time, which limits the memory."""
NEAR_MM = 3.0
"""Samples closer than this to a surface measure how well it is reproduced."""
VALIDATION_FILE = "validation.json"


class DeepSdfEncoder(Encoder):
    """Decoder, codes of the cohort and the prior of the training codes.

    Args:
        decoder: trained, on the CPU.
        latents: codes of all patients.
        prior: mean and covariance of the training codes.
        config: the section of the training.
        data_sha256: checksum of the training samples.

    Attributes:
        validation: `n_patients`, and `near_surface_mm` of the validation patients by surface.
    """

    name, config_class = NAME, DeepSdfSettings
    codes_any_shape = True

    def __init__(
        self,
        decoder: SurfaceDecoder,
        latents: Latents,
        prior: CodePrior,
        config: DeepSdfSettings,
        data_sha256: str,
    ):
        check.shape("latents", latents.latent, (None, config.n_latent))
        self.decoder = decoder.eval().requires_grad_(False)
        self.latents, self.prior = latents, prior
        self.config, self.data_sha256 = config, data_sha256
        self.validation: dict[str, Any] = {"n_patients": 0, "near_surface_mm": {}}

    def signed_distances(self, patient: str, points: np.ndarray) -> np.ndarray:
        """Decoded at the patient's code: [point, surface] mm."""
        return self.decode(self.latents.of(patient), points)

    def geometry(self, patient: str) -> Geometry:
        """The anatomy of the patient's code."""
        return self.geometry_of(self.latents.of(patient))

    def decode(self, latent: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Signed distances of any code. latent [latent], points [point, 3] mm -> [point, 4] mm."""
        with torch.no_grad():
            parts = [self.decoder(x, z)[0] for x, z in _blocks(points, latent, CHUNK)]
        return torch.cat(parts).numpy()

    def geometry_of(self, latent: np.ndarray) -> Geometry:
        """The anatomy of any code."""
        return Geometry(latent, partial(self.decode_with_gradients, latent))

    def decode_with_gradients(
        self, latent: np.ndarray, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances [point, 4] mm and gradients with respect to points [point, 4, 3]."""
        blocks = _blocks(points, latent, BLOCK)
        parts = [self.decoder.with_gradients(x[0], z[0]) for x, z in blocks]
        distances, gradients = (torch.cat(found).numpy() for found in zip(*parts))
        return distances, gradients

    def infer(self, points: np.ndarray, sdf: np.ndarray) -> np.ndarray:
        """Code [latent] float32 of an unseen shape from samples of its signed distances, eq. (7).

        points [sample, 3] mm, patient frame; sdf [sample, surface] mm, negative inside.

        Raises:
            BadInput: NaN or wrong shapes.
        """
        check.shape("sdf", check.finite("sdf", sdf), (len(points), len(SDF_SURFACES)))
        x, truth = _tensor("points", points), torch.as_tensor(sdf, dtype=torch.float32)

        def residual(codes: Tensor) -> Tensor:
            predicted = self.decoder(*paired(x, codes)).view(truth.shape)
            return residuals(predicted, truth, self.config.relative_mm)

        steps, weight = self.config.infer_steps, self.config.lambda_mahalanobis
        return infer_code(residual, len(x), self.prior, weight, steps).astype(np.float32)

    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors`, `latents.npz` and `validation.json`."""
        tensors = {f"decoder.{k}": v for k, v in self.decoder.state_dict().items()} | {
            "prior.mean": torch.from_numpy(self.prior.mean),
            "prior.covariance": torch.from_numpy(self.prior.covariance),
        }
        save_model(
            Path(folder) / MODEL_FILE,
            tensors,
            kind=self.name,
            config=self.config.model_dump(mode="json"),
            data_sha256=self.data_sha256,
            package="einthoven.learning.encoders",
            n_codes=self.prior.n_codes,
        )
        self.latents.save(Path(folder) / LATENTS_FILE)
        write_json(Path(folder) / VALIDATION_FILE, self.validation)

    @classmethod
    def train(
        cls,
        config: DeepSdfSettings,
        source: Source,
        folder: str | Path,
        shapes: Paths,
        machine: Machine,
    ) -> Self:
        """Train on a store's training patients and on shapes; see `of_samples`."""
        return cls.of_samples(SdfCohort.read(source), config, folder, read_shapes(shapes), machine)

    @classmethod
    def of_samples(
        cls,
        cohort: SdfCohort,
        config: DeepSdfSettings,
        folder: str | Path,
        shapes: Samples | None = None,
        machine: Machine = ONE_CORE,
    ) -> Self:
        """Train on the training patients and on shapes, then infer all codes, eq. (6) and (7).

        Validation and test patients affect neither the weights nor the scales nor the prior. Codes
        of training patients are inferred like those of all others, because learned codes would
        differ systematically and mislead models trained on them. Writes `curve.csv`.
        """
        samples = joined(cohort.of("train"), shapes)
        decoder, prior, data_sha256 = train_decoder(samples, config, folder, machine)
        none = Latents((), (), np.empty((0, config.n_latent), np.float32))
        trained = cls(decoder, none, prior, config, data_sha256)
        n = config.infer_points
        with torch_threads(machine.n_threads):
            codes = [trained.infer(x[:n], s[:n]) for x, s in zip(cohort.points, cohort.sdf)]
            trained.latents = Latents(cohort.patient, cohort.split, np.stack(codes))
            trained.validation = trained._validated(cohort)
        return trained

    def _validated(self, cohort: SdfCohort) -> dict[str, Any]:
        """Mean |residual| in mm near each surface, validation patients only."""
        rows = zip(cohort.split, self.latents.latent, cohort.points, cohort.sdf)
        found = [self.near_surface_mm(*given) for split, *given in rows if split == "val"]
        near = {name: [each[name] for each in found if name in each] for name in SDF_SURFACES}
        means = {name: float(np.mean(values)) for name, values in near.items() if values}
        logger.info("deepsdf: validation near-surface residual mm %s", means)
        return {"n_patients": len(found), "near_surface_mm": means}

    def near_surface_mm(
        self, latent: np.ndarray, points: np.ndarray, sdf: np.ndarray
    ) -> dict[str, float]:
        """Mean |residual| in mm of decoded distances within NEAR_MM of each sampled surface.

        The code is [latent], the samples are points [sample, 3] and sdf [sample, surface] mm.
        """
        residual, near = np.abs(self.decode(latent, points) - sdf), np.abs(sdf) < NEAR_MM
        return {
            name: float(residual[near[:, k], k].mean())
            for k, name in enumerate(SDF_SURFACES)
            if near[:, k].any()
        }

    @classmethod
    def load(cls, folder: str | Path, surfaces: SurfaceProvider | None = None) -> Self:
        """Read a folder; its own decoder gives the distances."""
        path = Path(folder) / MODEL_FILE
        tensors, about = load_model(path, cls.name)
        mean, covariance = (tensors.pop(f"prior.{k}").numpy() for k in ("mean", "covariance"))
        prior = CodePrior(mean, covariance, about.get("n_codes", 0))
        config = read_section(DeepSdfSettings, about["config"], str(path))
        decoder = new_decoder(config)
        load_weights(decoder, {k.removeprefix("decoder."): v for k, v in tensors.items()}, path)
        latents = Latents.load(Path(folder) / LATENTS_FILE)
        loaded = cls(decoder, latents, prior, config, about["data_sha256"])
        loaded.validation = read_json(Path(folder) / VALIDATION_FILE)
        return loaded


def _tensor(name: str, points: np.ndarray) -> Tensor:
    checked = check.shape(name, check.finite(name, points), (None, 3))
    return torch.tensor(checked, dtype=torch.float32)


def paired(points: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Arguments of a decoder for points [point, 3] and one code for all, or one for each point."""
    return (points[None] if len(codes) == 1 else points[:, None]), codes


def _blocks(points: np.ndarray, latent: np.ndarray, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of points [1, point, 3] and code [1, latent]."""
    z = torch.tensor(check.finite("latent", latent), dtype=torch.float32)[None]
    for part in _tensor("points", points).split(size):
        yield part[None], z
