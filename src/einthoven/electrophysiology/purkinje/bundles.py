"""Where the bundle branches enter the endocardia, in ventricular coordinates."""

from typing import NamedTuple

import numpy as np

from einthoven.core.errors import StepFailed
from einthoven.core.tags import Surface
from einthoven.electrophysiology.purkinje.growth import Root
from einthoven.patient.fibers import Coordinates
from einthoven.patient.heart import Heart

LEFT_ROOT_Z, LEFT_TOWARDS_Z = 0.7, 0.45
"""The left bundle runs down the septum; its first junctions are in the middle third, where human
hearts begin."""
RIGHT_ROOT_Z, RIGHT_TOWARDS_Z = 0.35, 0.7
"""The right bundle surfaces on the lower septum, at the root of the moderator band; its branches
climb back towards the base."""
BAND_ROOT_Z, BAND_TOWARDS_Z = 0.3, 0.7
"""The band lands on the RV's free wall, at the anterior papillary muscle."""

type Fascicles = tuple[float, float, tuple[float, float]]
LEFT_FASCICLES: Fascicles = (8.0, 20.0, (-1.0, 1.0))
"""Trunk and fascicles in mm, and their angles: to the anterior and the posterior wall."""
RIGHT_FASCICLES: Fascicles = (3.0, 3.0, (-0.6, 0.5))
"""Short: the muscle is reached at the apex first. With fascicles as long as the left ones the
tree has no tips there, the RV's apex is the last to fire, and V2 has no S wave."""

LEFT_WAY_MM, RIGHT_WAY_MM = 12.0, 36.0
"""Insulated ways to the roots. The left septum fires 5 to 15 ms before the right one, as in human
hearts (Durrer 1970, doi:10.1161/01.CIR.41.6.899): that is the r wave of V1."""


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

    def root(tag: Surface, nu: int, root_z: float, towards_z: float, first: Fascicles) -> Root:
        nodes = [_middle_node(heart, coordinates, tag, nu, z) for z in (root_z, towards_z)]
        point, towards = heart.points[nodes]
        return Root(point, towards, *first)

    left = root(Surface.LV_ENDO, -1, LEFT_ROOT_Z, LEFT_TOWARDS_Z, LEFT_FASCICLES)
    right = root(Surface.RV_ENDO, -1, RIGHT_ROOT_Z, RIGHT_TOWARDS_Z, RIGHT_FASCICLES)
    band = root(Surface.RV_ENDO, 1, BAND_ROOT_Z, BAND_TOWARDS_Z, RIGHT_FASCICLES)
    return {-1: Bundle((left,), LEFT_WAY_MM), 1: Bundle((right, band), RIGHT_WAY_MM)}


def _middle_node(heart: Heart, coordinates: Coordinates, tag: Surface, nu: int, z: float) -> int:
    """Node of an endocardium at height z, mid-septum (nu = -1) or mid free wall of the RV (+1).

    The annulus is left out. z counts three times, as a heart is about three radii high.
    """
    nodes = np.setdiff1d(heart.surface_nodes(tag), heart.surface_nodes(Surface.BASE))
    phi = coordinates.uvc_phi[nodes]
    usable = (coordinates.uvc_nu[nodes] == nu) & (np.abs(phi) < np.pi / 3)
    if not np.any(usable):
        raise StepFailed(f"purkinje: {tag.name} has no node near mid-septum; check the surfaces")
    distance = (3.0 * (coordinates.uvc_z[nodes] - z)) ** 2 + phi**2
    return int(nodes[np.where(usable, distance, np.inf).argmin()])
