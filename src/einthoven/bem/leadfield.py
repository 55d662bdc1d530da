"""Lead fields of skin electrodes in a piecewise homogeneous torso, by reciprocity.

The potential of a unit current that enters at x inside and leaves evenly over the skin solves
K phi = 1 / (4 pi |y - x|) - V(y), with K of `bem.body` and V the mean over the skin of
1 / (4 pi |y - y'|). It is made unique by its zero mean on the skin: K -> K + 1 w', w the skin's
area weights (deflation, Barnard 1967). By reciprocity phi at electrode e is the lead field of e at
x, so with the row b of the inverse that reads phi at e against the skin's mean

    Z(x, e) = sum_y b(y) / (4 pi |y - x|) - b . V,   grad Z = sum_y b(y) (y - x) / (4 pi |y - x|^3).

b costs one back-substitution per electrode. The error falls with the square of the edges' lengths
where x is more than about an edge away from every surface; nearer, point sources at the nodes
show, and a finer surface is needed.

References:
    Barnard, Duck, Lynn, Timlake, Biophys J 7:463 (1967), doi:10.1016/S0006-3495(67)86599-8;
    the integral equation and its conductivities as in `bem.body`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.spatial.distance import cdist

from einthoven.bem.body import Body
from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.geometry.barycentric import attach
from einthoven.geometry.surface_operators import lumped_areas

MAX_DISTANCE_MM = 5.0
"""An electrode farther from the skin than this is taken for a mistake, as with finite elements."""
POINTS_AT_ONCE = 1024


@dataclass(frozen=True)
class BoundaryLeadFields:
    """Lead fields of some electrodes, anywhere inside a body."""

    nodes: np.ndarray
    """[node, 3] mm, of all surfaces."""
    strengths: np.ndarray
    """[electrode, node] mm/mS: b."""
    offsets: np.ndarray
    """[electrode] kOhm: - b . V."""

    def potential(self, points: np.ndarray) -> np.ndarray:
        """Z at points [point, 3] mm inside the skin: [electrode, point] kOhm.

        Its mean on the skin is zero; it is largest at its electrode.

        Raises:
            BadInput: NaN, or points that lie outside the body's box or on a node.
        """
        found = np.empty((len(self.strengths), len(points)))
        for some, _, inverse in self._inverse_distances(points):
            found[:, some] = self.strengths @ inverse
        return found / (4 * np.pi) + self.offsets[:, None]

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Gradient of Z at points [point, 3] mm: [electrode, point, 3] kOhm/mm.

        Raises:
            BadInput: as `potential`.
        """
        n = len(self.strengths)
        found = np.empty((n, len(points), 3))
        # sum b y / r^3 and sum b / r^3 in one product: rows electrode by coordinate, then electrode
        moments = self.strengths[:, None, :] * self._centred(self.nodes).T
        rows = np.concatenate([moments.reshape(3 * n, -1), self.strengths])
        for some, centred, inverse in self._inverse_distances(points):
            sums = rows @ (inverse * inverse * inverse)
            away = sums[3 * n :, :, None] * centred
            found[:, some] = sums[: 3 * n].reshape(n, 3, -1).transpose(0, 2, 1) - away
        return found / (4 * np.pi)

    def _inverse_distances(
        self, points: np.ndarray
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Pieces of the points: place, centred points, 1 / |y - x| [node, point]."""
        points = check.finite("points", check.shape("points", points, (None, 3)))
        if (points < self.nodes.min(axis=0)).any() or (points > self.nodes.max(axis=0)).any():
            raise BadInput("points: some lie outside the body; another frame, or not in mm?")
        for start in range(0, len(points), POINTS_AT_ONCE):
            some = slice(start, min(start + POINTS_AT_ONCE, len(points)))
            distance = cdist(self.nodes, points[some])
            if not distance.min() > 0:
                raise BadInput("points: one lies on a node of the body's surfaces")
            yield some, self._centred(points[some]), 1.0 / distance

    def _centred(self, points: np.ndarray) -> np.ndarray:
        """Coordinates about the middle of the body, so that differences keep their digits."""
        return points - self.nodes.mean(axis=0)


@dataclass(frozen=True)
class LeadFieldProblem:
    """A body, prepared once for lead fields of many electrodes."""

    body: Body

    def solve(self, electrode_points: np.ndarray) -> BoundaryLeadFields:
        """Lead fields of unit currents into the skin that leave evenly over it.

        Args:
            electrode_points: [electrode, 3] mm, on the skin; potentials are linear between nodes.

        Returns:
            The lead fields, as functions of the place.

        Raises:
            BadInput: an electrode is more than 5 mm off the skin.
        """
        skin = self.body.surfaces[0]
        electrodes = check.shape("electrode_points", electrode_points, (None, 3))
        places = attach(*skin, electrodes)
        gap = np.linalg.norm(places.on(skin.points) - electrodes, axis=1)
        if gap.max(initial=0.0) > MAX_DISTANCE_MM:
            raise BadInput(
                f"electrode {int(gap.argmax())} is {gap.max():.1f} mm off the skin; another "
                "frame, another body, or not in mm?"
            )
        reading = np.zeros((len(electrodes), len(self.body.nodes)))
        np.put_along_axis(reading, places.vertices, places.weights, axis=1)
        strengths = lu_solve(self._factor, (reading - self._skin_weights).T, trans=1).T
        mean_inverse = self.body.layers[0].single.sum(axis=1) / self._skin_areas.sum()
        return BoundaryLeadFields(self.body.nodes, strengths, -strengths @ mean_inverse)

    @cached_property
    def _factor(self) -> tuple[np.ndarray, np.ndarray]:
        return lu_factor(self.body.double_layer_matrix + self._skin_weights)

    @cached_property
    def _skin_areas(self) -> np.ndarray:
        return lumped_areas(*self.body.surfaces[0])

    @cached_property
    def _skin_weights(self) -> np.ndarray:
        """w: [node], the mean over the skin of functions on all surfaces."""
        weights = np.zeros(len(self.body.nodes))
        weights[self.body.parts[0]] = self._skin_areas / self._skin_areas.sum()
        return weights
