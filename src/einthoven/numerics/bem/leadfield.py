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
from einthoven.numerics.bem.bem_body import BemBody
from einthoven.numerics.bem.integrals import layers
from einthoven.numerics.bem.surface import Triangles

MAX_DISTANCE_MM = 5.0
"""An electrode farther from the skin than this is taken for a mistake, as with finite elements."""
POINTS_AT_ONCE = 1024
TOLERANCE = 3e-5
PLACES_PER_CHOICE = 2
"""One of so many places tells which sources are needed; all tell how strong they are."""
ON_EDGE = 1e-9
"""An electrode of less weight at a corner lies on the opposite edge, or in a vertex."""


@dataclass(frozen=True)
class BoundaryLeadFields:
    """Lead fields of some electrodes, anywhere inside a body, as those of point sources."""

    electrodes: np.ndarray
    """[electrode, 3] mm, on the skin."""
    sources: np.ndarray
    """[source, 3] mm: nodes of all surfaces, and the electrodes."""
    strengths: np.ndarray
    """[electrode, source] mm/mS: b, and 1 / c of each electrode's source at itself. Gradients are
    of their precision."""
    offsets: np.ndarray
    """[electrode] kOhm."""
    box: np.ndarray
    """[2, 3] mm, minimum and maximum of the skin."""
    threads: int = 1
    """That work at once; results do not depend on it."""

    def potential(self, points: np.ndarray) -> np.ndarray:
        """Z at points [point, 3] mm inside the skin: [electrode, point] kOhm.

        Its mean on the skin is zero; it is largest at its electrode.

        Raises:
            BadInput: NaN, or points that lie outside the body's box, on a node or an electrode.
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

        Args:
            points: [point, 3] mm.
            axes: [3, axis] orthonormal, in which to give components; by default those of x, y, z.

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

        What is linear in lead fields can be done on these, and mixed by `strengths` at the end.
        """
        points, sources = self._checked(points), self.sources
        if axes is not None:
            points, sources = points @ axes, sources @ axes
        found = np.empty((len(sources), len(points), 3), self.strengths.dtype)
        _refuse_touching(_fill_gradients(sources, points.T.copy(), found) > 0)
        return found

    def compressed(self, region: np.ndarray, tolerance: float = TOLERANCE) -> Self:
        """The same fields in a region, of a few of the sources and in single precision.

        Far from the sources their fields there are nearly dependent: some are chosen by QR with
        pivoting (Cheng 2005, doi:10.1137/030602678), and fitted to each electrode's field.

        Args:
            region: [place, 3] mm, a few hundred places that stand for the region.
            tolerance: on the gradients that sources make there, relative to the largest.
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
            raise BadInput("points: some lie outside the body; another frame, or not in mm?")
        return np.asarray(points, dtype=np.float64)


def _refuse_touching(touching: bool) -> None:
    if touching:
        raise BadInput("points: one lies on a node of the body's surfaces, or on an electrode")


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def _fill_gradients(sources: np.ndarray, points: np.ndarray, found: np.ndarray) -> int:
    """Gradients found[source, point, 3] of 1 / (4 pi r) at points [3, point]; how many touch."""
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
    """The nearest places on the skin.

    Raises:
        BadInput: an electrode is more than 5 mm off it.
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
    """A body, prepared once for lead fields of many electrodes."""

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
        reading = own[:, None] * (double - weights) - weights  # deflated as all other rows are
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
        """The integral equation at places on the skin.

        Returns:
            double layers of all surfaces, times their steps of conductivity [place, node] mS/mm,
            and the skin's single layer of one [place] mm.
        """
        skin, points = self.body.surfaces[0], places.on(self.body.surfaces[0].points)
        found = [layers(points, *surface, self.body.threads) for surface in self.body.surfaces]
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
        matrix = self.body.double_layer_matrix + self._skin_weights
        return lu_factor(matrix, overwrite_a=True, check_finite=False)

    @cached_property
    def _skin_areas(self) -> np.ndarray:
        return lumped_areas(*self.body.surfaces[0])

    @cached_property
    def _skin_weights(self) -> np.ndarray:
        """w: [node], the mean over the skin of functions on all surfaces."""
        weights = np.zeros(len(self.body.nodes))
        weights[self.body.parts[0]] = self._skin_areas / self._skin_areas.sum()
        return weights
