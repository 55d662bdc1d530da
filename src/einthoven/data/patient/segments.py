"""Regions of the ventricles by their clinical names, from ventricular coordinates.

The left ventricle has the 17 segments of the American Heart Association (Cerqueira et al.,
Circulation 105:539, 2002, doi:10.1161/hc0402.102975): thirds of the cavity's length, six walls of
60 degrees in the basal and the mid third, four of 90 degrees in the apical one, and the apex beyond
the end of the cavity. The septum is centred on phi = 0. phi rises towards the anterior wall,
because it rotates right-handed about the axis from apex to base.

No standard divides the free wall of the right ventricle. Landajuela et al. (Computing in Cardiology
2022) record at 17 + 13 points, with the 13 chosen by hand at unpublished positions. Here they are
five angular bands at the basal and the mid level and three at the apical one, each of equal width
between the edges of the wall.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Coordinates

LEVELS = ("basal", "mid", "apical")
_SIX = ("anterior", "anteroseptal", "inferoseptal", "inferior", "inferolateral", "anterolateral")
_FOUR = ("anterior", "septal", "inferior", "lateral")
_FIVE = ("anterior", "anterolateral", "lateral", "inferolateral", "inferior")
_THREE = ("anterior", "lateral", "inferior")
_LV_WALLS, _RV_WALLS = (_SIX, _SIX, _FOUR), (_FIVE, _FIVE, _THREE)
"""Walls of each level, in the order of falling phi."""

AHA_SEGMENTS = (
    *(f"{level} {wall}" for level, walls in zip(LEVELS, _LV_WALLS) for wall in walls),
    "apex",
)
"""Segments 1 to 17 in their order."""
RV_SEGMENTS = tuple(
    f"RV {level} {wall}" for level, walls in zip(LEVELS, _RV_WALLS) for wall in walls
)
"""The free wall's segments, in five angular bands at the base and mid level and three below."""
SEGMENTS = AHA_SEGMENTS + RV_SEGMENTS
WALLS = ("septum", "LV free wall", "RV free wall")

RV_EDGE_PERCENT = 2.0
"""Percentage of a level's RV free-wall nodes beyond each edge of its bands, so that no single node
at a groove determines an edge."""


@dataclass(frozen=True, eq=False)
class Regions:
    """A partition of a heart: each node and each cell is in one region."""

    names: tuple[str, ...]
    """[region]."""
    node_region: np.ndarray
    """[heart node] number of the region."""
    cell_region: np.ndarray
    """[heart cell] the same."""

    def __post_init__(self) -> None:
        check.unique("regions", self.names)
        for name in ("node_region", "cell_region"):
            values = check.shape(name, getattr(self, name), (None,))
            if values.min(initial=0) < 0 or values.max(initial=0) >= len(self.names):
                raise BadInput(f"{name}: numbers from 0 to {len(self.names) - 1} are wanted")

    def number(self, name: str) -> int:
        """Number of the region with a name; case does not matter.

        Raises:
            BadInput: there is no such region.
        """
        known = [other.casefold() for other in self.names]
        if name.casefold() not in known:
            raise BadInput(f"no region {name!r}; there are {', '.join(self.names)}")
        return known.index(name.casefold())

    def nodes(self, name: str) -> np.ndarray:
        """Heart nodes of a region: [node of the region]."""
        return np.flatnonzero(self.node_region == self.number(name))

    def cells(self, name: str) -> np.ndarray:
        """Heart cells of a region: [cell of the region]."""
        return np.flatnonzero(self.cell_region == self.number(name))

    def merged(self, wholes: Sequence[str], whole_of: Callable[[str], str]) -> Self:
        """Union of regions; `whole_of` names the one of `wholes` to which a region belongs."""
        new = np.array([wholes.index(whole_of(name)) for name in self.names])
        return type(self)(tuple(wholes), new[self.node_region], new[self.cell_region])


def ventricular_segments(patient: Patient) -> Regions:
    """The 17 AHA segments of the LV and the 13 of the RV's free wall.

    A cell belongs to the segment of its centroid's coordinates (phi by the mean direction, the
    ventricle by the majority of its nodes).

    Raises:
        BadInput: the coordinates belong to another mesh, or have no RV.
    """
    place = patient.coordinates
    check.shape("uvc_z", place.uvc_z, (len(patient.heart.points),))
    limits, cells = SegmentLimits.of(patient.heart, place), patient.heart.cells
    right = place.uvc_nu > 0
    direction = np.exp(1j * place.uvc_phi.astype(float))[cells].mean(axis=1)
    of_cells = limits.segment(
        place.uvc_z[cells].mean(axis=1), np.angle(direction), right[cells].sum(axis=1) > 2
    )
    return Regions(SEGMENTS, limits.segment(place.uvc_z, place.uvc_phi, right), of_cells)


def ventricular_walls(patient: Patient) -> Regions:
    """Septum, LV free wall and RV free wall, each basal, mid and apical; the apex is LV free wall.

    Sums of segments: the septum is what the AHA calls septal, a third of the LV's circumference
    (a quarter at the apical level), whatever the RV is attached to.
    """
    wholes = [f"{level} {wall}" for wall in WALLS for level in LEVELS]
    return ventricular_segments(patient).merged(wholes, _wall_of)


DIVISIONS: dict[str, Callable[[Patient], Regions]] = {
    "coarse": ventricular_walls,
    "segments": ventricular_segments,
}
"""Divisions of a heart, by name."""


def _wall_of(segment: str) -> str:
    level = next((level for level in LEVELS if level in segment.split()), "apical")
    if segment.startswith("RV"):
        return f"{level} RV free wall"
    return f"{level} {'septum' if segment.endswith('septal') else 'LV free wall'}"


@dataclass(frozen=True)
class SegmentLimits:
    """Limits of segments that depend on the heart."""

    apex_z: float
    """Apicobasal coordinate at the end of the LV's cavity."""
    rv_edges: np.ndarray
    """[level, 2] rad, anterior and inferior edge of the RV's free wall."""

    @classmethod
    def of(cls, heart: Heart, place: Coordinates) -> Self:
        """The limits of a heart.

        `uvc_z` is a relative height, so the cavity ends at the relative height of its apex. The
        level set that touches the apex from outside would leave an apical cap of only a few cells.

        Raises:
            BadInput: no node is in the RV's free wall.
        """
        right = place.uvc_nu > 0
        if not right.any():
            raise BadInput(f"{place.patient}: uvc_nu: no RV free wall; re-run the rule fibers")
        low, high = heart.height[heart.apex], heart.height[heart.surface_nodes(Surface.BASE)].mean()
        apex_z = float((heart.height[heart.lv_apex] - low) / (high - low))
        level, phi = _level(place.uvc_z[right], apex_z), place.uvc_phi[right]
        ends = 100 - RV_EDGE_PERCENT, RV_EDGE_PERCENT
        rings = [phi[level == k] if np.any(level == k) else phi for k in range(len(LEVELS))]
        return cls(apex_z, np.array([np.percentile(ring, ends) for ring in rings]))

    def segment(self, z: np.ndarray, phi: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Numbers in `SEGMENTS` by apicobasal coordinate, angle (rad), whether in the RV's wall."""
        level = _level(z, self.apex_z)
        return np.where(right, self._rv_segment(level, phi), _aha_segment(level, phi))

    def _rv_segment(self, level: np.ndarray, phi: np.ndarray) -> np.ndarray:
        level = np.minimum(level, len(LEVELS) - 1)
        n, first = _ring_sizes(_RV_WALLS, level)
        anterior, inferior = self.rv_edges[level].T
        band = np.floor(n * (anterior - phi) / (anterior - inferior)).astype(int)
        return len(AHA_SEGMENTS) + first + np.clip(band, 0, n - 1)


def _level(z: np.ndarray, apex_z: float) -> np.ndarray:
    """Level: 0 basal, 1 mid, 2 apical third of the cavity's length, 3 beyond its end."""
    return np.clip(np.floor(3 * (1 - z) / (1 - apex_z)).astype(int), 0, len(LEVELS))


def _aha_segment(level: np.ndarray, phi: np.ndarray) -> np.ndarray:
    n, first = _ring_sizes(_LV_WALLS, np.minimum(level, len(LEVELS) - 1))
    width = 2 * np.pi / n
    # the first wall, the anterior one, is centred 90 degrees from the middle of the septum
    wall = np.floor((np.pi / 2 + width / 2 - phi) / width).astype(int) % n
    return np.where(level == len(LEVELS), len(AHA_SEGMENTS) - 1, first + wall)


def _ring_sizes(
    walls: tuple[tuple[str, ...], ...], level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Number of segments at the level of each point, and the number of its first segment."""
    n = np.array([len(ring) for ring in walls])
    return n[level], (np.cumsum(n) - n)[level]
