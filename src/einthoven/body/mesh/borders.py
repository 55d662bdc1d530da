"""Lines in which two surfaces of the muscle meet, restored in a mesh that was cut without them.

A lattice knows the muscle by its distance alone, so it bevels the sharp edge of the base. Facets
of the bevel join two surfaces, and a fast endocardium would conduct along them. Here nodes are put
on the lines: a node that is close moves there, or else the edge across the line is halved there.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, Self

import numpy as np

from einthoven.base.core.log import logger
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.simplex import TET_EDGES, TET_FACES, unique_sides
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import euler_number, face_edges, unique_edges
from einthoven.body.mesh.quality import gamma_quality, relocate_nodes
from einthoven.body.mesh.thin_walls import bisected
from einthoven.data.patient.heart import MUSCLE_SURFACES

ON = 0.02
"""A node this close to a surface, in lattice constants, is on it."""
REACH = 2.0
"""Nodes this close to a line, in lattice constants, take part."""
NEAR = 0.4
"""Share of a crossing edge: an end this close to the line is moved onto it."""
LEAST = 0.1
"""Quality below which no cell falls by a node on a line."""
ROUNDS = 2
DIGITS = 6
"""Decimals of lengths in mm that decide an order, so that round-off does not."""


@dataclass(frozen=True, eq=False)
class WallSurfaces:
    """Surfaces of the muscle, and the lines in which two of them meet."""

    tags: np.ndarray
    """[surface] core.tags.Surface."""
    trees: tuple[TriangleTree, ...]
    """[surface] its triangles."""
    lines: dict[tuple[int, int], TriangleTree]
    """Numbers of two surfaces, rising -> the edges in which they meet."""

    @classmethod
    def of(cls, body: Surfaces) -> Self:
        """Surfaces and lines of a body; a tag without a triangle is no surface."""
        tags = np.array([tag for tag in MUSCLE_SURFACES if (body.face_tags == tag).any()])
        trees = tuple(TriangleTree(body.points, body.tagged(tag)) for tag in tags)
        sides = [np.sort(face_edges(tree.faces), axis=1).astype(np.int64) for tree in trees]
        keys = [np.unique(side @ [len(body.points), 1]) for side in sides]
        lines = {}
        for i, k in combinations(range(len(tags)), 2):
            both = np.intersect1d(keys[i], keys[k])
            if len(both):
                a, b = np.divmod(both, len(body.points))
                lines[i, k] = TriangleTree(body.points, np.stack([a, b, b], axis=1))
        return cls(tags, trees, lines)

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Distances of points [point, 3] to the surfaces: [point, surface] mm."""
        return np.stack([tree.closest(points).distance for tree in self.trees], axis=1)

    def to_lines(self, points: np.ndarray) -> np.ndarray:
        """Distances [point] mm of points [point, 3] to the nearest line; infinite without lines."""
        found = [line.closest(points).distance for line in self.lines.values()]
        return np.min([np.full(len(points), np.inf), *found], axis=0)

    def on_lines(self, points: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """Closest places [point, 3] mm of the lines between pairs [point, 2] of surfaces.

        Two surfaces that do not meet, such as both sides of a wall, take the nearest line of all.
        """
        all_faces = np.concatenate([line.faces for line in self.lines.values()])
        vertices = next(iter(self.lines.values())).vertices
        places = TriangleTree(vertices, all_faces).closest(points).points
        for pair, line in self.lines.items():
            some = (np.sort(pairs, axis=1) == pair).all(axis=1)
            places[some] = line.closest(points[some]).points
        return places


class Crossings(NamedTuple):
    """Surface edges of a mesh that cross a line between two surfaces."""

    edges: np.ndarray
    """[edge, 2], the nodes of each rising."""
    share: np.ndarray
    """[edge] share of the edge before the line, 0 to 1."""
    places: np.ndarray
    """[edge, 3] mm on the line."""

    @classmethod
    def of(cls, wall: WallSurfaces, points: np.ndarray, edges: np.ndarray, on_mm: float) -> Self:
        """Edges of some [edge, 2] whose ends have no surface in common.

        A node is of all surfaces within `on_mm`, or else of the nearest one.
        """
        nodes, ends = np.unique(edges, return_inverse=True)
        apart, ends = wall.distances(points[nodes]), ends.reshape(-1, 2)
        of = (apart <= on_mm) | (apart == apart.min(axis=1, keepdims=True))
        kept = ~(of[ends[:, 0]] & of[ends[:, 1]]).any(axis=1)
        edges, (one, other) = edges[kept], ends[kept].T
        first, second = apart[one].argmin(axis=1), apart[other].argmin(axis=1)
        row = np.arange(len(edges))
        ahead, behind = apart[one][row, second], apart[other][row, first]
        share = ahead / (ahead + behind)
        way = points[edges[:, 1]] - points[edges[:, 0]]
        at = points[edges[:, 0]] + share[:, None] * way
        return cls(edges, share, wall.on_lines(at, np.stack([first, second], axis=1)))


def with_borders(
    wall: WallSurfaces, points: np.ndarray, cells: np.ndarray, size: float
) -> tuple[np.ndarray, np.ndarray]:
    """A mesh of the muscle with nodes and edges on the lines in which its surfaces meet.

    Lines remain bevelled where a cell would fall below quality `LEAST`, which is some per cent of
    the edges that cross them. Cells away from lines remain as they are.

    Args:
        wall: of the muscle, in the frame of the points.
        points: [node, 3] mm.
        cells: [cell, 4] positively oriented.
        size: lattice constant, mm.

    Returns:
        Points [node, 3] mm and cells [cell, 4].
    """
    if not wall.lines:
        return points, cells
    cells, left = cells.astype(np.int64), 0
    for _ in range(ROUNDS):
        near = wall.to_lines(points) < REACH * size
        some = near[cells].any(axis=1)
        facets, star = _outer(cells), cells[some]
        edges = unique_edges(facets[near[facets].all(axis=1)])[0].astype(np.int64)
        points = _onto_surfaces(wall, points, star, np.unique(edges), ON * size)
        points = _onto_lines(points, star, Crossings.of(wall, points, edges, ON * size))
        found = Crossings.of(wall, points, edges, ON * size)
        points, star, left = _halved(wall, points, star, found, ON * size)
        fixed = np.zeros(len(points), bool)
        fixed[_outer(star)] = True
        points, _, _ = relocate_nodes(points, star, fixed)
        cells = np.concatenate([cells[~some], star])
    logger.info("%d surface edges still cross the border of two surfaces", left)
    used, numbers = np.unique(cells, return_inverse=True)
    return points[used], numbers.reshape(-1, 4)


def _onto_surfaces(
    wall: WallSurfaces, points: np.ndarray, star: np.ndarray, nodes: np.ndarray, on_mm: float
) -> np.ndarray:
    """Points [node, 3] with nodes that are off all surfaces moved onto the nearest one."""
    found = [tree.closest(points[nodes]) for tree in wall.trees]
    apart = np.stack([one.distance for one in found])
    places = np.stack([one.points for one in found])[apart.argmin(axis=0), np.arange(len(nodes))]
    off = apart.min(axis=0) > on_mm
    return _moved(points, star, nodes[off], places[off])


def _onto_lines(points: np.ndarray, star: np.ndarray, found: Crossings) -> np.ndarray:
    """Points [node, 3] with ends of crossing edges moved onto the line, each by the least way."""
    node = found.edges.T.ravel()
    share, place = np.r_[found.share, 1.0 - found.share], np.tile(found.places, (2, 1))
    way = np.linalg.norm(place - points[node], axis=1)
    order = np.lexsort((way.round(DIGITS), node))
    order = order[share[order] < NEAR]
    node, first = np.unique(node[order], return_index=True)
    return _moved(points, star, node, place[order[first]])


def _moved(
    points: np.ndarray, star: np.ndarray, nodes: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Points [node, 3] with nodes [k] at places [k, 3], but for those of cells that get bad."""
    least = np.minimum(LEAST, gamma_quality(points, star))
    tried, moved = points.copy(), np.zeros(len(points), bool)
    tried[nodes], moved[nodes] = places, True
    while True:
        bad = star[gamma_quality(tried, star) < least]
        back = np.unique(bad[moved[bad]])
        if len(back) == 0:
            return tried
        tried[back], moved[back] = points[back], False


def _halved(
    wall: WallSurfaces, points: np.ndarray, star: np.ndarray, found: Crossings, on_mm: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Points and cells with a node on the line for each crossing edge, and how many have none.

    Flat parts in a surface are left out. Of the new nodes of another bad part the one that is
    furthest from its edge is given up.
    """
    ends = points[found.edges]
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).round(DIGITS)
    order = np.argsort(-lengths, kind="stable")
    far = np.linalg.norm(found.places - ends.mean(axis=1), axis=1)
    least, n = np.minimum(LEAST, gamma_quality(points, star)), len(points)
    while len(order):
        parts, parent = bisected(star, found.edges[order], n)
        tried = np.concatenate([points, found.places[order]])
        bad = gamma_quality(tried, parts) < least[parent]
        flat = _flat(wall, tried, parts, bad, on_mm)
        new = parts[bad & ~flat] - n
        off = np.where(new >= 0, far[order][np.maximum(new, 0)], -1.0)
        worst = np.take_along_axis(new, off.argmax(axis=1)[:, None], axis=1)
        worst = np.unique(worst[worst >= 0])
        if len(worst) == 0:
            return tried, parts[~flat], len(found.edges) - len(order)
        order = np.delete(order, worst)
    return points, star, len(found.edges)


def _flat(
    wall: WallSurfaces, points: np.ndarray, cells: np.ndarray, bad: np.ndarray, on_mm: float
) -> np.ndarray:
    """Mask [cell] of the bad cells with all nodes on one surface that may be left out.

    Without them every edge of the cells' surface still has two triangles, and no hole arises.
    """
    flat = np.zeros(len(cells), bool)
    nodes, corners = np.unique(cells[bad], return_inverse=True)
    on = (wall.distances(points[nodes]) <= on_mm)[corners.reshape(-1, 4)]
    flat[np.flatnonzero(bad)[on.all(axis=1).any(axis=1)]] = True
    key = np.array([len(points), 1])
    while flat.any():
        edges, count = unique_edges(_outer(cells[~flat]))
        own = np.sort(cells[flat][:, TET_EDGES], axis=2) @ key
        kept = np.isin(own, edges[count != 2] @ key).any(axis=1)
        if not kept.any():
            break
        flat[np.flatnonzero(flat)[kept]] = False
    alike = euler_number(_outer(cells[~flat])) == euler_number(_outer(cells))
    return flat if alike else np.zeros(len(cells), bool)


def _outer(cells: np.ndarray) -> np.ndarray:
    """Triangles [facet, 3] of one cell only, not oriented."""
    faces, count = unique_sides(cells[:, TET_FACES].reshape(-1, 3))
    return faces[count == 1]
