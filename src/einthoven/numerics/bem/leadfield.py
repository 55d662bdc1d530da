"""Lead fields of skin electrodes in a piecewise homogeneous torso, by reciprocity.

A unit current enters at x inside the body and leaves evenly over the skin. Its potential solves K
phi = g(y) = 1 / (4 pi |y - x|) - V(y), with K of `bem.bem_body` and V the mean over the skin of 1 /
(4 pi |y - y'|). A zero mean on the skin makes it unique: K -> K + 1 w', with w the area weights of
the skin (deflation, Barnard 1967). By reciprocity, phi at electrode e is the lead field of e at x.
It is evaluated by the integral equation at e (iterated collocation, Sloan 1976): c phi(e) = g(e) +
sum_y d(y) phi(y), with d the double layer at e and c the sum of d. With b the row of the inverse
for d / c, deflated and relative to the mean on the skin,

    Z(x, e) = 1 / (4 pi c |e - x|) + sum_y b(y) / (4 pi |y - x|) + constant:

a point source at the electrode and a smooth remainder from the nodes. Linear interpolation of phi
between nodes is several times less accurate, because the source is near.

Each electrode costs one back-substitution for b. The error falls with the square of the edge length
where x is more than about one edge away from every surface. Nearer, the point sources at the nodes
become visible and a finer surface is needed.

References:
    Barnard, Duck, Lynn, Timlake, Biophys J 7:463 (1967), doi:10.1016/S0006-3495(67)86599-8;
    Sloan, Math Comp 30:758 (1976), doi:10.1090/S0025-5718-1976-0428762-8, for integral equations
    of the second kind; the integral equation and its conductivities as in `bem.bem_body`.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numba
import numpy as np
from scipy.linalg import lu_factor, lu_solve, qr, solve_triangular
from scipy.spatial.distance import cdist

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.threads import in_blocks
from einthoven.base.geometry.barycentric import SkinPoints, tie
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.surface_operators import lumped_areas
from einthoven.numerics.bem.bem_body import BemBody, Triangles
from einthoven.numerics.bem.integrals import layers

MAX_DISTANCE_MM = 5.0
"""An electrode farther from the skin than this is rejected as a mistake, as with finite elements.
"""
POINTS_AT_ONCE = 1024
TOLERANCE = 3e-5
PLACES_PER_CHOICE = 2
"""One in this many points chooses the sources; all points determine their strengths."""
ON_EDGE = 1e-9
"""An electrode with less barycentric weight than this at a corner lies on the opposite edge, or in
a vertex."""


@dataclass(frozen=True)
class BoundaryLeadFields:
    """Lead fields of some electrodes, anywhere inside a body, as sums of point sources."""

    electrodes: np.ndarray
    """[electrode, 3] mm, on the skin."""
    sources: np.ndarray
    """[source, 3] mm: nodes of all surfaces, and the electrodes."""
    strengths: np.ndarray
    """[electrode, source] mm/mS: b, and 1 / c for each electrode's source at itself. Gradients have
    the precision of this array."""
    offsets: np.ndarray
    """[electrode] kOhm."""
    box: np.ndarray
    """[2, 3] mm, minimum and maximum of the skin."""
    threads: int = 1
    """Number of threads; results do not depend on it."""

    def potential(self, points: np.ndarray) -> np.ndarray:
        """Z at points [point, 3] mm inside the skin: [electrode, point] kOhm.

        Its mean on the skin is zero. It is largest at its electrode.

        Raises:
            BadInput: a point is NaN, outside the body's box, or on a node or an electrode.
        """
        points = self._checked(points)
        found = np.empty((len(self.strengths), len(points)))

        def fill(some: slice) -> None:
            distance = cdist(self.sources, points[some])
            _refuse_touching(not distance.min(initial=np.inf) > 0)
            found[:, some] = self.strengths @ (1.0 / distance)

        in_blocks(fill, len(points), POINTS_AT_ONCE, self.threads)
        return found / (4 * np.pi) + self.offsets[:, None]

    def gradient(self, points: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
        """Gradient of Z at points [point, 3] mm: [electrode, point, 3] kOhm/mm.

        Components are along orthonormal axes [3, axis], by default x, y, z.

        Raises:
            BadInput: as `potential`.
        """
        points = self._checked(points)
        found = np.empty((len(self.strengths), 3 * len(points)), self.strengths.dtype)

        def fill(some: slice) -> None:
            fields = self.source_gradients(points[some], axes).reshape(len(self.sources), -1)
            np.matmul(self.strengths, fields, out=found[:, 3 * some.start : 3 * some.stop])

        in_blocks(fill, len(points), POINTS_AT_ONCE, self.threads)
        return found.reshape(len(self.strengths), len(points), 3)

    def source_gradients(self, points: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
        """Gradients [source, point, 3] 1/mm^2 of each source with strength one, as `gradient`.

        Linear operations on lead fields can be done on these first and combined by `strengths`
        after.
        """
        points, sources = self._checked(points), self.sources
        if axes is not None:
            points, sources = points @ axes, sources @ axes
        found = np.empty((len(sources), len(points), 3), self.strengths.dtype)
        _refuse_touching(_fill_gradients(sources, points.T.copy(), found) > 0)
        return found

    def compressed(self, region: np.ndarray, tolerance: float = TOLERANCE) -> Self:
        """The same fields in a region, by a subset of the sources and in single precision.

        Far from the sources their fields are nearly dependent. A subset is chosen by QR with
        pivoting (Cheng 2005, doi:10.1137/030602678) and fitted to each electrode's field. A few
        hundred points [place, 3] mm represent the region; the tolerance on the gradients there is
        relative to the largest.
        """
        fields = self.source_gradients(region).reshape(len(self.sources), -1)
        some = self.source_gradients(region[::PLACES_PER_CHOICE]).reshape(len(self.sources), -1)
        some *= np.linalg.norm(self.strengths, axis=0)[:, None]
        triangle, order = qr(some.T, mode="r", pivoting=True, check_finite=False)
        size = np.abs(np.diag(triangle))
        kept = np.sort(order[: int((size > tolerance * size[0]).sum())])
        q, r = qr(fields[kept].T, mode="economic", check_finite=False)
        strengths = solve_triangular(r, q.T @ (fields.T @ self.strengths.T)).T
        few = replace(self, sources=self.sources[kept], strengths=strengths.astype(np.float32))
        constant = (self.potential(region) - few.potential(region)).mean(axis=1)
        return replace(few, offsets=few.offsets + constant)

    def _checked(self, points: np.ndarray) -> np.ndarray:
        points = check.finite("points", check.shape("points", points, (None, 3)))
        if (points < self.box[0]).any() or (points > self.box[1]).any():
            raise BadInput(
                "points: some lie outside the body; is the frame another one, or the unit not mm?"
            )
        return np.asarray(points, dtype=np.float64)


def _refuse_touching(touching: bool) -> None:
    if touching:
        raise BadInput("points: one lies on a node of the body's surfaces, or on an electrode")


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def _fill_gradients(sources: np.ndarray, points: np.ndarray, found: np.ndarray) -> int:
    """Fill found[source, point, 3] with gradients of 1 / (4 pi r); count points on a source."""
    px, py, pz = points[0], points[1], points[2]
    touching = 0
    for s in range(len(sources)):
        of_source, (sx, sy, sz) = found[s], sources[s]
        for i in range(len(px)):
            x, y, z = sx - px[i], sy - py[i], sz - pz[i]
            square = x * x + y * y + z * z
            touching += square == 0
            cubed = 1.0 / (4 * np.pi * square * np.sqrt(square))
            of_source[i, 0], of_source[i, 1], of_source[i, 2] = x * cubed, y * cubed, z * cubed
    return touching


def on_skin(skin: Triangles, electrode_points: np.ndarray) -> SkinPoints:
    """Nearest points on the skin.

    Raises:
        BadInput: an electrode is more than 5 mm off the skin.
    """
    nearest = TriangleTree(*skin).closest(check.finite("electrode_points", electrode_points))
    places = tie(skin.points, skin.faces[nearest.faces], nearest.points)
    gap = np.linalg.norm(places.on(skin.points) - electrode_points, axis=1)
    if gap.max(initial=0.0) > MAX_DISTANCE_MM:
        raise BadInput(
            f"electrode {int(gap.argmax())} is {gap.max():.1f} mm off the skin; another frame, "
            "another body, or not in mm?"
        )
    return places


@dataclass(frozen=True)
class LeadFieldProblem:
    """A body, prepared once for the lead fields of many electrodes."""

    body: BemBody

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
        reading = own[:, None] * (double - weights) - weights  # deflated like all other rows
        of_nodes = lu_solve(self._factor, reading.T, trans=1, check_finite=False).T
        mean_inverse = self.body.layers[0].single.sum(axis=1) / self._skin_areas.sum()
        at_electrodes = single / self._skin_areas.sum()
        at = places.on(skin.points)
        return BoundaryLeadFields(
            electrodes=at,
            sources=np.concatenate([self.body.nodes, at]),
            strengths=np.hstack([of_nodes, np.diag(own)]),
            offsets=-of_nodes @ mean_inverse - own * at_electrodes,
            box=np.stack([skin.points.min(axis=0), skin.points.max(axis=0)]),
            threads=self.body.threads,
        )

    def _read(self, places: SkinPoints) -> tuple[np.ndarray, np.ndarray]:
        """The integral equation at points on the skin.

        Returns:
            Double layers of all surfaces times their conductivity steps [place, node] mS/mm, and
            the skin's single layer of the constant 1 [place] mm.
        """
        skin, points = self.body.surfaces[0], places.on(self.body.surfaces[0].points)
        found = [layers(points, *surface, self.body.threads) for surface in self.body.surfaces]
        parts = [step * layer.double for step, layer in zip(self.body.steps, found)]
        # Triangles on which a point lies contribute nothing there (principal value). Rounding puts
        # the point on one of their sides, so their contribution is removed again.
        for row, (vertices, weights) in enumerate(zip(places.vertices, places.weights)):
            touched = [(skin.faces == v).any(axis=1) for v in vertices[weights > ON_EDGE]]
            own = skin.faces[np.all(touched, axis=0)]
            seen = layers(points[row : row + 1], skin.points, own).double
            parts[0][row : row + 1] -= self.body.steps[0] * seen
        return np.hstack(parts), found[0].single.sum(axis=1)

    @cached_property
    def _factor(self) -> tuple[np.ndarray, np.ndarray]:
        matrix = self.body.double_layer_matrix + self._skin_weights
        return lu_factor(matrix, overwrite_a=True, check_finite=False)

    @cached_property
    def _skin_areas(self) -> np.ndarray:
        return lumped_areas(*self.body.surfaces[0])

    @cached_property
    def _skin_weights(self) -> np.ndarray:
        """Area weights w [node]: w . u is the mean over the skin of a function on all nodes."""
        weights = np.zeros(len(self.body.nodes))
        weights[self.body.parts[0]] = self._skin_areas / self._skin_areas.sum()
        return weights
