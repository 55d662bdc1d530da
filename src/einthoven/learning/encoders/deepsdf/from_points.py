"""Triangulated surfaces of a code, and codes of anatomies from surfaces or points on them.

Points may be those of contours, scans or noisy clouds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.config.models import SdfSampleSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_csv
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import SDF_SURFACES
from einthoven.base.geometry.contouring import Grid
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.learning.encoders.deepsdf.decoder import SurfaceDecoder
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder, paired
from einthoven.learning.encoders.deepsdf.infer import CodePrior, infer_code
from einthoven.learning.encoders.deepsdf.out_of_distribution import check_code
from einthoven.learning.encoders.imported_code import ImportedCode
from einthoven.learning.samples.sdf import sample_sdf

N_ROUGH, STRIDE = 24, 4
REACH = 2.5
"""Half side of the box searched for a surface, in mean radii of torso or heart."""
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


def decoded_surfaces(
    encoder: DeepSdfEncoder, latent: np.ndarray, n_grid: int = 65
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The four surfaces of a code: name -> points [vertex, 3] mm, patient frame, outward faces.

    All are closed; a surface that leaves the box, as codes far from the training may, ends there.
    `n_grid` points per side lie over the torso, and as many over the heart.

    Raises:
        StepFailed: a surface does not exist.
    """
    decoder, found = encoder.decoder, dict[str, tuple[np.ndarray, np.ndarray]]()
    boxes = (
        (np.zeros(3), float(decoder.body_mm), SDF_SURFACES[:1]),
        (decoder.heart_centre.numpy(), float(decoder.heart_mm), SDF_SURFACES[1:]),
    )
    for centre, radius, names in boxes:
        columns = [SDF_SURFACES.index(name) for name in names]

        def decode(points: np.ndarray, columns: list[int] = columns) -> np.ndarray:
            return encoder.decode(latent, points)[:, columns]

        corners = centre + REACH * radius * np.array([[-1.0] * 3, [1.0] * 3])
        rough = Grid.around(corners, N_ROUGH)
        outermost = decode(rough.points())[:, -1]
        inside = _largest_blob(outermost <= rough.spacing.max(), N_ROUGH)
        fine = Grid.around(rough.points()[inside], n_grid) if inside.any() else rough
        values = _values_near_zero(fine, decode)
        for k, name in enumerate(names):
            found[name] = _largest_surface(*fine.contour(fine.walled(values[:, k])))
    return found


def _largest_blob(inside: np.ndarray, n: int) -> np.ndarray:
    """The largest connected part of the grid points [n^3] that are inside.

    Far from all training samples a network may produce a second body.
    """
    from scipy.ndimage import label

    labels = label(inside.reshape((n,) * 3))[0].ravel()
    sizes = np.bincount(labels)
    sizes[0] = 0
    return inside & (labels == sizes.argmax())


def _largest_surface(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest connected part of a closed surface, oriented outwards."""
    import pyvista

    whole = pyvista.PolyData.from_regular_faces(points, faces)
    part = whole.connectivity("largest").extract_surface(algorithm="dataset_surface")
    points, faces = np.asarray(part.points, dtype=np.float64), part.regular_faces
    return points, faces[:, ::-1] if enclosed_volume(points, faces) < 0 else faces


def _values_near_zero(grid: Grid, decode: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Values [point, column] on a grid, decoded where one of them may be near zero.

    A signed distance is 1-Lipschitz, so a grid STRIDE times coarser shows where that is, and is
    interpolated elsewhere. All points are decoded if the grid has no such coarser one.
    """
    from scipy.ndimage import map_coordinates

    if (grid.n - 1) % STRIDE:
        return decode(grid.points())
    coarse = Grid(grid.low, grid.spacing * STRIDE, (grid.n - 1) // STRIDE + 1)
    known = decode(coarse.points())
    index = np.indices((grid.n,) * 3).reshape(3, -1) / STRIDE
    values = np.stack(
        [map_coordinates(v.reshape((coarse.n,) * 3), index, order=1) for v in known.T], axis=1
    )
    near = np.abs(values).min(axis=1) <= np.linalg.norm(coarse.spacing)
    values[near] = decode(grid.points()[near])
    return values


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
        rows = read_csv(path)
        if not rows or not set(COLUMNS) <= set(rows[0]):
            raise BadInput(f"{path}: expected a header with the columns {','.join(COLUMNS)}")
        try:
            points = np.array([[float(row[axis]) for axis in "xyz"] for row in rows])
            return cls(points, np.array([row["surface"] for row in rows]))
        except ValueError as error:
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
