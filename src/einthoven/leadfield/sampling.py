"""Points at which a patient's lead-field gradient is stored for learning."""

from typing import NamedTuple

import numpy as np

from einthoven.anatomy.distance import surface_distance
from einthoven.core.check import between, shape
from einthoven.core.errors import StepFailed
from einthoven.core.simplex import tet_volumes
from einthoven.core.tags import CLOSED_SURFACES

INTERFACES = ("torso", "epi")
CHUNK = 16384


class FieldSample(NamedTuple):
    """points [point, 3] mm float32, cells [point] ids, tissue [point] int8 (core.tags.Tissue)."""

    points: np.ndarray
    cells: np.ndarray
    tissue: np.ndarray


def sample_field(
    points: np.ndarray,
    cells: np.ndarray,
    cell_tags: np.ndarray,
    facets: np.ndarray,
    facet_tags: np.ndarray,
    rng: np.random.Generator,
    n_points: int,
    near_fraction: float,
    near_mm: float,
) -> FieldSample:
    """Choose cells, most of them near the skin or the heart's outer surface.

    The gradient varies fastest at these interfaces (Dokuchaev 2026, section 2.3: about 80 % of
    the points within 10 mm). Within each class, near and far, cells are drawn without
    replacement with probability proportional to volume; a point is its cell's centroid, where
    the gradient of a linear element is most accurate.

    Args:
        points: [node, 3] mm.
        cells: [cell, 4].
        cell_tags: [cell] (Tissue).
        facets: [facet, 3] tagged surface triangles of the mesh.
        facet_tags: [facet] (Surface).
        rng: the patient's generator.
        n_points: number of points.
        near_fraction: share of points within `near_mm` of an interface.
        near_mm: width of the near class.

    Raises:
        StepFailed: the mesh has too few cells near or far.
    """
    between("near_fraction", near_fraction, 0.0, 1.0)
    shape("cells", cells, (None, 4))
    shape("cell_tags", cell_tags, (len(cells),))
    n_near = int(round(near_fraction * n_points))
    wanted = {True: n_near, False: n_points - n_near}
    order = _by_volume(tet_volumes(points, cells), rng)
    centroids = points[cells[order]].mean(axis=1)
    chosen: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for first in range(0, len(order), CHUNK):
        part = slice(first, first + CHUNK)
        near = _interface_distance(points, facets, facet_tags, centroids[part]) <= near_mm
        for kind in (True, False):
            chosen[kind].append(order[part][near == kind])
        if all(sum(map(len, chosen[kind])) >= wanted[kind] for kind in (True, False)):
            break
    picked = []
    for kind, name in ((True, "within"), (False, "beyond")):
        ids = np.concatenate(chosen[kind])
        if len(ids) < wanted[kind]:
            raise StepFailed(
                f"the mesh has {len(ids)} cells {name} {near_mm:g} mm of skin or heart, "
                f"{wanted[kind]} points are wanted there (n_points = {n_points}, near_fraction = "
                f"{near_fraction:g}); fewer points or a finer mesh"
            )
        picked.append(ids[: wanted[kind]])
    sample = rng.permutation(np.concatenate(picked))
    return FieldSample(
        points[cells[sample]].mean(axis=1).astype(np.float32),
        sample.astype(np.int64),
        cell_tags[sample].astype(np.int8),
    )


def _by_volume(volumes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All cells in the order of successive draws without replacement, weighted by volume.

    The smallest of exponential clocks with rates V comes first with probability V / sum(V),
    and what remains is again such a race (Efraimidis and Spirakis, doi:10.1016/j.ipl.2005.11.003).
    """
    return np.argsort(rng.exponential(size=len(volumes)) / np.abs(volumes), kind="stable")


def _interface_distance(
    points: np.ndarray, facets: np.ndarray, facet_tags: np.ndarray, queries: np.ndarray
) -> np.ndarray:
    """Unsigned distance to the closer of skin and outer heart surface: [query] mm."""
    distances = [
        np.abs(
            surface_distance(points, facets[np.isin(facet_tags, CLOSED_SURFACES[name])], queries)
        )
        for name in INTERFACES
    ]
    return np.minimum(*distances)
