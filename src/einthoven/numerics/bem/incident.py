"""The incident field: lead fields of the patient's torso as if it held no heart.

A fine skin is remeshed with fewer nodes, because the memory of the matrix grows with the square of
their number and its time with the cube. Reference for the errors: a skin of 5,000 nodes, electrodes
all around, points in the whole heart. The atlas torso (1,300 nodes, the same triangles) is 0.1
degrees and 0.5 % off; remeshed to 1,000 nodes it is 0.4 degrees and 1.3 % off, to 700 nodes 0.5
degrees and 2.1 %.
"""

from collections.abc import Sequence

import numpy as np

from einthoven.base.core import check
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.base.geometry.sampling import farthest_points
from einthoven.numerics.bem.bem_body import BemBody, Inclusion, Triangles, closed_surface
from einthoven.numerics.bem.leadfield import BoundaryLeadFields, LeadFieldProblem, on_skin

MAX_NODES = 1600
N_REGION, N_CANDIDATES = 200, 2000
"""Points that represent the heart when sources are merged, and the candidates they are chosen from.
"""


def incident_fields(
    skin: tuple[np.ndarray, np.ndarray],
    electrode_points: np.ndarray,
    region: np.ndarray,
    conductivity: float = 1.0,
    inclusions: Sequence[Inclusion] = (),
    threads: int = 1,
) -> BoundaryLeadFields:
    """Lead fields of a homogeneous torso, prepared for points in a region of it.

    Args:
        skin: points [node, 3] mm and faces [face, 3] of a closed surface; it is remeshed if it has
            more than `MAX_NODES` nodes.
        electrode_points: [electrode, 3] mm, on the skin.
        region: [place, 3] mm, points all over the heart; the fields are valid only in this region.
        conductivity: of the torso, mS/mm; fields are inversely proportional to it.
        inclusions: bodies such as lungs; none may contain a part of the region.
        threads: number of threads, also for gradients; results do not depend on it.

    Returns:
        The fields in single precision. `gradient` evaluates them at any points of the region, with
        a small matrix product per electrode.

    Raises:
        BadInput: the skin is not closed, an electrode is off it, or the region is not inside it.
        StepFailed: the skin has too many nodes and is not a topological sphere.
    """
    given = closed_surface("skin", skin)
    body = BemBody(coarsened(given), conductivity, inclusions, threads)
    electrodes = check.shape("electrode_points", electrode_points, (None, 3))
    if body.surfaces[0].points is not given.points:
        places = on_skin(given, electrodes).on(given.points)
        electrodes = attach(*body.surfaces[0], places).on(body.surfaces[0].points)
    fields = LeadFieldProblem(body).solve(electrodes)
    region = region[:: 1 + len(region) // N_CANDIDATES]
    return fields.compressed(
        farthest_points(region, region.mean(axis=0), min(N_REGION, len(region)))
    )


def coarsened(skin: Triangles, max_nodes: int = MAX_NODES) -> Triangles:
    """The skin itself, or a skin of `max_nodes` nodes that encloses the same volume."""
    if len(skin.points) <= max_nodes:
        return skin
    return Triangles(*remesh_to(*skin, max_nodes))
