"""A trained DeepSDF auto-decoder: codes, distances, and codes for new shapes."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from einthoven.core import check
from einthoven.core.tags import SDF_SURFACES
from einthoven.encoders.base import MODEL_FILE, Encoder, Latents
from einthoven.encoders.deepsdf.branches import CHUNK, new_decoder
from einthoven.encoders.deepsdf.decoder import DecoderShape, SurfaceDecoder
from einthoven.encoders.deepsdf.infer import CodePrior, infer_code, residuals
from einthoven.training.tensors import load_model, load_weights, save_model

BLOCK = 2**14
"""Points decoded with gradients at a time: bounds the memory."""


class DeepSdfEncoder(Encoder):
    """Decoder, codes of the cohort and the prior of the training codes.

    Args:
        decoder: trained, on the CPU.
        latents: codes of all patients.
        prior: mean and covariance of the training codes.
        config: the config section of the training.
        data_sha256: checksum of the training samples.
    """

    name = "deepsdf"

    def __init__(
        self,
        decoder: SurfaceDecoder,
        latents: Latents,
        prior: CodePrior,
        config: dict[str, Any],
        data_sha256: str,
    ):
        check.shape("latents", latents.latent, (None, decoder.shape.n_latent))
        self.decoder = decoder.eval().requires_grad_(False)
        self.latents, self.prior = latents, prior
        self.config, self.data_sha256 = config, data_sha256

    def signed_distances(self, patient: str, points: np.ndarray) -> np.ndarray:
        """Decoded at the patient's code: [point, surface] mm."""
        return self.decode(self.latent(patient), points)

    def signed_distances_and_gradients(
        self, patient: str, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Decoded at the patient's code: [point, surface] mm and [point, surface, 3]."""
        return self.decode_with_gradients(self.latent(patient), points)

    def decode(self, latent: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Signed distances of any code. latent [latent], points [point, 3] mm -> [point, 4] mm."""
        with torch.no_grad():
            parts = [self.decoder(x, z)[0] for x, z in _blocks(points, latent, CHUNK)]
        return torch.cat(parts).numpy()

    def decode_with_gradients(
        self, latent: np.ndarray, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances [point, 4] mm and gradients with respect to points [point, 4, 3]."""
        blocks = _blocks(points, latent, BLOCK)
        parts = [self.decoder.with_gradients(x[0], z[0]) for x, z in blocks]
        distances, gradients = (torch.cat(found).numpy() for found in zip(*parts))
        return distances, gradients

    def infer(self, points: np.ndarray, sdf: np.ndarray) -> np.ndarray:
        """Code of an unseen shape from samples of its signed distances, eq. (7).

        Args:
            points: [sample, 3] mm, patient frame.
            sdf: [sample, surface] mm, negative inside.

        Returns:
            [latent] float32.

        Raises:
            BadInput: NaN or wrong shapes.
        """
        check.shape("sdf", check.finite("sdf", sdf), (len(points), len(SDF_SURFACES)))
        x, truth = _tensor("points", points), torch.as_tensor(sdf, dtype=torch.float32)

        def residual(codes: Tensor) -> Tensor:
            predicted = self.decoder(*paired(x, codes)).view(truth.shape)
            return residuals(predicted, truth, self.config["relative_mm"])

        steps, weight = self.config["infer_steps"], self.config["lambda_mahalanobis"]
        return infer_code(residual, len(x), self.prior, weight, steps).astype(np.float32)

    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors` and `latents.npz`."""
        tensors = {f"decoder.{k}": v for k, v in self.decoder.state_dict().items()} | {
            "prior.mean": torch.from_numpy(self.prior.mean),
            "prior.covariance": torch.from_numpy(self.prior.covariance),
        }
        save_model(
            Path(folder) / MODEL_FILE,
            tensors,
            kind=self.name,
            config=self.config,
            data_sha256=self.data_sha256,
            package="einthoven.encoders",
            shape=dataclasses.asdict(self.decoder.shape),
            n_codes=self.prior.n_codes,
        )
        self.latents.save(folder)

    @classmethod
    def load(cls, folder: str | Path) -> "DeepSdfEncoder":
        """Read a folder that `save` wrote.

        Raises:
            BadInput: missing, altered or foreign files.
        """
        path = Path(folder) / MODEL_FILE
        tensors, about = load_model(path, cls.name)
        mean, covariance = (tensors.pop(f"prior.{k}").numpy() for k in ("mean", "covariance"))
        prior = CodePrior(mean, covariance, about.get("n_codes", 0))
        decoder = new_decoder(DecoderShape(**about["shape"]))
        weights = {k.removeprefix("decoder."): v for k, v in tensors.items()}
        load_weights(decoder, weights, path)
        latents = Latents.load(folder)
        return cls(decoder, latents, prior, about["config"], about["data_sha256"])


def _tensor(name: str, points: np.ndarray) -> Tensor:
    checked = check.shape(name, check.finite(name, points), (None, 3))
    return torch.tensor(checked, dtype=torch.float32)


def paired(points: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """A decoder's arguments for points [point, 3] and one code for all, or one for each point."""
    return (points[None] if len(codes) == 1 else points[:, None]), codes


def _blocks(points: np.ndarray, latent: np.ndarray, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of points [1, point, 3] and code [1, latent]."""
    z = torch.tensor(check.finite("latent", latent), dtype=torch.float32)[None]
    for part in _tensor("points", points).split(size):
        yield part[None], z
