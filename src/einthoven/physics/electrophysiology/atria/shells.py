"""Two thin-walled ellipsoids above the base of the ventricles, as the simplest atria.

All lengths are in radii of the mitral annulus and all directions in the axes of the ventricles, so
that the atria turn, shift and grow with them: x from the LV's base centre to the RV's (to the
patient's right and front), y = z x x (to the head), z from apex to base (to the back, the head and
the right). The left atrium is above the mitral annulus, the right one above the tricuspid annulus,
which is the lower part of the RV's base. Sizes are those of adults' atria at the end of diastole:
with an annulus of 25 mm the cavities hold 32 ml. There is no wall at the annuli. Veins,
appendages and the septum that both share are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from scipy.spatial.transform import Rotation

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.data.patient.heart import Heart


class Ellipsoid(NamedTuple):
    """Shape of an atrium."""

    centre: tuple[float, float, float]
    """Offset from the centre of its ventricle's base, annulus radii."""
    half_axes: tuple[float, float, float]
    """Half axes of the outer surface, annulus radii."""


SHAPES = {
    "right": Ellipsoid((0.15, -0.3, 0.85), (0.8, 1.0, 0.82)),
    "left": Ellipsoid((-0.2, 0.1, 0.9), (0.95, 0.9, 0.8)),
}
"""Atrium -> its shape."""
ANNULUS = -0.77
"""The wall ends where a direction from the centre has this component along z: 40 degrees."""
N_SUBDIVISIONS = 3
"""Subdivisions of an icosahedron: edges of 4 mm."""


class AtrialPlace(NamedTuple):
    """A place on the outer surface of an atrium."""

    atrium: str
    x: float
    y: float
    z: float

    @property
    def direction(self) -> np.ndarray:
        """Unit vector [3] from the centre, axes of the ventricles, before the axes' stretch."""
        vector = np.array([self.x, self.y, self.z])
        return vector / np.linalg.norm(vector)


@dataclass(frozen=True, eq=False)
class AtrialWall:
    """Tetrahedra of both walls, in the frame of the ventricles' mesh (mm)."""

    muscle: Heart
    """Nodes and cells; no facets."""
    directions: dict[str, np.ndarray]
    """Atrium -> direction of each column of nodes [column, 3]."""
    first: dict[str, int]
    """Atrium -> its first node. Outer nodes come first, then the inner ones in the same order."""

    @classmethod
    def of(
        cls,
        heart: Heart,
        walls_mm: Mapping[str, float],
        size: float = 1.0,
        n_subdivisions: int = N_SUBDIVISIONS,
    ) -> Self:
        """Atria of some ventricles.

        Args:
            heart: ventricles.
            walls_mm: atrium -> thickness of its wall.
            size: factor on the sizes in proportion to the ventricles.
            n_subdivisions: of an icosahedron, for the mesh.

        Raises:
            BadInput: the heart has no right ventricle, or the wall is thicker than the atria.
        """
        axes, bases, radius = _frame(heart)
        points, cells, directions, first = [], [], {}, {}
        sphere, faces = unit_sphere(n_subdivisions, ANNULUS)
        n = 0
        for name, shape in SHAPES.items():
            half_axes = radius * size * np.array(shape.half_axes)
            # the atrium keeps its distance from the base when it grows
            centre = bases[name] + radius * size * np.array(shape.centre) @ axes
            shell = thin_shell(sphere, faces, half_axes, walls_mm[name])
            points.append(centre + shell.points @ axes)
            cells.append(n + shell.cells)
            directions[name], first[name] = sphere, n
            n += len(shell.points)
        none = np.empty((0, 3), np.int64), np.empty(0, np.int8)
        muscle = Heart(np.concatenate(points), np.concatenate(cells), *none)
        return cls(muscle, directions, first)

    def turned(self, heart: Heart, angles_deg: tuple[float, float, float]) -> Self:
        """Both atria turned about their middle by angles about the ventricles' x, y and z."""
        if not any(angles_deg):
            return self
        axes, _, _ = _frame(heart)
        turn = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
        middle = self.muscle.points.mean(axis=0)
        points = middle + (self.muscle.points - middle) @ (axes.T @ turn @ axes).T
        return replace(self, muscle=replace(self.muscle, points=points))

    def node(self, place: AtrialPlace) -> int:
        """The outer node nearest to a place."""
        towards = self.directions[place.atrium] @ place.direction
        return self.first[place.atrium] + int(np.argmax(towards))

    def outer(self, atrium: str) -> np.ndarray:
        """Points [column, 3] mm of an atrium's outer surface."""
        first = self.first[atrium]
        return self.muscle.points[first : first + len(self.directions[atrium])]


def _frame(heart: Heart) -> tuple[np.ndarray, dict[str, np.ndarray], float]:
    """Axes (rows) of the ventricles, base centre of each atrium's ventricle, and annulus radius.

    Raises:
        BadInput: there is no right ventricle.
    """
    if not heart.has_rv:
        raise BadInput("atria: the heart has no right ventricle, above which the right atrium is")
    left_rim = heart.points[heart.annulus(Surface.LV_ENDO)]
    right_rim = heart.points[heart.annulus(Surface.RV_ENDO)]
    left, right = left_rim.mean(axis=0), right_rim.mean(axis=0)
    z = heart.long_axis
    x = (right - left) - (right - left) @ z * z
    x /= np.linalg.norm(x)
    radius = np.linalg.norm(left_rim - left, axis=1).mean()
    return np.stack([x, np.cross(z, x), z]), {"left": left, "right": right}, float(radius)


class Shell(NamedTuple):
    """A wall of one layer of prisms, each of three tetrahedra."""

    points: np.ndarray
    """[2 n, 3] mm, the outer nodes first."""
    cells: np.ndarray
    """[cell, 4], positively oriented."""


def thin_shell(
    directions: np.ndarray, faces: np.ndarray, half_axes: np.ndarray, wall_mm: float
) -> Shell:
    """The wall of an ellipsoid about the origin, with its axes along the coordinates.

    Args:
        directions: [n, 3] unit vectors. faces: [face, 3].
        half_axes: [3] mm of the outer surface.
        wall_mm: thickness at the ends of the axes.

    Raises:
        BadInput: the wall is thicker than half of the least half axis.
    """
    if wall_mm > half_axes.min() / 2:
        raise BadInput(
            f"atria.wall_mm: {wall_mm:g} is more than half of the least half axis of an atrium, "
            f"{half_axes.min():.1f} mm; is the heart in mm?"
        )
    points = np.concatenate([directions * half_axes, directions * (half_axes - wall_mm)])
    # sorted corners give both prisms at a side the same diagonal
    a, b, c = np.sort(faces, axis=1).T
    inner_a, inner_b, inner_c = (len(directions) + corner for corner in (a, b, c))
    three = ((a, b, c, inner_c), (a, b, inner_b, inner_c), (a, inner_a, inner_b, inner_c))
    cells = np.concatenate([np.stack(corners, axis=1) for corners in three])
    inverted = tet_volumes(points, cells) < 0
    cells[inverted] = cells[inverted][:, [1, 0, 2, 3]]
    return Shell(points, cells)


@lru_cache
def unit_sphere(n_subdivisions: int, least_z: float = -2.0) -> tuple[np.ndarray, np.ndarray]:
    """The part of a subdivided icosahedron on the unit sphere that is above a height.

    Args:
        n_subdivisions: each quarters the triangles.
        least_z: least mean height of a triangle's corners.

    Returns:
        Points [n, 3] and faces [face, 3], outward.
    """
    golden = (1.0 + 5.0**0.5) / 2.0
    corners = [(0.0, a, b * golden) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
    points = np.array([np.roll(corner, k) for k in range(3) for corner in corners])
    near = np.isclose(np.linalg.norm(points[:, None] - points, axis=2), 2.0)
    faces = np.array([(i, j, k) for i in range(12) for j in range(i) for k in range(j)
                      if near[i, j] and near[j, k] and near[i, k]])  # fmt: skip
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    for _ in range(n_subdivisions):
        points, faces = _quartered(points, faces)
    outward = np.einsum("ij,ij->i", points[faces[:, 0]],
                        np.cross(points[faces[:, 1]], points[faces[:, 2]]))  # fmt: skip
    faces[outward < 0] = faces[outward < 0][:, [1, 0, 2]]
    faces = faces[points[faces][:, :, 2].mean(axis=1) > least_z]
    used = np.unique(faces)
    return points[used], np.searchsorted(used, faces)


def _quartered(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each triangle of a sphere's mesh as four, with the new points on the sphere."""
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    sides, which = np.unique(sides, axis=0, return_inverse=True)
    middles = points[sides].mean(axis=1)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    ab, bc, ca = (len(points) + which.reshape(-1, 3)).T
    a, b, c = faces.T
    four = [np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return np.concatenate([points, middles]), np.concatenate(four)
