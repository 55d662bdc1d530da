"""Ventricular coordinates: positions that are comparable between hearts.

After Bayer et al., "Universal ventricular coordinates", Med. Image Anal. 45:83 (2018),
doi:10.1016/j.media.2018.01.005. The septum belongs to the left ventricle, so that the four numbers
name one point only: there `rho` runs from 0 on the LV's side to 1 on the RV's.
"""

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.body.fibers.ldrb import WallFields, solve_wall_fields
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Coordinates
from einthoven.numerics.fem.laplace import solve_laplace

N_LEVELS = 64
"""Level sets of the apicobasal field whose mean height is measured."""


def ventricular_coordinates(patient: Patient, fields: WallFields | None = None) -> Coordinates:
    """Ventricular coordinates of a patient's heart nodes (apex to base, around, across, LV or RV).

    Args:
        patient: with a mesh.
        fields: of `solve_wall_fields`, if already solved.

    Returns:
        Four coordinates, each [heart node]; docs/reference/notation.md has their ranges.

    Raises:
        BadInput: a heart without right ventricle.
    """
    heart = patient.heart
    if not heart.has_rv:
        raise BadInput("facet_tags: no RV_ENDO; ventricular coordinates need both ventricles")
    fields = fields or solve_wall_fields(heart)
    nu = transventricular(heart)
    rho = 1.0 - np.where(nu < 0, fields.lv, fields.rv)
    z = apicobasal(heart, fields.apicobasal)
    return Coordinates(
        patient=patient.name,
        uvc_rho=rho.astype(np.float32),
        uvc_z=z.astype(np.float32),
        uvc_phi=rotational(heart).astype(np.float32),
        uvc_nu=nu.astype(np.float32),
    )


def transventricular(heart: Heart) -> np.ndarray:
    """Transventricular coordinate [heart node]: -1 LV with septum, +1 free wall of the RV.

    Two harmonic functions distinguish them: one from the RV (0) to the LV (1) that ignores the
    epicardium, and one from the epicardium (0) to the LV (1) that ignores the RV. The latter is
    near one across the septum and near zero in the RV's free wall.
    """
    lv, rv, epi = (
        heart.surface_nodes(tag) for tag in (Surface.LV_ENDO, Surface.RV_ENDO, Surface.EPI)
    )
    leftness, septality = solve_laplace(
        heart.points, heart.cells, [[(lv, 1.0), (rv, 0.0)], [(lv, 1.0), (epi, 0.0)]]
    )
    return np.where((leftness < 0.5) & (septality < 0.5), 1.0, -1.0)


def apicobasal(heart: Heart, psi: np.ndarray) -> np.ndarray:
    """Relabel the level sets of `psi` by their mean height along the long axis: [heart node].

    `psi` itself is near one almost everywhere, because it starts from a single node.
    """
    order = np.argsort(psi, kind="stable")
    levels = np.array_split(order, N_LEVELS)
    low, high = heart.height[heart.apex], heart.height[heart.surface_nodes(Surface.BASE)].mean()
    mean_psi = np.array([psi[level].mean() for level in levels])
    mean_height = np.array([heart.height[level].mean() for level in levels])
    known = np.concatenate([[0.0], mean_psi, [1.0]])
    relabelled = np.concatenate([[low], np.clip(mean_height, low, high), [high]])
    # Means may oscillate where a level holds few nodes; the coordinate must not.
    relabelled = (np.maximum.accumulate(relabelled) - low) / (high - low)
    return np.interp(psi, known, relabelled)


def rotational(heart: Heart) -> np.ndarray:
    """Angle about the long axis, zero towards the RV's cavity: rad [heart node].

    Right-handed about the axis from apex to base.
    """
    towards_rv = heart.points[heart.surface_nodes(Surface.RV_ENDO)].mean(axis=0)
    towards_rv = towards_rv - heart.points[heart.surface_nodes(Surface.LV_ENDO)].mean(axis=0)
    ahead = towards_rv - (towards_rv @ heart.long_axis) * heart.long_axis
    ahead /= np.linalg.norm(ahead)
    offset = heart.points - heart.lv_base_centre
    return np.arctan2(offset @ np.cross(heart.long_axis, ahead), offset @ ahead)
