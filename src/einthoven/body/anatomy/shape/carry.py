"""Transfer of a shape model to other triangles of the same mean surface; outward orientation."""

from collections.abc import Mapping, Sequence

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import extend_harmonically
from einthoven.body.anatomy.shape.heart_check import CURVED
from einthoven.body.anatomy.shape.model import ShapeModel

Sources = Mapping[Surface, Sequence[Surface]]
SAME: Sources = {tag: (tag,) for tag in CURVED}


def carry(
    model: ShapeModel, mean: Surfaces, sources: Sources = SAME, farthest_mm: float = 3.0
) -> ShapeModel:
    """The model of the same shapes on a new triangulation of a heart's mean.

    A vertex of a curved surface moves like the nearest point of the old mean on the surfaces named
    in `sources`; a vertex inside base or valve caps moves harmonically between its boundaries. Both
    are linear, so the result is a shape model again.

    Args:
        model: the old one; its `face_tags` name surfaces.
        mean: the new one, in the frame of the old one.
        sources: tag of a new curved surface -> tags of the old surfaces that move it.
        farthest_mm: largest allowed distance of a vertex from the old mean.

    Returns:
        ShapeModel with modes of unit length, which are only approximately orthonormal, because the
        vertices have another density.

    Raises:
        StepFailed: the new mean does not lie on the old one.
    """
    n_modes, points = model.n_modes, mean.points
    moves = np.zeros((len(points), 3 * n_modes))
    held = np.zeros(len(points), bool)
    scaled = model.modes.astype(float) * np.asarray(model.sds)[:, None, None]
    for tag, old_tags in sources.items():
        ids = np.unique(mean.tagged(tag))
        old = model.surfaces.tagged(*old_tags)
        places = attach(model.mean, old, points[ids])
        apart = np.linalg.norm(places.on(model.mean) - points[ids], axis=1).max()
        if apart > farthest_mm:
            raise StepFailed(
                f"{tag.name}: the new mean is up to {apart:.1f} mm from the atlas' mean, at most "
                f"{farthest_mm:g} mm; are both in one frame?"
            )
        mixed = np.einsum("vk,mvkd->vmd", places.weights, scaled[:, places.vertices])
        moves[ids] = mixed.reshape(len(ids), -1)
        held[ids] = True
    rest = mean.tagged(*set(Surface) - set(sources))
    if n_modes and len(rest):
        moves = extend_harmonically(points, rest, held, moves)
    return unit_model(mean, moves.reshape(len(points), n_modes, 3).swapaxes(0, 1))


def unit_model(mean: Surfaces, moves: np.ndarray) -> ShapeModel:
    """A shape model from displacements [mode, vertex, 3] mm per SD: modes of unit length."""
    sds = np.linalg.norm(moves.reshape(len(moves), -1), axis=1)
    if np.any(sds == 0):
        raise StepFailed("a mode does not move the surface")
    return ShapeModel(mean.points, moves / sds[:, None, None], sds, mean.faces, mean.face_tags)


def outward(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The faces [face, 3] of a closed surface, in their order, oriented outward.

    Raises:
        StepFailed: it is not closed.
    """
    import pyvista as pv

    surface = pv.PolyData.from_regular_faces(points, faces)
    if surface.n_open_edges or not surface.is_manifold:
        raise StepFailed(f"{surface.n_open_edges} open edges, or edges with three triangles")
    turned = surface.compute_normals(
        auto_orient_normals=True, consistent_normals=True, split_vertices=False,
        point_normals=False, cell_normals=True,
    )  # fmt: skip
    return np.asarray(turned.regular_faces, np.int32)
