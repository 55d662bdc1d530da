"""Lead fields of skin electrodes in a piecewise homogeneous torso, by reciprocity.

The potential of a unit current that enters at x inside and leaves evenly over the skin solves
K phi = g(y) = 1 / (4 pi |y - x|) - V(y), with K of `bem.body` and V the mean over the skin of
1 / (4 pi |y - y'|). It is made unique by its zero mean on the skin: K -> K + 1 w', w the skin's
area weights (deflation, Barnard 1967). By reciprocity phi at electrode e is the lead field of e at
x. It is read by the integral equation itself, put up at e (iterated collocation, Sloan 1976):
c phi(e) = g(e) + sum_y d(y) phi(y), d the double layer at e and c the sum of d. So with the row b
of the inverse for d / c, deflated and against the skin's mean,

    Z(x, e) = 1 / (4 pi c |e - x|) + sum_y b(y) / (4 pi |y - x|) + constant:

a point source at the electrode itself, and a smooth rest from the nodes. Linear interpolation of
phi between nodes, where the source is near, is several times less accurate.

b costs one back-substitution per electrode. The error falls with the square of the edges' lengths
where x is more than about an edge away from every surface; nearer, point sources at the nodes
show, and a finer surface is needed.

References:
    Barnard, Duck, Lynn, Timlake, Biophys J 7:463 (1967), doi:10.1016/S0006-3495(67)86599-8;
    Sloan, Math Comp 30:758 (1976), doi:10.1090/S0025-5718-1976-0428762-8, for integral equations
    of the second kind; the integral equation and its conductivities as in `bem.body`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from scipy.linalg import lu_factor, lu_solve, qr, solve_triangular
from scipy.spatial.distance import cdist

from einthoven.bem.body import Body
from einthoven.bem.integrals import layers
from einthoven.bem.surface import Triangles
from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.geometry.barycentric import SkinPoints, attach
from einthoven.geometry.surface_operators import lumped_areas

MAX_DISTANCE_MM = 5.0
"""An electrode farther from the skin than this is taken for a mistake, as with finite elements."""
POINTS_AT_ONCE = 1024
ON_EDGE = 1e-9
"""An electrode of less weight at a corner lies on the opposite edge, or in a vertex."""


@dataclass(frozen=True)
class BoundaryLeadFields:
    """Lead fields of some electrodes, anywhere inside a body, as those of point sources."""

    electrodes: np.ndarray
    """[electrode, 3] mm, on the skin."""
    own: np.ndarray
    """[electrode] mm/mS: 1 / c, the strength of each electrode's source at itself."""
    sources: np.ndarray
    """[source, 3] mm: nodes of all surfaces."""
    strengths: np.ndarray
    """[electrode, source] mm/mS: b."""
    offsets: np.ndarray
    """[electrode] kOhm."""
    box: np.ndarray
    """[2, 3] mm, minimum and maximum of the skin."""

    def potential(self, points: np.ndarray) -> np.ndarray:
        """Z at points [point, 3] mm inside the skin: [electrode, point] kOhm.

        Its mean on the skin is zero; it is largest at its electrode.

        Raises:
            BadInput: NaN, or points that lie outside the body's box, on a node or an electrode.
        """
        found = np.empty((len(self.strengths), len(points)))
        for some, places in self._pieces(points):
            found[:, some] = self.strengths @ _inverse_distances(self.sources, places)
            found[:, some] += self.own[:, None] * _inverse_distances(self.electrodes, places)
        return found / (4 * np.pi) + self.offsets[:, None]

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Gradient of Z at points [point, 3] mm: [electrode, point, 3] kOhm/mm.

        Raises:
            BadInput: as `potential`.
        """
        found = np.empty((len(self.strengths), len(points), 3))
        for some, places in self._pieces(points):
            cubed = _cube(_inverse_distances(self.sources, places))
            own = self.own[:, None] * _cube(_inverse_distances(self.electrodes, places))
            for d in range(3):
                offset, own_offset = (
                    y[:, d, None] - places[:, d] for y in (self.sources, self.electrodes)
                )
                found[:, some, d] = self.strengths @ (cubed * offset) + own * own_offset
        return found / (4 * np.pi)

    def compressed(self, region: np.ndarray, tolerance: float = 1e-4) -> Self:
        """The same fields in a region, of a few of the sources.

        Far from the sources their fields there are nearly dependent: an interpolative
        decomposition (Cheng 2005, doi:10.1137/030602678) writes all as combinations of some.

        Args:
            region: [place, 3] mm, a few hundred places that stand for the region.
            tolerance: on the gradients of the sources at them, relative to the largest.
        """
        offset = self.sources[:, None] - region
        r = np.linalg.norm(offset, axis=2, keepdims=True)
        fields = (offset / r**3).reshape(len(self.sources), -1).T
        triangle, order = qr(fields, mode="r", pivoting=True, check_finite=True)
        size = np.abs(np.diag(triangle))
        rank = int((size > tolerance * size[0]).sum())
        rest = solve_triangular(triangle[:rank, :rank], triangle[:rank, rank:])
        kept, others = order[:rank], order[rank:]
        strengths = self.strengths[:, kept] + self.strengths[:, others] @ rest.T
        few = replace(self, sources=self.sources[kept], strengths=strengths)
        constant = (self.potential(region) - few.potential(region)).mean(axis=1)
        return replace(few, offsets=few.offsets + constant)

    def _pieces(self, points: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Where in the result, and the points that belong there."""
        points = check.finite("points", check.shape("points", points, (None, 3)))
        if (points < self.box[0]).any() or (points > self.box[1]).any():
            raise BadInput("points: some lie outside the body; another frame, or not in mm?")
        for start in range(0, len(points), POINTS_AT_ONCE):
            some = slice(start, min(start + POINTS_AT_ONCE, len(points)))
            yield some, points[some]


def _inverse_distances(sources: np.ndarray, points: np.ndarray) -> np.ndarray:
    """1 / |y - x|: [source, point]."""
    distance = cdist(sources, points)
    if not distance.min(initial=np.inf) > 0:
        raise BadInput("points: one lies on a node of the body's surfaces, or on an electrode")
    return 1.0 / distance


def _cube(values: np.ndarray) -> np.ndarray:
    return values * values * values  # many times faster than a power


def on_skin(skin: Triangles, electrode_points: np.ndarray) -> SkinPoints:
    """The nearest places on the skin.

    Raises:
        BadInput: an electrode is more than 5 mm off it.
    """
    places = attach(*skin, electrode_points)
    gap = np.linalg.norm(places.on(skin.points) - electrode_points, axis=1)
    if gap.max(initial=0.0) > MAX_DISTANCE_MM:
        raise BadInput(
            f"electrode {int(gap.argmax())} is {gap.max():.1f} mm off the skin; another frame, "
            "another body, or not in mm?"
        )
    return places


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
        places = on_skin(skin, electrodes)
        double, single = self._read(places)
        own = 1.0 / double.sum(axis=1)
        weights = self._skin_weights
        reading = own[:, None] * (double - weights) - weights  # deflated as all other rows are
        strengths = lu_solve(self._factor, reading.T, trans=1).T
        mean_inverse = self.body.layers[0].single.sum(axis=1) / self._skin_areas.sum()
        at_electrodes = single / self._skin_areas.sum()
        return BoundaryLeadFields(
            electrodes=places.on(skin.points),
            own=own,
            sources=self.body.nodes,
            strengths=strengths,
            offsets=-strengths @ mean_inverse - own * at_electrodes,
            box=np.stack([skin.points.min(axis=0), skin.points.max(axis=0)]),
        )

    def _read(self, places: SkinPoints) -> tuple[np.ndarray, np.ndarray]:
        """The integral equation at places on the skin.

        Returns:
            double layers of all surfaces, times their steps of conductivity [place, node] mS/mm,
            and the skin's single layer of one [place] mm.
        """
        skin, points = self.body.surfaces[0], places.on(self.body.surfaces[0].points)
        found = [layers(points, *surface) for surface in self.body.surfaces]
        parts = [step * layer.double for step, layer in zip(self.body.steps, found)]
        # The triangles on which a place lies contribute nothing there (principal value), but
        # rounding puts it on one of their sides: what they gave is taken out again.
        for row, (vertices, weights) in enumerate(zip(places.vertices, places.weights)):
            touched = [(skin.faces == v).any(axis=1) for v in vertices[weights > ON_EDGE]]
            own = skin.faces[np.all(touched, axis=0)]
            seen = layers(points[row : row + 1], skin.points, own).double
            parts[0][row : row + 1] -= self.body.steps[0] * seen
        return np.hstack(parts), found[0].single.sum(axis=1)

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
