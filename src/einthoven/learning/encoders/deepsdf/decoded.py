"""Triangulated surfaces of a code."""

from collections.abc import Callable

import numpy as np

from einthoven.base.core.tags import SDF_SURFACES
from einthoven.base.geometry.contouring import Grid
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder

N_ROUGH, STRIDE = 24, 4
REACH = 2.5
"""Half side of the box searched for a surface, in mean radii of torso or heart."""


def decoded_surfaces(
    encoder: DeepSdfEncoder, latent: np.ndarray, n_grid: int = 65
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The four surfaces of a code: name -> points [vertex, 3] mm, patient frame, outward faces.

    All are closed; a surface that leaves the box, as codes far from the training may, ends there.

    Args:
        encoder: trained.
        latent: [latent].
        n_grid: grid points per side, over the torso and over the heart.

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
