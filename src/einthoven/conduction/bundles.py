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

Root = tuple[np.ndarray, np.ndarray]
"""A point [3] mm on an endocardium, and a point [3] that the first branch heads for."""

LEFT_WAY_MM, RIGHT_WAY_MM = 12.0, 0.0
"""Insulated ways to the roots, the right one being the origin of time: with them the first
junctions of both sides fire within about 10 ms of each other. In human hearts the left side leads
by 5 to 10 ms (Durrer 1970, doi:10.1161/01.CIR.41.6.899); here some right sides do, because the
left tree's first fascicle has no tips. QRS durations decided, not this."""


class Bundle(NamedTuple):
    """Start of one tree."""

    roots: tuple[Root, ...]
    """One on the septum; in the RV a second one on the free wall."""
    length_mm: float
    """Insulated way to the first root, on which no muscle is reached."""


def bundle_starts(heart: Heart, coordinates: Coordinates) -> dict[int, Bundle]:
    """Roots of both trees: {-1: LV, on the septum; +1: RV, on the septum and the free wall}.

    Raises:
        StepFailed: a surface has no node to start from.
    """

    def place(tag: Surface, nu: int, root_z: float, towards_z: float) -> Root:
        root, towards = (
            heart.points[_middle_node(heart, coordinates, tag, nu, z)] for z in (root_z, towards_z)
        )
        return root, towards

    left = place(Surface.LV_ENDO, -1, LEFT_ROOT_Z, LEFT_TOWARDS_Z)
    right = place(Surface.RV_ENDO, -1, RIGHT_ROOT_Z, RIGHT_TOWARDS_Z)
    band = place(Surface.RV_ENDO, 1, BAND_ROOT_Z, BAND_TOWARDS_Z)
    return {-1: Bundle((left,), LEFT_WAY_MM), 1: Bundle((right, band), RIGHT_WAY_MM)}


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
