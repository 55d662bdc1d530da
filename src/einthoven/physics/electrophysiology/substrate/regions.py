"""Signed distance from the edge of a region of the ventricles: one class per way to specify it.

Territories are sums of AHA segments (Cerqueira et al., Circulation 105:539, 2002,
doi:10.1161/hc0402.102975). A proximal occlusion takes all of them, that of the right coronary
artery also the inferior free wall of the RV; a distal one only those downstream: apical and mid
anterior (LAD), inferior without the RV (RCA), inferolateral (LCX).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from einthoven.base.config.substrate import (
    TERRITORIES,
    FieldRegionSettings,
    SegmentsSettings,
    SphereSettings,
    TerritorySettings,
)
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.core.tags import Surface
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.segments import AHA_SEGMENTS, Regions

OUTSIDE_MM = -1e3
"""Level of nodes that no region and no border zone may take."""
FAR_MM = 10.0
"""A heart node farther than this from every point of a field: it is of another heart."""
N_NEAR = 4
RV_OF_RCA = ("RV basal inferolateral", "RV basal inferior", "RV mid inferolateral",
             "RV mid inferior")  # fmt: skip

type RegionSettings = TerritorySettings | SegmentsSettings | SphereSettings | FieldRegionSettings


@dataclass(frozen=True)
class Region[S: RegionSettings](ABC):
    """A region of a heart."""

    settings: S

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in labels."""

    @abstractmethod
    def edge_distance(self, patient: Patient, segments: Regions) -> np.ndarray:
        """Distance [heart node] mm from the region's edge, positive inside.

        `segments` are those of the patient's ventricles.

        Raises:
            BadInput: the region is not on this heart.
        """


class InTerritory(Region[TerritorySettings]):
    """Segments of one artery."""

    @property
    def name(self) -> str:
        """Artery and level."""
        return f"{self.settings.artery} {self.settings.level}"

    def edge_distance(self, patient: Patient, segments: Regions) -> np.ndarray:
        """Half way between the nodes inside and outside."""
        key = self.settings.artery, self.settings.level
        names = [AHA_SEGMENTS[number - 1] for number in TERRITORIES[key]]
        return _of_segments(
            patient, segments, [*names, *(RV_OF_RCA if key == ("RCA", "proximal") else ())]
        )


class InSegments(Region[SegmentsSettings]):
    """Some AHA segments."""

    @property
    def name(self) -> str:
        """Their numbers."""
        return f"segments {', '.join(map(str, self.settings.segments))}"

    def edge_distance(self, patient: Patient, segments: Regions) -> np.ndarray:
        """Half way between the nodes inside and outside."""
        return _of_segments(
            patient, segments, [AHA_SEGMENTS[k - 1] for k in self.settings.segments]
        )


class InSphere(Region[SphereSettings]):
    """The LV's wall around a place on its endocardium."""

    @property
    def name(self) -> str:
        """Place and radius."""
        place = self.settings
        return f"z {place.z:g}, phi {place.phi_deg:g} degrees, {place.radius_mm:g} mm"

    def edge_distance(self, patient: Patient, segments: Regions) -> np.ndarray:
        """The radius minus the distance from the place."""
        heart, place, wanted = patient.heart, patient.coordinates, self.settings
        nodes = heart.surface_nodes(Surface.LV_ENDO)
        far = place.distance(nodes, wanted.z, math.radians(wanted.phi_deg))
        centre = heart.points[nodes[far.argmin()]]
        inside = wanted.radius_mm - np.linalg.norm(heart.points - centre, axis=1)
        return np.where(place.uvc_nu < 0, inside, OUTSIDE_MM)


REGIONS: Mapping[type[RegionSettings], type[Region]] = {
    TerritorySettings: InTerritory,
    SegmentsSettings: InSegments,
    SphereSettings: InSphere,
}
"""Settings -> the class that finds the nodes; a field needs none (`level_of_field`)."""


def level_of_field(settings: FieldRegionSettings, patient: Patient) -> np.ndarray:
    """A user's field at the heart nodes, by inverse distance from the nearest points: [node].

    Raises:
        BadInput: the file is missing or broken, levels outside 0 to 1, or it is of another heart.
    """
    path = settings.path.format(patient=patient.name)
    given = load_arrays(path, require=("points", "level"))
    points = check.finite("points", check.shape("points", given["points"], (None, 3)))
    level = check.finite("level", check.shape("level", given["level"], (len(points),)))
    for value in (level.min(), level.max()):
        check.between(f"{path}: level", float(value), 0.0, 1.0, "0 healthy to 1 core")
    distance, near = cKDTree(points).query(patient.heart.points, k=min(N_NEAR, len(points)))
    distance, near = (a.reshape(len(patient.heart.points), -1) for a in (distance, near))
    if (gap := distance[:, 0].max()) > FAR_MM:
        raise BadInput(
            f"{path}: points: a place of the heart is {gap:.0f} mm from all of them; are they of "
            f"another mesh than {patient.name}'s, or not in its frame and in mm?"
        )
    weight = 1.0 / np.maximum(distance, 1e-6)
    return (weight * level[near]).sum(axis=1) / weight.sum(axis=1)


def _of_segments(patient: Patient, segments: Regions, names: list[str]) -> np.ndarray:
    points = patient.heart.points
    inside = np.isin(segments.node_region, [segments.number(name) for name in names])
    if not inside.any() or inside.all():
        raise BadInput(f"{patient.name}: no node, or every node, is in {', '.join(names)}")
    distance = np.empty(len(points))
    distance[inside] = cKDTree(points[~inside]).query(points[inside])[0]
    distance[~inside] = -cKDTree(points[inside]).query(points[~inside])[0]
    return distance - np.sign(distance) * np.abs(distance).min() / 2.0
