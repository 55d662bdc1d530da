"""Codes of anatomies from their surfaces, or from points on them: contours, scans, noisy clouds."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.config.models import SdfSampleSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import SDF_SURFACES
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.learning.encoders.deepsdf.decoder import SurfaceDecoder
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder, paired
from einthoven.learning.encoders.deepsdf.infer import CodePrior, infer_code
from einthoven.learning.encoders.deepsdf.out_of_distribution import check_code
from einthoven.learning.encoders.imported_code import ImportedCode
from einthoven.learning.samples.sdf import sample_sdf

DECODER_MM = 0.5
"""Error of the decoder, added to the noise: points are never more accurate than that."""
FIRST_SIGMA = 8.0
"""Factor on the noise in a first fit. Starting from the mean shape, precise points may lead to a
shape that fits the points and is worse everywhere else."""
ORIGIN_SD_MM = 300.0
"""Prior SD of an unknown origin: almost uninformative."""
MIN_HEART_POINTS = 10
MIN_SAMPLES = 100
"""Least number of samples of complete surfaces, for encoders trained with fewer, too."""
COLUMNS = ("surface", "x", "y", "z")


@dataclass(frozen=True)
class SurfacePoints:
    """Points [point, 3] mm, and for each the surface it lies on, of core.tags.SDF_SURFACES."""

    points: np.ndarray
    surface: np.ndarray

    def __post_init__(self) -> None:
        check.shape("points", check.finite("points", self.points), (None, 3))
        check.shape("surface", self.surface, (len(self.points),))
        if unknown := set(map(str, self.surface)) - set(SDF_SURFACES):
            raise BadInput(
                f"surface: {', '.join(sorted(unknown))}: expected one of {', '.join(SDF_SURFACES)}"
            )
        if (n := int((self.surface != SDF_SURFACES[0]).sum())) < MIN_HEART_POINTS:
            raise BadInput(f"points: {n} on the heart; at least {MIN_HEART_POINTS} are needed")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a CSV file with the columns surface, x, y, z in mm.

        Raises:
            BadInput: no such file, other columns, or a coordinate that is not a number.
        """
        try:
            with open(path, newline="") as stream:
                rows = list(csv.DictReader(stream, skipinitialspace=True))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise BadInput(f"{path}: not a readable CSV file ({error})") from error
        if not rows or not set(COLUMNS) <= set(rows[0]):
            raise BadInput(f"{path}: expected a header with the columns {','.join(COLUMNS)}")
        try:
            points = np.array([[float(row[axis]) for axis in "xyz"] for row in rows])
            return cls(points, np.array([row["surface"].strip() for row in rows]))
        except (ValueError, TypeError, AttributeError) as error:
            raise BadInput(f"{path}: a row is incomplete or not numeric ({error})") from error
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error


def code_from_surfaces(encoder: DeepSdfEncoder, surfaces: Surfaces) -> ImportedCode:
    """Code of the complete surfaces of a body, in the patient frame.

    Raises:
        BadInput: a surface is missing or broken.
        NotConverged: no code fits.
    """
    config = SdfSampleSettings(n_points=max(encoder.config.infer_points, MIN_SAMPLES))
    samples = sample_sdf(surfaces, generator(0, "encode"), config)
    return replace(ImportedCode.of_samples(encoder, *samples), origin=np.zeros(3))


def code_from_points(
    encoder: DeepSdfEncoder, given: SurfacePoints, noise_mm: float, free_origin: bool = False
) -> ImportedCode:
    """Most probable code for points on surfaces with normal errors, eq. (7) of Dokuchaev 2026.

    A point x on surface k means that s_k(x, z) = 0 with a standard deviation sigma, so the code
    minimises sum s_k(x_i, z)^2 / sigma^2 + (z - mean)^T covariance^-1 (z - mean). Parts without
    points, such as a torso, follow from the covariance of the codes.

    Args:
        encoder: trained.
        given: points; axes as in the patient frame (left, back, up), as in DICOM.
        noise_mm: standard deviation of the points normal to their surface.
        free_origin: whether the frame's origin is unknown and estimated with the code.

    Returns:
        The code; its misfit is the root mean square distance of points from the decoded surface.

    Raises:
        BadInput: negative noise.
        NotConverged: no code fits.
    """
    check.between("noise_mm", noise_mm, 0.0, 50.0)
    sigma = float(np.hypot(noise_mm, DECODER_MM))
    ordered = np.concatenate([np.flatnonzero(given.surface == name) for name in SDF_SURFACES])
    points = torch.as_tensor(given.points[ordered], dtype=torch.float32)
    surface = given.surface[ordered]
    prior = _with_origin(encoder, given) if free_origin else encoder.prior
    n_latent = encoder.n_latent

    def distances(unknown: Tensor) -> Tensor:
        moved = points - unknown[:, n_latent:] if free_origin else points
        return _distances_to_own_surface(encoder.decoder, moved, surface, unknown[:, :n_latent])

    def fitted(deviation: float, start: np.ndarray | None = None) -> np.ndarray:
        return infer_code(lambda unknown: distances(unknown)[:, None] / deviation, len(points),
                          prior, 1.0 / len(points), encoder.config.infer_steps, start)  # fmt: skip

    found = fitted(sigma, start=fitted(FIRST_SIGMA * sigma))
    with torch.no_grad():
        residual = distances(torch.as_tensor(found, dtype=torch.float32)[None]).numpy()
    misfit = {
        name: float(np.sqrt((residual[surface == name] ** 2).mean()))
        for name in SDF_SURFACES
        if (surface == name).any()
    }
    origin, latent = found[n_latent:] if free_origin else np.zeros(3), found[:n_latent]
    # noisy points are off every surface, so their misfit says nothing about the shape
    checked = check_code(encoder, latent.astype(np.float32), {})
    return ImportedCode(latent.astype(np.float32), misfit, checked, origin)


def _distances_to_own_surface(
    decoder: SurfaceDecoder, points: Tensor, surface: np.ndarray, codes: Tensor
) -> Tensor:
    """Decoded distance [point] mm of each point to its surface; points are ordered by surface."""
    found = []
    for k, part in enumerate(decoder.parts):
        names = SDF_SURFACES[part]
        rows = np.flatnonzero(np.isin(surface, names))
        if len(rows) == 0:
            continue
        given = codes if len(codes) == 1 else codes[rows]
        sdf = decoder.decode_part(k, *paired(points[rows], given)).view(len(rows), len(names))
        column = torch.as_tensor([names.index(name) for name in surface[rows]])
        found.append(sdf.gather(1, column[:, None])[:, 0])
    return torch.cat(found)


def _with_origin(encoder: DeepSdfEncoder, given: SurfacePoints) -> CodePrior:
    """Prior of code and origin, as if the heart's points were centred at the mean heart."""
    heart = given.points[given.surface != SDF_SURFACES[0]]
    origin = heart.mean(axis=0) - encoder.decoder.heart_centre.numpy()
    prior, n = encoder.prior, encoder.n_latent
    covariance = ORIGIN_SD_MM**2 * np.eye(n + 3)
    covariance[:n, :n] = prior.covariance
    return CodePrior(np.concatenate([prior.mean, origin]), covariance)
