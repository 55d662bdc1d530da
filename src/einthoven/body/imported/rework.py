"""Other ways to triangulate a heart that cannot be triangulated or meshed as it is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from einthoven.base.config.models import HEART_EDGE_MM
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.log import logger, step
from einthoven.base.core.tags import LUNGS, Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, face_edges, unique_edges
from einthoven.body.anatomy.shape.heart_check import (
    MIN_WALL_MM,
    BadShape,
    BadVolume,
    ThinWall,
    check_heart,
)
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces
from einthoven.body.anatomy.shape.tagged_heart import VALVE_CAPS, triangulated_heart
from einthoven.body.imported.defect import Rough, near
from einthoven.body.imported.mend import mended, with_split_chords
from einthoven.body.imported.plugs import plugged
from einthoven.body.imported.rebuild import Move, WallGrid, resampled
from einthoven.body.imported.wall_tags import tag_wall
from einthoven.body.imported.walls import not_of_an_adult, placed_wall, thickened

REBUILDS = ((0.0, 0.15), (1.0, 0.25), (2.0, 0.35))
"""Width of smoothing in mm, and what walls are thicker than the least, in edges; tried in turn."""
EDGES = ((1.0, 0.96), (1.04, 0.92), (2.0, 1.92))
"""Factors on the wanted edge length: those of the first group with each wall, then the others."""
SPLIT, SPLIT_MM = 1.5, 5.0
"""Triangles of edges above the first, as such a factor, are split in four; not above the second."""
MAX_MEAN_MM, MAX_MM = 0.6, 8.0
"""A wall that would move farther, on average or anywhere, is another heart: it is not rebuilt."""
Way = Callable[[Surfaces, float], tuple[Surfaces, list[str]]]
"""A wall and the wanted edge length (mm) to a closed, tagged wall and notes."""
ARRAYS = ("points", "faces", "face_tags")
N_VALID, SPARE = 4, 1.02
"""Number of rounds of small changes to new triangles; thickness they get, as a factor on the least.
"""
GAPS = (0.0, 0.4)
"""Least distances between layers, in edges, that are tried in turn."""
RESAMPLED_MM = 1.5
"""Width over which a wall that is resampled as a whole is smoothed."""
CLOSING_MM = 3.0
"""Radius of holes through a wall that are filled; voxels of 2.5 mm leave such in one of 3 mm."""
TOO_FAR = 1.1
"""A volume that is so many times beyond a limit ends the tries: they change it by 2 % at most."""
MAX_HANDLES = 6
"""Holes through a closed wall that eight openings of its cavities explain (two need none)."""


class Placed(NamedTuple):
    """A triangulated heart, its pose in the frame of the wall, and what was changed."""

    heart: HeartSurfaces
    rotation: np.ndarray
    """[3, 3]."""
    origin: np.ndarray
    """[3] mm."""
    tag_notes: list[str]
    """On tags that were found."""
    notes: list[str]

    @property
    def lying(self) -> Surfaces:
        """All seven surfaces in the frame of the wall."""
        points = self.heart.points @ self.rotation.T + self.origin
        return Surfaces(points, self.heart.faces, self.heart.face_tags)


def hearts_of(heart: Surfaces, edge_mm: float, fault: Rough | None = None) -> Iterator[Placed]:
    """Triangulated hearts of a wall: as it is, then rebuilt, until the caller is content.

    Args:
        heart: mm; tagged or not; closed and simple, unless there is a fault.
        edge_mm: wanted edge length.
        fault: what is wrong with the wall as it is.

    Raises:
        BadInput: no heart is left; about the wall as it is, or a volume far from any adult's.
    """
    ways: dict[str, Way] = {"as given": _as_given, "resampled": _resampled}
    ways["without holes"] = _without_holes
    if fault is None and (n := n_handles(heart)) > MAX_HANDLES:
        ways = {"without holes": _without_holes}
        fault = _pierced(heart, n, edge_mm)
    elif fault is None:
        try:
            wall, notes = tagged(heart)
            placed, rotation, origin, changes = placed_wall(wall, edge_mm)
            yield Placed(placed, rotation, origin, notes, changes)
            told = "heart: its triangles touch; another heart_edge_mm, or smoother surfaces?"
            fault = Rough(told, heart.points[:1], heart)
        except Rough as error:
            fault = error
    step("rebuilding the heart's wall from signed distances")
    for how, closed in ways.items():
        try:
            wall, notes = closed(heart, edge_mm)
            order = REBUILDS[::-1] if closed is _without_holes else REBUILDS
            for found in rebuilt_hearts(heart, wall, edge_mm, order):
                yield found._replace(tag_notes=notes, notes=[*found.notes, _why(fault)])
        except BadVolume as error:
            raise not_of_an_adult(error) from error
        except (BadInput, StepFailed) as error:
            logger.info("no heart of the wall %s: %s", how, error)
    raise fault


def tagged(heart: Surfaces) -> tuple[Surfaces, list[str]]:
    """The wall with tags, and a note on those that were found from its shape.

    Parts whose boundaries coincide have no base; it is then what the shape makes base.
    """
    tags = heart.face_tags
    if not (tags > 0).all():
        note = "heart: base, epicardium and ventricles found by shape"
        return replace(heart, face_tags=tag_wall(heart.points, heart.faces)), [note]
    if (tags == Surface.BASE).any():
        return heart, []
    base = tag_wall(heart.points, heart.faces) == Surface.BASE
    return replace(heart, face_tags=np.where(base, Surface.BASE, tags)), [
        "heart: base found by shape, as the given parts have none"
    ]


def _as_given(heart: Surfaces, _: float) -> tuple[Surfaces, list[str]]:
    """The wall with tags; it must be closed."""
    if (unique_edges(heart.faces)[1] != 2).any():
        raise StepFailed("not closed, or not a manifold")
    return tagged(heart)


def n_handles(wall: Surfaces) -> int:
    """Holes through a closed surface in one piece: its genus."""
    n_points, n_faces = len(np.unique(wall.faces)), len(wall.faces)
    return 1 - (n_points - len(unique_edges(wall.faces)[0]) + n_faces) // 2


def _pierced(heart: Surfaces, n: int, edge_mm: float) -> Rough:
    """The fault of a wall with many holes: that is where a closed one is farthest from it."""
    new = resampled(heart, edge_mm, RESAMPLED_MM, CLOSING_MM)
    apart = TriangleTree(heart.points, heart.faces).closest(new.points).distance
    places = new.points[np.argsort(-apart)[:200]]
    return Rough(
        f"heart: {n} holes through its wall, the largest {near(places)}; where a wall is thinner "
        "than voxels it has holes: contour the image on finer voxels, or import the label image",
        places,
        heart,
    )


def _without_holes(heart: Surfaces, edge_mm: float) -> tuple[Surfaces, list[str]]:
    """The contour of the wall with holes through it filled, tagged as in `_resampled`."""
    wall, notes = _resampled(heart, edge_mm, CLOSING_MM)
    wall, n = plugged(wall)
    return wall, [*notes, *([f"heart: {n} wider holes through its wall closed"] if n else [])]


def _resampled(
    heart: Surfaces, edge_mm: float, closing_mm: float = 0.0
) -> tuple[Surfaces, list[str]]:
    """The contour of the whole wall, tagged as the nearest triangles were, or by its shape."""
    new = resampled(heart, edge_mm, RESAMPLED_MM, closing_mm)
    if (heart.face_tags > 0).all():
        middle = new.points[new.faces].mean(axis=1)
        nearest = TriangleTree(heart.points, heart.faces).closest(middle).faces
        new = replace(new, face_tags=heart.face_tags[nearest])
    return tagged(new)


def _why(fault: Rough) -> str:
    return f"heart: why it was rebuilt: {str(fault).removeprefix('heart: ').partition(';')[0]}"


def rebuilt_hearts(
    given: Surfaces,
    wall: Surfaces,
    edge_mm: float,
    rebuilds: tuple[tuple[float, float], ...] | None = None,
) -> Iterator[Placed]:
    """Hearts of a wall rebuilt from signed distances, smoothed more and more.

    Args:
        given: what moves are measured from.
        wall: closed, tagged, outward, mm; its triangles may intersect.
        edge_mm: wanted edge length.
        rebuilds: as `REBUILDS`, which is the default. Where coarse voxels left holes, their
            terraces are smoothed away first: less smoothing fails there.

    Raises:
        StepFailed: the wall has no three solids.
        BadVolume: a volume is `TOO_FAR` beyond the range of adults.
    """
    grid = WallGrid.of(wall, edge_mm)
    walls = {}
    for factors in EDGES:
        for smooth_mm, spare in rebuilds or REBUILDS:
            if smooth_mm not in walls:
                walls[smooth_mm] = _rebuilt(given, grid, smooth_mm, spare * edge_mm)
            new, note = walls[smooth_mm]
            for factor in factors:
                tried_mm = float(np.clip(factor * edge_mm, *HEART_EDGE_MM))
                if factor > SPLIT and tried_mm > SPLIT_MM:
                    continue
                try:
                    heart, rotation, origin, moved_mm = _valid_heart(new, tried_mm)
                except (StepFailed, BadInput) as error:
                    if isinstance(error, BadVolume) and error.beyond > TOO_FAR:
                        raise
                    logger.info("rebuilt wall at %.3g mm: %s", tried_mm, error)
                    continue
                notes = [note]
                if factor != 1.0:
                    notes.append(f"heart: edges of {tried_mm:.3g} mm were taken")
                if factor > SPLIT:
                    heart = _with(heart, in_four(heart))
                    notes[-1] += ", and each triangle split in four"
                if moved_mm:
                    at = "near thin places and crossings"
                    notes.append(f"heart: vertices {at} moved by up to {moved_mm:.2f} mm")
                found = Placed(heart, rotation, origin, [], notes)
                if not len(intersecting_pairs(found.lying.points, found.lying.faces)):
                    yield found


def in_four(surfaces: Surfaces) -> Surfaces:
    """The same surfaces with each triangle split in four at the middles of its edges."""
    points, faces = surfaces.points, surfaces.faces
    sides = np.sort(face_edges(faces), axis=1)
    edges, index = np.unique(sides, axis=0, return_inverse=True)
    middle = (len(points) + index.reshape(3, -1)).astype(faces.dtype)
    (a, b, c), (ab, bc, ca) = faces.T, middle
    parts = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return Surfaces(
        np.vstack([points, points[edges].mean(axis=1)]),
        np.concatenate([np.stack(part, axis=1) for part in parts]),
        np.tile(surfaces.face_tags, 4),
    )


def _rebuilt(
    given: Surfaces, grid: WallGrid, smooth_mm: float, spare_mm: float
) -> tuple[Surfaces, str]:
    """A rebuilt wall, and a note on how far it is from the given one."""
    new = grid.wall(smooth_mm, spare_mm)
    move = Move.between(given, new)
    at = near(move.place[None])
    if move.mean_mm > MAX_MEAN_MM or move.max_mm > MAX_MM:
        raise StepFailed(
            f"it would move by {move.mean_mm:.1f} mm on average, up to {move.max_mm:.1f} mm {at}"
        )
    over = f", smoothed over {smooth_mm:g} mm" if smooth_mm else ""
    return new, (
        f"heart: wall rebuilt from signed distances on a grid of {grid.step:.2g} mm{over}: moved "
        f"by {move.mean_mm:.2f} mm on average, at most {move.max_mm:.1f} mm {at}"
    )


def _valid_heart(
    wall: Surfaces, edge_mm: float
) -> tuple[HeartSurfaces, np.ndarray, np.ndarray, float]:
    """Heart and pose as of `placed_heart`, with small changes that make it valid.

    Thin places are thickened from outside, crossings opened. The last value is how far vertices
    moved for that, mm.
    """
    heart, rotation, origin = triangulated_heart(wall, edge_mm)
    heart = _with(heart, with_split_chords(heart))
    moved_mm = 0.0
    for _ in range(N_VALID):
        try:
            check_heart(heart, flat_base=False)
            return heart, rotation, origin, moved_mm
        except ThinWall as error:
            failure, changed = str(error), thickened(heart, SPARE * MIN_WALL_MM)[0]
        except BadShape as error:
            failure, changed = str(error), mended(heart).surfaces
        logger.info("%s: moving vertices there", failure)
        moved_mm += float(np.linalg.norm(changed.points - heart.points, axis=1).max())
        heart = _with(heart, changed)
    raise StepFailed(f"moved vertices: {failure}")


def _with(heart: HeartSurfaces, changed: Surfaces) -> HeartSurfaces:
    return replace(heart, **{name: getattr(changed, name) for name in ARRAYS})


def other_surfaces(
    surfaces: Surfaces, edge_mm: float, places: np.ndarray | None = None
) -> Iterator[tuple[Surfaces, str]]:
    """Surfaces of a body with another triangulation of its heart, and a note on each.

    First come small changes of triangles, then the wall rebuilt.

    Args:
        surfaces: of the whole body, mm.
        edge_mm: wanted edge length of the heart.
        places: [place, 3] mm where cells were bad.
    """
    whole = with_split_chords(surfaces)
    for gap_edges in GAPS:
        change = mended(whole, gap_edges, places)
        if not change.n_pairs:
            note = f"heart: vertices moved by up to {change.moved_mm:.2f} mm"
            yield change.surfaces, f"{note} {near(change.place[None])}"
    if not (surfaces.face_tags == Surface.BASE).any():  # nothing says where the cavities are open
        return
    rest = np.isin(surfaces.face_tags, (Surface.SKIN, *LUNGS))
    wall = surfaces.only(~rest & ~np.isin(surfaces.face_tags, list(VALVE_CAPS.values())))
    points, faces = compact(wall.points, _out_of_muscle(wall))
    others = surfaces.only(rest)
    others = replace(others, **dict(zip(("points", "faces"), compact(others.points, others.faces))))
    wall = Surfaces(points, faces, wall.face_tags)
    for found in rebuilt_hearts(wall, wall, edge_mm):
        yield Surfaces.joined([others, found.lying]), "; ".join(found.notes)


def _out_of_muscle(wall: Surfaces) -> np.ndarray:
    """Faces [face, 3] outward from the muscle; those of endocardia point into it in a body."""
    inner = np.isin(wall.face_tags, list(VALVE_CAPS))
    return np.where(inner[:, None], wall.faces[:, ::-1], wall.faces)
