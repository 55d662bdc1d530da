"""Heart node of a stimulus or of an ectopic beat: one class per way to specify it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from einthoven.base.config.scenarios import (
    ApexSiteSettings,
    CoordinateSiteSettings,
    PointSiteSettings,
    SegmentSiteSettings,
)
from einthoven.base.config.scenarios import SiteSettings as SiteSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.segments import ventricular_segments

FAR_MM = 15.0
"""A point farther than this from its surface is rejected: another frame or unit."""


@dataclass(frozen=True)
class Site[S: SiteSettings](ABC):
    """A place on a surface of the heart."""

    settings: S

    @property
    def surface(self) -> Surface:
        """Surface of the node."""
        return Surface[self.settings.surface.upper()]

    def node(self, patient: Patient) -> int:
        """Number of the heart node.

        Raises:
            BadInput: the heart has no such surface, or no such place on it.
        """
        nodes = patient.heart.surface_nodes(self.surface)
        if len(nodes) == 0:
            raise BadInput(f"facet_tags: no {self.surface.name}; the site needs both ventricles")
        return int(nodes[self.distance(patient, nodes).argmin()])

    @abstractmethod
    def distance(self, patient: Patient, nodes: np.ndarray) -> np.ndarray:
        """Distance of surface nodes [node] from the place; the smallest is chosen."""


class Apex(Site[ApexSiteSettings]):
    """The lowest node along the long axis."""

    def distance(self, patient: Patient, nodes: np.ndarray) -> np.ndarray:
        """Height in mm."""
        return patient.heart.height[nodes]


class AtCoordinates(Site[CoordinateSiteSettings]):
    """The nearest node in ventricular coordinates."""

    def distance(self, patient: Patient, nodes: np.ndarray) -> np.ndarray:
        """Distance in units of the coordinates."""
        place, wanted = patient.coordinates, self.settings
        distance = place.distance(nodes, wanted.z, math.radians(wanted.phi_deg))
        usable = wanted.nu is None or place.uvc_nu[nodes] == wanted.nu
        if not np.any(usable):
            raise BadInput(f"site: {self.surface.name} has no node with nu = {wanted.nu}")
        return np.where(usable, distance, np.inf)


class InSegment(Site[SegmentSiteSettings]):
    """The node of a segment on the surface that is nearest to the mean of such nodes."""

    def distance(self, patient: Patient, nodes: np.ndarray) -> np.ndarray:
        """Distance from that mean, mm; infinite outside the segment."""
        segment, points = self.settings.segment, patient.heart.points[nodes]
        inside = np.isin(nodes, ventricular_segments(patient).nodes(segment))
        if not inside.any():
            raise BadInput(f"site: segment {segment!r} has no node on {self.surface.name}")
        distance = np.linalg.norm(points - points[inside].mean(axis=0), axis=1)
        return np.where(inside, distance, np.inf)


class AtPoint(Site[PointSiteSettings]):
    """The node nearest to a point in the patient's frame."""

    def distance(self, patient: Patient, nodes: np.ndarray) -> np.ndarray:
        """Distance in mm."""
        distance = np.linalg.norm(patient.heart.points[nodes] - self.settings.point_mm, axis=1)
        if distance.min() > FAR_MM:
            raise BadInput(
                f"point_mm = {self.settings.point_mm}: {distance.min():.0f} mm from "
                f"{self.surface.name}; is it in the patient's frame and in mm?"
            )
        return distance


SITES: Mapping[type[SiteSettings], type[Site]] = {
    ApexSiteSettings: Apex,
    CoordinateSiteSettings: AtCoordinates,
    SegmentSiteSettings: InSegment,
    PointSiteSettings: AtPoint,
}
"""Settings -> the class that finds the node."""


def site_node(settings: SiteSettings, patient: Patient) -> int:
    """Heart node of a site."""
    return SITES[type(settings)](settings).node(patient)
