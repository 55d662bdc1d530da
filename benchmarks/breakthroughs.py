"""Epicardial breakthroughs: where and when the wave reaches the epicardium.

In intact human hearts the epicardium is first reached at 3 to 5 places, the earliest on the front
of the right ventricle 17 ms (7 to 25) after the onset of the QRS, and last at the base, at 77 ms
(63 to 96) in 11 patients: Wyndham 1979, doi:10.1161/01.CIR.59.1.161 (abstract).
"""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.metrics.activation_times import breakthroughs
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation

PROMINENCE_MS = 3.0
"""Prominence: a breakthrough is this much earlier than any path to an earlier one; less is noise.
"""
RADIUS_MM = 15.0
"""Breakthroughs closer than this are merged, as with electrodes 1 cm apart."""


@dataclass(frozen=True)
class Breakthrough:
    """A place at which the wave reaches the epicardium.

    Attributes:
        node: heart node. time_ms: from the first activation.
        z, phi_rad, nu: ventricular coordinates; nu is 1 on the RV.
        normal: outward, in the patient frame (to the left, the back and the head).
    """

    node: int
    time_ms: float
    z: float
    phi_rad: float
    nu: float
    normal: tuple[float, float, float]

    @property
    def on_anterior_rv(self) -> bool:
        """Whether it is on the sternocostal surface of the RV, facing front rather than down."""
        _, back, up = self.normal
        return self.nu > 0 and -back > max(0.0, -up)


@dataclass(frozen=True)
class EpicardialArrival:
    """The wave on the epicardium.

    Attributes:
        breakthroughs: the earliest first.
        latest_ms: last activation of the epicardium. latest_z: where it is, 0 apex, 1 base.
    """

    breakthroughs: tuple[Breakthrough, ...]
    latest_ms: float
    latest_z: float

    @property
    def first_anterior_rv_ms(self) -> float | None:
        """Time of the earliest breakthrough on the front of the RV, or None."""
        times = [place.time_ms for place in self.breakthroughs if place.on_anterior_rv]
        return min(times, default=None)


def epicardial_arrival(
    patient: Patient,
    activation: Activation,
    prominence_ms: float = PROMINENCE_MS,
    radius_mm: float = RADIUS_MM,
) -> EpicardialArrival:
    """Breakthroughs and last activation of the epicardium.

    A breakthrough is a local minimum of the activation time on the epicardium that is at least
    `prominence_ms` earlier than any path to an earlier one and at least `radius_mm` from those. The
    edge at the base belongs to the epicardium, so a wave that arrives around it counts, too.

    Args:
        patient: with mesh and ventricular coordinates.
        activation: of that patient.
        prominence_ms, radius_mm: thresholds of prominence and distance.
    """
    heart, place = patient.heart, patient.coordinates
    time = np.asarray(activation.activation_time, float)
    epicardium = heart.surface(Surface.EPI)
    reached = breakthroughs((heart.points, epicardium), time, prominence_ms, radius_mm)
    normals = _normals(heart.points, epicardium, reached)
    found = tuple(
        Breakthrough(int(n), float(time[n]), float(place.uvc_z[n]), float(place.uvc_phi[n]),
                     float(place.uvc_nu[n]), tuple(normal.tolist()))
        for n, normal in zip(reached, normals)
    )  # fmt: skip
    nodes = heart.surface_nodes(Surface.EPI)
    latest = int(nodes[time[nodes].argmax()])
    return EpicardialArrival(found, float(time[latest]), float(place.uvc_z[latest]))


def _normals(points: np.ndarray, triangles: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Unit normals [node, 3] of a surface at some nodes, means by area."""
    areas = triangle_area_vectors(points, triangles)
    sums = np.array([areas[(triangles == node).any(axis=1)].sum(axis=0) for node in nodes])
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)
