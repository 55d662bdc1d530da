"""Double-layer equations of a piecewise homogeneous body, exact for constant potentials.

Green's identity in every compartment, multiplied by its conductivity and summed, gives at a node x
of any surface k with conductivities in_k and out_k on its two sides (Geselowitz 1967)

    [sum_k (in_k - out_k) w_k(x)] phi(x) - sum_k (in_k - out_k) (1 / 4 pi) int_k phi dOmega = b(x),

where w_k is the fraction of 4 pi under which surface k is seen from x, and b is the potential of
the sources in an unbounded body of 1 mS/mm. With w from the row sums of the discrete double layer
("automatic solid angles") a constant potential gives b = 0 to round-off.

References:
    Geselowitz, Biophys J 7:1 (1967), doi:10.1016/S0006-3495(67)86571-8.
    Barr, Ramsey, Spach, IEEE Trans Biomed Eng 24:1 (1977), doi:10.1109/TBME.1977.326201.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import logger
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.base.geometry.triangles import face_edges, face_pieces, unique_edges
from einthoven.numerics.bem.integrals import Layers, layers

FLAT = 1e-10
"""A triangle with less area than this times its longest side squared has no normal."""
SEEN = 1e-6
"""Solid angle, as a share of the whole sphere, above which a surface is seen from a node: more than
rounding, and less than a node inside or on a surface sees."""


class Triangles(NamedTuple):
    """A closed surface; any pair (points, faces) can be passed for one."""

    points: np.ndarray
    """[node, 3] mm."""
    faces: np.ndarray
    """[face, 3], outward."""


def closed_surface(name: str, surface: tuple[np.ndarray, np.ndarray]) -> Triangles:
    """A surface fit for boundary elements, in float64; inward triangles are reoriented.

    points [node, 3] mm and faces [face, 3]; the name is used in messages.

    Raises:
        BadInput: it is open, disconnected, inconsistently oriented, or degenerate; a node coincides
            with another or belongs to no triangle.
    """
    points, faces = (np.asarray(array) for array in surface)
    check.finite(f"{name}: points", check.shape(f"{name}: points", points, (None, 3)))
    check.shape(f"{name}: faces", faces, (None, 3))
    points = points.astype(np.float64)
    if len(faces) == 0 or faces.min() < 0 or faces.max() >= len(points):
        raise BadInput(
            f"{name}: faces are empty or name a node outside 0 to {len(points) - 1}; is it 1-based?"
        )
    if unused := len(points) - len(np.unique(faces)):
        raise BadInput(f"{name}: {unused} nodes belong to no triangle; leave them out")
    if twice := len(points) - len(np.unique(points, axis=0)):
        raise BadInput(f"{name}: {twice} nodes coincide with others; merge them")
    _check_triangles(name, points, faces)
    if enclosed_volume(points, faces) < 0:
        logger.info("%s: its triangles point inwards and were reoriented", name)
        faces = faces[:, ::-1]
    return Triangles(points, faces)


def _check_triangles(name: str, points: np.ndarray, faces: np.ndarray) -> None:
    """Check that it is closed, connected and consistently oriented, with no flat triangle."""
    ends, count = unique_edges(faces)
    sides = np.linalg.norm(points[ends[:, 0]] - points[ends[:, 1]], axis=1)
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    if flat := int((area < FLAT * sides.max() ** 2).sum()):
        raise BadInput(f"{name}: {flat} triangles have no area; remove them")
    if wrong := int((count != 2).sum()):
        raise BadInput(
            f"{name}: {wrong} of {len(ends)} edges do not have two triangles; the surface must "
            "be closed (are the valves open, or nodes doubled along a seam?)"
        )
    if len(np.unique(face_edges(faces), axis=0)) < 3 * len(faces):
        raise BadInput(f"{name}: neighbouring triangles are oriented against each other")
    if (n := len(face_pieces(faces))) > 1:
        raise BadInput(f"{name}: it has {n} connected components; pass each as a separate surface")


@dataclass(frozen=True)
class Inclusion:
    """A closed surface inside the torso, and the conductivity inside it."""

    points: np.ndarray
    """[node, 3] mm."""
    faces: np.ndarray
    """[face, 3]."""
    conductivity: float
    """mS/mm; 0 is an insulator."""
    name: str = "inclusion"
    """Name used in messages."""


@dataclass(frozen=True)
class BemBody:
    """An insulated torso with disjoint inclusions, e.g. lungs or a heart.

    Raises:
        BadInput: a surface is not as `closed_surface` wants it, an inclusion does not lie
            inside the skin and outside the others, the torso is not 50 to 5000 mm large, or a
            conductivity is negative.
    """

    skin: tuple[np.ndarray, np.ndarray]
    """points [node, 3] mm and faces [face, 3]."""
    conductivity: float = 1.0
    """Conductivity of the torso, mS/mm."""
    inclusions: Sequence[Inclusion] = ()
    threads: int = 1
    """Number of threads that compute the layers; results do not depend on it."""

    def __post_init__(self) -> None:
        size = float(np.ptp(self.surfaces[0].points, axis=0).max())
        check.between("size of the torso in mm", size, 50, 5000, "are the points in m or cm?")
        inside = [inclusion.conductivity for inclusion in self.inclusions]
        if not self.conductivity > 0 or min(inside, default=0.0) < 0:
            raise BadInput("conductivity: must be positive in the torso, and nowhere negative")
        _ = self.layers  # checks how the surfaces lie to each other, by their nodes
        for k, other in combinations(range(len(self.surfaces)), 2):
            if _cross(self.surfaces[k], self.surfaces[other]):
                raise BadInput(self._misplaced(k, other))

    @cached_property
    def surfaces(self) -> list[Triangles]:
        """All surfaces, the skin first."""
        pairs = [self.skin, *((part.points, part.faces) for part in self.inclusions)]
        return [closed_surface(name, pair) for name, pair in zip(self._names, pairs)]

    @property
    def _names(self) -> list[str]:
        return ["skin", *(part.name for part in self.inclusions)]

    @cached_property
    def nodes(self) -> np.ndarray:
        """Nodes of all surfaces, the skin's first: [node, 3] mm."""
        return np.concatenate([surface.points for surface in self.surfaces])

    @cached_property
    def parts(self) -> list[slice]:
        """Index range of each surface's nodes among all nodes."""
        ends = np.cumsum([0, *(len(surface.points) for surface in self.surfaces)])
        return [slice(start, end) for start, end in zip(ends, ends[1:])]

    @cached_property
    def layers(self) -> list[Layers]:
        """Layer potentials of each surface at all nodes."""
        found = [layers(self.nodes, *surface, self.threads) for surface in self.surfaces]
        for k, layer in enumerate(found):
            seen = layer.double.sum(axis=1)
            for other, part in enumerate(self.parts):
                # all inclusions are inside the skin, and nothing is inside an inclusion
                expected = float(k == 0 and other > 0)
                if other != k and np.abs(seen[part] - expected).max() > SEEN:
                    raise BadInput(self._misplaced(k, other))
        return found

    @property
    def steps(self) -> np.ndarray:
        """Conductivity inside minus outside, per surface: [surface] mS/mm."""
        inside = [self.conductivity, *(part.conductivity for part in self.inclusions)]
        return np.array(inside) - [0.0, *(self.conductivity for _ in self.inclusions)]

    @cached_property
    def double_layer_matrix(self) -> np.ndarray:
        """Matrix K of K phi = b: [node, node] mS/mm; its rows sum to zero."""
        matrix = -np.hstack([step * layer.double for step, layer in zip(self.steps, self.layers)])
        np.fill_diagonal(matrix, 0.0)
        np.fill_diagonal(matrix, -matrix.sum(axis=1))
        return matrix

    def _misplaced(self, k: int, other: int) -> str:
        if k == 0:
            return f"{self._names[other]}: crosses, touches or leaves the skin"
        return f"{self._names[other]}: a part lies in or on {self._names[k]}, or crosses it"


def _cross(one: Triangles, other: Triangles) -> bool:
    """Whether edges of one surface pierce triangles of the other, which the nodes need not show."""
    for _ in range(2):  # keep what lies in the other's box, which the first pass shrinks
        one, other = _within(one, other), _within(other, one)
        if not len(one.faces) or not len(other.faces):
            return False
    points = np.concatenate([one.points, other.points])
    faces = np.concatenate([one.faces, other.faces + len(one.points)])
    pairs = intersecting_pairs(points, faces) < len(one.faces)
    return bool((pairs[:, 0] != pairs[:, 1]).any())


def _within(surface: Triangles, other: Triangles) -> Triangles:
    """Triangles of a surface whose boxes meet the box of the other surface."""
    corners, box = surface.points[surface.faces], other.points[other.faces].reshape(-1, 3)
    below = (corners.min(axis=1) <= box.max(axis=0)).all(axis=1)
    above = (corners.max(axis=1) >= box.min(axis=0)).all(axis=1)
    return Triangles(surface.points, surface.faces[below & above])
