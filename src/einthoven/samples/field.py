"""Points at which a patient's lead-field gradient is stored for learning."""

from typing import NamedTuple

import numpy as np

from einthoven.core.check import between, shape
from einthoven.core.errors import StepFailed
from einthoven.core.tags import CLOSED_SURFACES, Tissue
from einthoven.geometry.signed_distance import surface_distance
from einthoven.geometry.simplex import tet_volumes


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
    heart_share: float = 0.5,
) -> FieldSample:
    """Choose cells, most of them in the myocardium, about the heart, or under the skin.

    The gradient varies fastest at the interfaces (Dokuchaev 2026, section 2.3: about 80 % of
    the points within 10 mm of them), and only the heart enters eq. (3); but the layer under the
    skin is ten times as large, so the share of the heart is set apart. Within a class, cells are
    drawn without replacement with probability proportional to volume; a point is its cell's
    centroid, where the gradient of a linear element is most accurate.

    Args:
        points: [node, 3] mm.
        cells: [cell, 4].
        cell_tags: [cell] (Tissue).
        facets: [facet, 3] tagged surface triangles of the mesh.
        facet_tags: [facet] (Surface).
        rng: the patient's generator.
        n_points: number of points.
        near_fraction: share of points in the myocardium or within `near_mm` of an interface.
        near_mm: width of the near classes.
        heart_share: share of the near points that belong to the heart, not to the skin; half
            of them lie in the myocardium, half in blood or torso about its surface.

    Raises:
        StepFailed: the mesh has too few cells of a class.
    """
    between("near_fraction", near_fraction, 0.0, 1.0)
    between("heart_share", heart_share, 0.0, 1.0)
    shape("cells", cells, (None, 4))
    shape("cell_tags", cell_tags, (len(cells),))
    n_near = int(round(near_fraction * n_points))
    n_heart = int(round(heart_share * n_near))
    wanted = {
        "myocardium": n_heart - n_heart // 2,
        "shell": n_heart // 2,
        "skin": n_near - n_heart,
        "far": n_points - n_near,
    }
    order = _by_volume(tet_volumes(points, cells), rng)
    kinds = _kinds(points, cells[order], cell_tags[order], facets, facet_tags, near_mm)
    picked = []
    for kind, n_wanted in wanted.items():
        ids = order[kinds == kind]
        if len(ids) < n_wanted:
            raise StepFailed(
                f"the mesh has {len(ids)} cells of the class '{kind}' (near_mm = {near_mm:g}), "
                f"{n_wanted} points are wanted there (n_points = {n_points}, near_fraction = "
                f"{near_fraction:g}, heart_share = {heart_share:g}); fewer points or a finer mesh"
            )
        picked.append(ids[:n_wanted])
    sample = rng.permutation(np.concatenate(picked))
    return FieldSample(
        points[cells[sample]].mean(axis=1).astype(np.float32),
        sample.astype(np.int64),
        cell_tags[sample].astype(np.int8),
    )


def _kinds(
    points: np.ndarray,
    cells: np.ndarray,
    cell_tags: np.ndarray,
    facets: np.ndarray,
    facet_tags: np.ndarray,
    near_mm: float,
) -> np.ndarray:
    """Class of each cell by its centroid: myocardium, shell (of the heart), skin or far."""
    centroids = points[cells].mean(axis=1)
    surfaces = {
        name: facets[np.isin(facet_tags, CLOSED_SURFACES[name])] for name in ("epi", "torso")
    }
    kinds = np.where(cell_tags == Tissue.MYOCARDIUM, "myocardium", "far")
    heart = points[np.unique(surfaces["epi"])]
    beyond = (centroids < heart.min(axis=0) - near_mm) | (centroids > heart.max(axis=0) + near_mm)
    candidates = {  # the exact distance is costly: only where a class can still change
        "epi": (kinds == "far") & ~beyond.any(axis=1),
        "torso": kinds == "far",
    }
    for name, kind in (("epi", "shell"), ("torso", "skin")):
        ids = np.flatnonzero(candidates[name] & (kinds == "far"))
        distance = np.abs(surface_distance(points, surfaces[name], centroids[ids]))
        kinds[ids[distance <= near_mm]] = kind
    return kinds


def _by_volume(volumes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All cells in the order of successive draws without replacement, weighted by volume.

    The smallest of exponential clocks with rates V comes first with probability V / sum(V),
    and what remains is again such a race (Efraimidis and Spirakis, doi:10.1016/j.ipl.2005.11.003).
    """
    return np.argsort(rng.exponential(size=len(volumes)) / np.abs(volumes), kind="stable")
