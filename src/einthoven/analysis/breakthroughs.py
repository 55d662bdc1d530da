"""Where and when the wave reaches the epicardium.

In intact human hearts the epicardium is first reached at 3 to 5 places, the earliest on the front
of the right ventricle 17 ms (7 to 25) after the onset of the QRS, and last at the base, at 77 ms
(63 to 96) in 11 patients: Wyndham 1979, doi:10.1161/01.CIR.59.1.161 (abstract).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.core import check
from einthoven.core.tags import Surface
from einthoven.geometry.simplex import triangle_area_vectors
from einthoven.geometry.triangles import unique_edges
from einthoven.patient.activation import Activation
from einthoven.patient.patient import Patient

PROMINENCE_MS = 3.0
"""A breakthrough is as much earlier than the way to any earlier one; less is the mesh."""
RADIUS_MM = 15.0
"""Two that are nearer than this are one, as electrodes 1 cm apart would have it."""


@dataclass(frozen=True, eq=False)
class Minima:
    """Local minima of a function on a surface, the lowest first.

    Attributes:
        nodes: [minimum] row of `points`.
        values: [minimum].
        prominence: [minimum] height of the lowest pass to a lower minimum above it; infinite for
            the lowest of a connected surface.
    """

    nodes: np.ndarray
    values: np.ndarray
    prominence: np.ndarray

    def kept(self, flags: np.ndarray) -> Self:
        """Some of them."""
        return type(self)(self.nodes[flags], self.values[flags], self.prominence[flags])


def surface_minima(triangles: np.ndarray, values: np.ndarray) -> Minima:
    """All local minima along the edges of a surface, with their prominences.

    Nodes are added from the lowest to the highest; where two basins meet, the one with the
    higher minimum ends (persistence of dimension zero of the sublevel sets; Edelsbrunner, Letscher
    and Zomorodian 2002, doi:10.1007/s00454-002-2885-2).

    Args:
        triangles: [triangle, 3] rows of `values`.
        values: [node]; those of nodes outside the triangles have no say.
    """
    check.finite("values", values[np.unique(triangles)])
    edges = unique_edges(np.asarray(triangles))[0]
    rank = np.empty(len(values), np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    # an edge joins basins when its later node is reached
    later = rank[edges].max(axis=1)
    basin = {int(node): int(node) for node in np.unique(edges)}
    pass_value = dict.fromkeys(basin, np.inf)

    def lowest(node: int) -> int:
        while basin[node] != node:
            basin[node] = basin[basin[node]]
            node = basin[node]
        return node

    for k in np.argsort(later, kind="stable"):
        first, second = sorted((lowest(int(edges[k, 0])), lowest(int(edges[k, 1]))),
                               key=lambda node: rank[node])  # fmt: skip
        if first != second:
            basin[second] = first
            pass_value[second] = float(values[edges[k]].max())
    # a node that joined a basin when it was reached was no minimum
    minima = [n for n in sorted(basin, key=lambda n: rank[n]) if _is_minimum(n, pass_value, values)]
    nodes = np.array(minima, np.int64)
    return Minima(nodes, values[nodes], np.array([pass_value[n] for n in minima]) - values[nodes])


def _is_minimum(node: int, pass_value: dict[int, float], values: np.ndarray) -> bool:
    return pass_value[node] > values[node]


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
        """On the sternocostal surface of the right ventricle: facing front rather than down."""
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
        """The earliest breakthrough on the front of the RV; None where there is none."""
        times = [place.time_ms for place in self.breakthroughs if place.on_anterior_rv]
        return min(times, default=None)


def epicardial_arrival(
    patient: Patient,
    activation: Activation,
    prominence_ms: float = PROMINENCE_MS,
    radius_mm: float = RADIUS_MM,
) -> EpicardialArrival:
    """Breakthroughs and last activation of the epicardium.

    A breakthrough is a local minimum of the activation time on the epicardium that is
    `prominence_ms` earlier than any way to an earlier one and `radius_mm` away from those. The rim
    at the base belongs to the epicardium: a wave that comes round it counts, too.

    Args:
        patient: with mesh and ventricular coordinates.
        activation: of that patient.
        prominence_ms, radius_mm: what is too small or too near to count.
    """
    heart, place = patient.heart, patient.coordinates
    time = np.asarray(activation.activation_time, float)
    minima = surface_minima(heart.surface(Surface.EPI), time)
    minima = apart(minima.kept(minima.prominence >= prominence_ms), heart.points, radius_mm)
    normals = _normals(heart.points, heart.surface(Surface.EPI), minima.nodes)
    found = tuple(
        Breakthrough(int(n), float(time[n]), float(place.uvc_z[n]), float(place.uvc_phi[n]),
                     float(place.uvc_nu[n]), tuple(normal.tolist()))
        for n, normal in zip(minima.nodes, normals)
    )  # fmt: skip
    nodes = heart.surface_nodes(Surface.EPI)
    latest = int(nodes[time[nodes].argmax()])
    return EpicardialArrival(found, float(time[latest]), float(place.uvc_z[latest]))


def _normals(points: np.ndarray, triangles: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Unit normals [node, 3] of a surface at some nodes, means by area."""
    areas = triangle_area_vectors(points, triangles)
    sums = np.array([areas[(triangles == node).any(axis=1)].sum(axis=0) for node in nodes])
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def apart(minima: Minima, points: np.ndarray, radius_mm: float) -> Minima:
    """Without those nearer than a radius to a lower one that is kept; points [node, 3] mm."""
    kept: list[int] = []
    for k, node in enumerate(minima.nodes):
        distance = np.linalg.norm(points[minima.nodes[kept]] - points[node], axis=1)
        if (distance >= radius_mm).all():
            kept.append(k)
    return minima.kept(np.array(kept, np.int64))
