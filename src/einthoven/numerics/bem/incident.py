"""The field that meets the heart: lead fields of a torso of the patient's own skin without heart.

Fine skins are triangulated anew with fewer nodes: the matrix takes memory by the square of their
number and time by its cube, and the heart lies deep. Against a skin of 5,000 nodes, with electrodes
all around and points in the whole heart, a torso of the atlas (1,300 nodes, the same triangles) is
0.1 degrees and 0.5 % off; remeshed to 1,000 nodes 0.4 degrees and 1.3 %, to 700 0.5 and 2.1 %.
"""

from collections.abc import Sequence

import numpy as np

from einthoven.base.core import check
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.base.geometry.sampling import farthest_points
from einthoven.numerics.bem.bem_body import BemBody, Inclusion
from einthoven.numerics.bem.leadfield import BoundaryLeadFields, LeadFieldProblem, on_skin
from einthoven.numerics.bem.surface import Triangles, closed_surface

MAX_NODES = 1600
N_REGION, N_CANDIDATES = 200, 2000
"""Places that stand for the heart when sources are merged, and of how many they are chosen."""


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
        skin: points [node, 3] mm and faces [face, 3] of a closed surface; of more than
            `MAX_NODES` nodes it is triangulated anew.
        electrode_points: [electrode, 3] mm, on the skin.
        region: [place, 3] mm, places all over the heart: elsewhere the fields are not meant to
            be asked for.
        conductivity: of the torso, mS/mm; fields go with its inverse.
        inclusions: lungs, say, none of which holds a part of the region.
        threads: that work at once, also on gradients; results do not depend on it.

    Returns:
        The fields, in single precision; `gradient` gives them at any points of the region, a small
        product of matrices per electrode.

    Raises:
        BadInput: a skin that is not closed, electrodes off it, a region that is not in it.
        StepFailed: the skin is no sphere topologically and has too many nodes.
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
    """The skin itself, or one of `max_nodes` nodes on it that encloses its volume."""
    if len(skin.points) <= max_nodes:
        return skin
    return Triangles(*remesh_to(*skin, max_nodes))
