"""Where the bundle branches enter the endocardia, in ventricular coordinates."""

from typing import NamedTuple

import numpy as np

from einthoven.core.errors import StepFailed
from einthoven.core.tags import Surface
from einthoven.fibers.coordinates import Coordinates
from einthoven.fibers.heart import Heart

LEFT_ROOT_Z, LEFT_TOWARDS_Z = 0.85, 0.55
"""The left bundle appears under the aortic valve, on the upper septum, and runs apexwards."""
RIGHT_ROOT_Z, RIGHT_TOWARDS_Z = 0.55, 0.8
"""The right bundle surfaces on the septum where the moderator band leaves it."""
BAND_ROOT_Z, BAND_TOWARDS_Z = 0.4, 0.7
"""The band lands on the RV's free wall, at the anterior papillary muscle."""


class Bundle(NamedTuple):
    """Start of one tree."""

    roots: tuple[tuple[np.ndarray, np.ndarray], ...]
    """Pairs of a point [3] mm on the endocardium and a point that the first branch heads for."""
    length_mm: float
    """Insulated way from the top of the septum to the first root."""


def bundle_starts(heart: Heart, coordinates: Coordinates) -> dict[int, Bundle]:
    """Roots of both trees: {-1: LV, on the septum; +1: RV, on the septum and the free wall}.

    Raises:
        StepFailed: a surface has no node to start from.
    """

    def place(tag: Surface, nu: int, *levels: float) -> tuple[np.ndarray, ...]:
        return tuple(heart.points[_middle_node(heart, coordinates, tag, nu, z)] for z in levels)

    left = place(Surface.LV_ENDO, -1, LEFT_ROOT_Z, LEFT_TOWARDS_Z)
    right = place(Surface.RV_ENDO, -1, RIGHT_ROOT_Z, RIGHT_TOWARDS_Z)
    band = place(Surface.RV_ENDO, 1, BAND_ROOT_Z, BAND_TOWARDS_Z)
    way = float(np.linalg.norm(right[0] - left[0]))
    return {-1: Bundle((left,), 0.0), 1: Bundle((right, band), way)}


def _middle_node(heart: Heart, coordinates: Coordinates, tag: Surface, nu: int, z: float) -> int:
    """Node of an endocardium at height z, mid-septum (nu = -1) or mid free wall of the RV (+1).

    The rim at the base is left out. z counts three times, as a heart is about three radii high.
    """
    nodes = np.setdiff1d(heart.surface_nodes(tag), heart.surface_nodes(Surface.BASE))
    phi = coordinates.uvc_phi[nodes]
    usable = (coordinates.uvc_nu[nodes] == nu) & (np.abs(phi) < np.pi / 3)
    if not np.any(usable):
        raise StepFailed(f"purkinje: {tag.name} has no node near mid-septum; check the surfaces")
    distance = (3.0 * (coordinates.uvc_z[nodes] - z)) ** 2 + phi**2
    return int(nodes[np.where(usable, distance, np.inf).argmin()])
