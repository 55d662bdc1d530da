"""The 75 recording points of Landajuela 2022, on any heart with ventricular coordinates.

17 lie on the LV endocardium, one per AHA segment. 13 lie on the RV endocardium: eight on the free
wall and five on the septum, opposite AHA segments 2, 3, 8, 9 and 14. 20 lie on the epicardium next
to 12 of the LV and 8 of the RV points, 20 at mid-wall between these, and five at mid-septum.
Names and order are those of the published points, which were chosen by hand. Heights and angles
here are rules that approximate them (docs/explanation/simulated-beats.md gives the distances).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.tet_places import TetPlaces
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.segments import AHA_SEGMENTS, SegmentLimits

N_POINTS = 75
LV_HEIGHTS, RV_HEIGHTS = (0.15, 0.42, 0.73), (0.12, 0.32, 0.56)
"""Basal, mid and apical ring: shares of the LV cavity's length below the base.

These and `RV_FREE` are those of the published points on Landajuela's mesh; angles of the LV are
those of the AHA segments."""
RV_FREE = ((1, 0.28), (2, 0.61), (3, 0.83), (6, 0.28), (7, 0.61), (8, 0.83), (11, 0.3), (12, 0.74))
"""Number of a point of the RV free wall -> position from its anterior (0) to inferior edge (1)."""
RV_LEVEL = (0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2)
SEPTAL = ((2, 5), (3, 4), (8, 10), (9, 9), (14, 13))
"""AHA segment and the opposite RV point."""
OUTER_AHA = (1, 4, 5, 6, 7, 10, 11, 12, 13, 15, 16, 17)
LATTICE = 8
"""Subdivisions of a triangle's edge in the search for a place: half a millimetre."""
NAMES = (
    *(f"AHA{k:02d}" for k in range(1, 18)),
    *(f"RV{k:02d}" for k in range(1, 14)),
    *(f"EPI_AHA{k:02d}" for k in OUTER_AHA),
    *(f"EPI_RV{k:02d}" for k, _ in RV_FREE),
    *(f"MID_AHA{k:02d}" for k in OUTER_AHA),
    *(f"MID_RV{k:02d}" for k, _ in RV_FREE),
    *(f"SEPTM_AHA{aha:02d}_RV{rv:02d}" for aha, rv in SEPTAL),
)


@dataclass(frozen=True, eq=False)
class RecordingPoints:
    """Points at which the transmembrane potential is recorded."""

    points: np.ndarray
    """[75, 3] mm, patient frame, in the order of `NAMES`."""
    weights: csr_array
    """[75, heart node] P1 interpolation."""


def recording_points(patient: Patient) -> RecordingPoints:
    """The points of a patient with mesh and ventricular coordinates.

    Raises:
        BadInput: no right ventricle, or coordinates of another mesh.
    """
    heart, places = patient.heart, _Endocardia.of(patient)
    inner = np.stack([*(places.lv(k) for k in range(1, 18)), *(places.rv(k) for k in range(1, 14))])
    rows = {name: row for row, name in enumerate(NAMES)}
    partners = [name.removeprefix("EPI_") for name in NAMES if name.startswith("EPI_")]
    of_outer = inner[[rows[name] for name in partners]]
    from einthoven.base.geometry.closest import TriangleTree  # numba, slow

    outer = TriangleTree(heart.points, heart.surface(Surface.EPI)).closest(of_outer).points
    septal = [(inner[a - 1] + inner[16 + rv]) / 2 for a, rv in SEPTAL]
    points = np.concatenate([inner, outer, (of_outer + outer) / 2, septal])
    located = TetPlaces.of(heart.points, heart.cells, points)
    entries = np.repeat(np.arange(N_POINTS), 4), located.nodes.ravel()
    weights = csr_array((located.weights.ravel(), entries), shape=(N_POINTS, len(heart.points)))
    return RecordingPoints(points, weights)


@dataclass(frozen=True, eq=False)
class _Endocardia:
    """Places on both endocardia by height and angle."""

    patient: Patient
    limits: SegmentLimits

    @classmethod
    def of(cls, patient: Patient) -> Self:
        return cls(patient, SegmentLimits.of(patient.heart, patient.coordinates))

    def lv(self, segment: int) -> np.ndarray:
        """Point of an AHA segment, 1 to 17: [3] mm."""
        heart = self.patient.heart
        if segment == len(AHA_SEGMENTS):
            return heart.points[heart.lv_apex]
        return self._nearest("lv", *_aha_place(segment, self.limits))

    def rv(self, number: int) -> np.ndarray:
        """Point of the RV, 1 to 13: [3] mm."""
        free = dict(RV_FREE)
        if number not in free:
            across = {rv: aha for aha, rv in SEPTAL}[number]
            return self._nearest("septum", *_aha_place(across, self.limits))
        level = RV_LEVEL[number - 1]
        anterior, inferior = self.limits.rv_edges[level]
        phi = anterior + free[number] * (inferior - anterior)
        return self._nearest("free wall", _height(RV_HEIGHTS[level], self.limits), phi)

    def _nearest(self, part: str, z: float, phi: float) -> np.ndarray:
        points, lattice_z, lattice_phi = self._lattices[part]
        angle = np.angle(np.exp(1j * (lattice_phi - phi)))
        return points[np.hypot(3.0 * (lattice_z - z), angle).argmin()]

    @cached_property
    def _lattices(self) -> dict[str, tuple[np.ndarray, ...]]:
        """Lattices of the LV endocardium, and of the RV's septum and free wall."""
        lv, rv = (self.patient.heart.surface(t) for t in (Surface.LV_ENDO, Surface.RV_ENDO))
        free = (self.patient.coordinates.uvc_nu[rv] > 0).all(axis=1)
        faces = {"lv": lv, "septum": rv[~free], "free wall": rv[free]}
        return {name: self._lattice(part) for name, part in faces.items()}

    def _lattice(self, faces: np.ndarray) -> tuple[np.ndarray, ...]:
        """Points [place, 3] mm of a lattice on triangles, with height and angle [place] of each."""
        i, j = np.divmod(np.arange((LATTICE + 1) ** 2), LATTICE + 1)
        keep = i + j <= LATTICE
        corners = np.stack([i, j, LATTICE - i - j], axis=1)[keep] / LATTICE
        place = self.patient.coordinates
        direction = np.exp(1j * place.uvc_phi.astype(float))

        def on(values: np.ndarray) -> np.ndarray:
            mixed = np.einsum("lk,fk...->fl...", corners, values[faces])
            return mixed.reshape(-1, *values.shape[1:])

        return on(self.patient.heart.points), on(place.uvc_z.astype(float)), np.angle(on(direction))


def _height(share: float, limits: SegmentLimits) -> float:
    return 1.0 - share * (1.0 - limits.apex_z)


def _aha_place(segment: int, limits: SegmentLimits) -> tuple[float, float]:
    """Height and angle (rad) of the middle of an AHA segment, 1 to 16."""
    level = min((segment - 1) // 6, 2)
    n, position = (6, 6, 4)[level], segment - (1, 7, 13)[level]
    return _height(LV_HEIGHTS[level], limits), np.pi / 2 - 2 * np.pi * position / n
