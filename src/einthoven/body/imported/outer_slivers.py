"""Needles and flat triangles of skin and lungs, removed where a mesher leaves bad cells on them.

A tetrahedron on a triangle with an edge of 0.4 mm among edges of 20 mm is bad whatever the mesher
does. Cuts through a torso, and remeshing along its creases, leave such triangles.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from einthoven.base.core.tags import LUNGS, Surface
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, triangle_quality

OUTER = (Surface.SKIN, *LUNGS)
"""Surfaces that share no vertex with another one."""
LEAST_QUALITY = 0.2
"""Triangles below this are removed (1: equilateral)."""
MAX_SHORT = 0.35
"""An edge is contracted if it is shorter than this share of the surface's mean edge."""
MAX_TURN_COS = 0.5
"""Least cosine between the normals of a triangle before and after."""
MAX_CHANGES = 200


@dataclass(frozen=True)
class Evened:
    """Surfaces of a body, and what was changed."""

    surfaces: Surfaces
    n_changes: int
    moved_mm: float
    """Largest move of a vertex."""
    places: np.ndarray
    """[change, 3] mm."""


def without_outer_slivers(body: Surfaces) -> Evened:
    """A body whose skin and lungs have no needles, as far as these can be removed.

    Short edges are contracted and the longest edges of flat triangles flipped. The surfaces stay
    closed (link condition, Dey et al. 1999, Publ. Inst. Math. 66), no triangle turns by more than
    60 degrees, and only what improves the worst triangle around is done. points in mm.
    """
    parts, places, moved = [], list[np.ndarray](), 0.0
    for tag in OUTER:
        points, faces = compact(body.points, body.tagged(tag))
        mean_mm = body.only(body.face_tags == tag).edge_mm if len(faces) else 0.0
        for _ in range(MAX_CHANGES):
            change = next(_changes(points, faces, MAX_SHORT * mean_mm), None)
            if change is None:
                break
            places.append(change.place)
            moved = max(moved, change.moved_mm)
            points, faces = change.points, change.faces
        points, faces = compact(points, faces)
        parts.append(Surfaces(points, faces, np.full(len(faces), tag, body.face_tags.dtype)))
    rest = body.only(~np.isin(body.face_tags, OUTER))
    parts.append(Surfaces(*compact(rest.points, rest.faces), rest.face_tags))
    found = Surfaces.joined(parts)
    return Evened(found, len(places), moved, np.array(places).reshape(-1, 3))


@dataclass(frozen=True)
class _Change:
    points: np.ndarray
    faces: np.ndarray
    place: np.ndarray
    moved_mm: float


def _changes(points: np.ndarray, faces: np.ndarray, short_mm: float) -> Iterator[_Change]:
    """Possible improvements of the worst triangles, one at a time."""
    quality = triangle_quality(points, faces)
    for face in np.argsort(quality, kind="stable")[: int((quality < LEAST_QUALITY).sum())]:
        corners = np.roll(faces[face], -1)
        length = np.linalg.norm(points[faces[face]] - points[corners], axis=1)
        shortest, longest = int(length.argmin()), int(length.argmax())
        if length[shortest] < short_mm:
            yield from _contracted(points, faces, faces[face][shortest], corners[shortest])
        yield from _flipped(points, faces, faces[face][longest], corners[longest])


def _contracted(points: np.ndarray, faces: np.ndarray, a: int, b: int) -> Iterator[_Change]:
    """The surface with the edge from a to b in one point, if it stays a valid surface."""
    has_a, has_b = (faces == a).any(axis=1), (faces == b).any(axis=1)
    common = np.intersect1d(faces[has_a], faces[has_b])
    if len(common) != 4:  # a, b and the two corners across; more would pinch the surface
        return
    ring = np.flatnonzero((has_a | has_b) & ~(has_a & has_b))
    joined = np.where(faces == b, a, faces)[ring]
    normal = triangle_area_vectors(points, faces)
    had = triangle_quality(points, faces[has_a | has_b]).min()
    best = None
    for share in (0.5, 0.0, 1.0):
        place = (1 - share) * points[a] + share * points[b]
        tried = points.copy()
        tried[a] = place
        worst = triangle_quality(tried, joined).min()
        # a needle's own normal says nothing: compare with the mean of all around
        turned, mean = triangle_area_vectors(tried, joined), normal[has_a | has_b].sum(axis=0)
        flat = triangle_quality(points, faces[ring]) < LEAST_QUALITY
        wanted = np.where(flat[:, None], mean, normal[ring])
        cos = np.einsum("ij,ij->i", turned, wanted)
        size = np.linalg.norm(turned, axis=1) * np.linalg.norm(wanted, axis=1)
        if (cos > MAX_TURN_COS * size).all() and worst > had and (best is None or worst > best[0]):
            best = (
                worst,
                tried,
                float(np.linalg.norm(points[b] - points[a])) * max(share, 1 - share),
            )
    if best:
        kept = np.where(faces == b, a, faces)[~(has_a & has_b)]
        yield _Change(best[1], kept, best[1][a], best[2])


def _flipped(points: np.ndarray, faces: np.ndarray, a: int, b: int) -> Iterator[_Change]:
    """The surface with the other diagonal of the two triangles at the edge from a to b."""
    pair = np.flatnonzero((faces == a).any(axis=1) & (faces == b).any(axis=1))
    first, second = faces[pair]
    tip, other = (int(np.setdiff1d(face, (a, b))[0]) for face in (first, second))
    if ((faces == tip).any(axis=1) & (faces == other).any(axis=1)).any():
        return
    k = int(np.flatnonzero(first == tip)[0])
    left, right = first[(k + 1) % 3], first[(k + 2) % 3]
    new = np.array([[tip, left, other], [tip, other, right]])
    normal = triangle_area_vectors(points, faces[pair]).sum(axis=0)
    turned = triangle_area_vectors(points, new)
    size = np.linalg.norm(turned, axis=1) * np.linalg.norm(normal)
    better = triangle_quality(points, new).min() > triangle_quality(points, faces[pair]).min()
    if better and (turned @ normal > MAX_TURN_COS * size).all():
        changed = faces.copy()
        changed[pair] = new
        yield _Change(points, changed, points[[a, b]].mean(axis=0), 0.0)
