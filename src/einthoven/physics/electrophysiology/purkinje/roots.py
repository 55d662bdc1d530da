"""Roots of the trees: sites where fascicles reach the endocardia, in ventricular coordinates."""

from typing import NamedTuple

import numpy as np

from einthoven.base.config.electrophysiology import RIGHT, EarlySiteSettings
from einthoven.base.core.errors import StepFailed
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.stages import Coordinates
from einthoven.physics.electrophysiology.purkinje.growth import Root
from einthoven.physics.electrophysiology.purkinje.paths import SIDES

DOWN = 0.25
"""A trunk heads for the place lower by this much in z: strands run towards the apex."""
LEAST_Z = 0.05
TRUNK_MM, FASCICLE_MM, ANGLES_RAD = 3.0, 3.0, (-0.6, 0.5)
"""Shape of every trunk; short, so that the muscle around a site is reached within a few ms."""


class EarlyRoot(NamedTuple):
    """A root of a tree and the site that it stands for."""

    root: Root
    site: EarlySiteSettings


def early_roots(
    heart: Heart, coordinates: Coordinates, sites: list[EarlySiteSettings], *, grows: bool = True
) -> dict[int, list[EarlyRoot]]:
    """Roots on both endocardia: {-1: LV, +1: RV}, in the order of the sites.

    The right bundle reaches the muscle on the free wall, over the moderator band, and with fascicle
    right-septal on the right side of the septum.

    Args:
        heart, coordinates: of the patient. sites: where fascicles end.
        grows: whether trees grow from the roots, which head for a place below them; sites alone
            may be as low as the heart is.

    Raises:
        StepFailed: an endocardium has no node, or there is none below a site from which a tree
            grows.
    """
    roots: dict[int, list[EarlyRoot]] = {side: [] for side in SIDES}
    for site in sites:
        side = 1 if site.fascicle in RIGHT else -1
        nodes = heart.surface_nodes(SIDES[side])
        nodes = np.setdiff1d(nodes, heart.surface_nodes(SIDES[-side]))
        # the septum belongs to the LV's side of the coordinates
        wall = -1 if site.fascicle == "right-septal" else side
        nodes = nodes[coordinates.uvc_nu[nodes] == wall]
        if len(nodes) == 0:
            raise StepFailed(
                f"purkinje: no node is of {SIDES[side].name} alone: check the tags of the surfaces"
            )
        angle = float(np.radians(site.phi_deg))
        places = [(site.z, angle), (max(site.z - DOWN, LEAST_Z), angle)]
        ends = [nodes[coordinates.distance(nodes, *place).argmin()] for place in places]
        if grows and ends[0] == ends[1]:
            raise StepFailed(
                f"purkinje: no endocardial node lies below the early site {site.fascicle} at z = "
                f"{site.z:g}: raise its z, or refine the mesh"
            )
        point, towards = heart.points[ends]
        root = Root(point, towards, TRUNK_MM, FASCICLE_MM, ANGLES_RAD)
        roots[side].append(EarlyRoot(root, site))
    return roots
