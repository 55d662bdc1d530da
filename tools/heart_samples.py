"""Hearts of women and men of any size, and one triangulated heart carried to all of them.

Only the making of the heart atlas needs this (`build_heart_atlas.py`).
"""

import numpy as np

from einthoven.base.core.check import shape
from einthoven.base.core.errors import NotConverged
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import follow_boundary, unique_edges
from einthoven.body.anatomy.population.reference import BMI, STATURE
from einthoven.body.anatomy.shape.heart_check import PLANAR
from einthoven.body.anatomy.shape.parametric_heart import (
    PARAMETERS,
    SHELL_TAGS,
    Parameters,
    level,
    level_gradient,
    project,
)

LENGTHS = ("lv_diameter", "lv_length", "lv_wall", "rv_diameter", "rv_wall")
"""Parameters in mm, which grow with the body; the others are ratios, exponents and an angle."""

CORRELATED_SIZES = ("lv_diameter", "lv_length", "rv_diameter")
SIZE_CORRELATION = 0.5
"""Hearts that are big are big in every way, beyond what the body's size explains."""

ON_SURFACE_WEIGHT = 100.0
MAX_STEP_MM = {"lv": 3.0, "rv": 0.3, "epi": 1.2}
"""Normal motion per step; small beside the rounding of creases, which move faster sideways."""


def body_surface_m2(height_cm: float, bmi: float) -> float:
    """Body surface area in m2 (Mosteller 1987, doi:10.1056/NEJM198710223171717)."""
    weight_kg = bmi * (height_cm / 100) ** 2
    return (height_cm * weight_kg / 3600) ** 0.5


def heart_size(sex: str, height_cm: float, bmi: float) -> float:
    """Factor on a heart's lengths, 1 for the mean body of that sex.

    Volumes go with the body's surface, by which clinics index them: in Petersen et al. 2017 that
    takes the spread of men's LV volumes from 19 % to 17 to 18 %.
    """
    mean = body_surface_m2(STATURE.of(sex)[0], BMI.of(sex)[0])
    return (body_surface_m2(height_cm, bmi) / mean) ** (1 / 3)


def parameters_from(normal: np.ndarray, sex: str, size: float = 1.0) -> dict[str, float]:
    """Parameters of one heart.

    Args:
        normal: [parameter] independent standard normal numbers; correlated here.
        sex: male or female.
        size: factor on all lengths, 1 for a body of mean size.

    Returns:
        In the order of `PARAMETERS`.
    """
    laws = PARAMETERS[sex]
    normal = np.array(shape("normal", normal, (len(laws),)), dtype=float)
    sizes = [list(laws).index(name) for name in CORRELATED_SIZES]
    correlation = np.full((len(sizes), len(sizes)), SIZE_CORRELATION)
    np.fill_diagonal(correlation, 1.0)
    normal[sizes] = np.linalg.cholesky(correlation) @ normal[sizes]
    return {
        name: float((mean + sd * x) * (size if name in LENGTHS else 1.0))
        for (name, (mean, sd)), x in zip(laws.items(), normal)
    }


def carry_template(template: Surfaces, start: Parameters, end: Parameters) -> np.ndarray:
    """Positions of the template's vertices on the heart with other parameters.

    Moves through the parameters in small steps. In each, a curved surface takes the smoothest
    displacement (least sum of squared differences between neighbours) whose normal part leads
    to the next level set, and is then projected onto it; so points neither slip off creases nor
    pile up. Boundaries stay in the base plane; base and valve caps follow them within it.

    Args:
        template: triangulation of the heart with the parameters `start`.
        start: parameters of the template.
        end: parameters of the wanted heart.

    Returns:
        [vertex, 3] mm, atlas frame, in correspondence with `template.points`.

    Raises:
        StepFailed: a step missed its surface.
    """
    carried = template.points.copy()
    for surface, tag in SHELL_TAGS.items():
        ids, faces = np.unique(template.tagged(tag), return_inverse=True)
        on_base = np.isin(ids, template.tagged(*PLANAR))
        points = template.points[ids]
        way = np.abs(level(surface, points, end)).max()
        n_steps = max(1, int(np.ceil(way / MAX_STEP_MM[surface])))
        for share in np.arange(1, n_steps + 1) / n_steps:
            current = {name: (1 - share) * start[name] + share * end[name] for name in end}
            points = _advance(surface, points, faces.reshape(-1, 3), on_base, current)
        carried[ids] = points
    plane = template.tagged(*PLANAR)
    curved = np.isin(np.arange(len(carried)), template.tagged(*SHELL_TAGS.values()))
    return follow_boundary(template.points, plane, curved, carried)


def _advance(
    surface: str, points: np.ndarray, faces: np.ndarray, on_base: np.ndarray, target: Parameters
) -> np.ndarray:
    """One step of a shell [vertex, 3] to the level set of `target`."""
    from scipy.sparse import eye_array, kron
    from scipy.sparse.linalg import cg

    gradient = level_gradient(surface, points, target)
    gradient[on_base, 2] = 0.0
    slope = np.linalg.norm(gradient, axis=1, keepdims=True)
    normal = gradient / slope
    distance = -level(surface, points, target)[:, None] / slope

    # Least squares: neighbours move alike; the normal part is `distance`; boundaries no z part.
    n = len(points)
    held = normal[:, :, None] * normal[:, None, :]
    held[on_base, 2, 2] += 1.0
    held *= ON_SURFACE_WEIGHT
    graph = _graph_laplacian(unique_edges(faces)[0], n)
    matrix = kron(graph, eye_array(3)).tocsr() + _block_diagonal(held)
    blocks = held + graph.diagonal()[:, None, None] * np.eye(3)
    preconditioner = _block_diagonal(np.linalg.inv(blocks))
    pull = (ON_SURFACE_WEIGHT * normal * distance).ravel()
    displacement, info = cg(matrix, pull, rtol=1e-6, maxiter=3000, M=preconditioner)
    if info:
        raise NotConverged(
            f"heart surface {surface!r}: smooth displacement not found in 3000 steps"
        )
    return project(surface, points + displacement.reshape(n, 3), target, on_base)


def _block_diagonal(blocks: np.ndarray):
    """Sparse matrix [3 vertex, 3 vertex] with the blocks [vertex, 3, 3] on its diagonal."""
    from scipy.sparse import bsr_array

    n = len(blocks)
    return bsr_array((blocks, np.arange(n), np.arange(n + 1)), shape=(3 * n, 3 * n)).tocsr()


def _graph_laplacian(edges: np.ndarray, n_points: int):
    """Graph Laplacian [vertex, vertex] with unit weights (the triangles are near-uniform)."""
    from scipy.sparse import coo_array, diags_array

    both = np.concatenate([edges, edges[:, ::-1]])
    ones = np.ones(len(both))
    adjacency = coo_array((ones, (both[:, 0], both[:, 1])), shape=(n_points, n_points)).tocsr()
    return (diags_array(adjacency.sum(axis=1)) - adjacency).tocsr()
