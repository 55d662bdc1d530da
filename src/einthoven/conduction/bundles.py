"""Where the bundle branches enter the endocardia, in ventricular coordinates."""

from typing import NamedTuple

import numpy as np

from einthoven.core.errors import StepFailed
from einthoven.core.tags import Surface
from einthoven.fibers.coordinates import Coordinates
from einthoven.fibers.heart import Heart

LEFT_ROOT_Z, LEFT_TOWARDS_Z = 0.85, 0.55
"""The left bundle appears under the aortic valve, on the upper septum, and runs apexwards."""
RIGHT_ROOT_Z, RIGHT_TOWARDS_Z = 0.60, 0.35
"""The right bundle surfaces on the lower half of the septum, at the moderator band."""


class Bundle(NamedTuple):
    """Start of one tree."""

    root: np.ndarray
    """[3] mm on the endocardium."""
    towards: np.ndarray
    """[3] mm: the first branch heads there."""
    length_mm: float
    """Insulated way from the top of the septum to the root."""


def bundle_starts(heart: Heart, coordinates: Coordinates) -> dict[int, Bundle]:
    """Roots of both trees on the septum: {-1: LV, +1: RV}.

    Raises:
        StepFailed: a surface has no septal node to start from.
    """
    left = _septal_node(heart, coordinates, Surface.LV_ENDO, LEFT_ROOT_Z)
    right = _septal_node(heart, coordinates, Surface.RV_ENDO, RIGHT_ROOT_Z)
    left_towards = _septal_node(heart, coordinates, Surface.LV_ENDO, LEFT_TOWARDS_Z)
    right_towards = _septal_node(heart, coordinates, Surface.RV_ENDO, RIGHT_TOWARDS_Z)
    bundle = float(np.linalg.norm(heart.points[right] - heart.points[left]))
    return {
        -1: Bundle(heart.points[left], heart.points[left_towards], 0.0),
        1: Bundle(heart.points[right], heart.points[right_towards], bundle),
    }


def _septal_node(heart: Heart, coordinates: Coordinates, tag: Surface, z: float) -> int:
    """Endocardial node mid-septum at height z, not on the rim of the surface.

    Distances in z and phi are weighed as lengths: z by the heart's height, phi by its radius.
    """
    nodes = np.setdiff1d(heart.surface_nodes(tag), heart.surface_nodes(Surface.BASE))
    septal = nodes[
        (coordinates.uvc_nu[nodes] < 0) & (np.abs(coordinates.uvc_phi[nodes]) < np.pi / 3)
    ]
    if len(septal) == 0:
        raise StepFailed(f"purkinje: {tag.name} has no node on the septum; check the surfaces")
    long, round_ = (coordinates.uvc_z[septal] - z) * 3.0, coordinates.uvc_phi[septal]
    return int(septal[np.argmin(long**2 + round_**2)])
