"""Purkinje trees on both endocardia and the times at which they reach the muscle.

Trees grow by the fractal rule of Sahli Costabal, Hurtado, Kuhl, "Generating Purkinje networks in
the human heart", J. Biomech. 49:2455 (2016), doi:10.1016/j.jbiomech.2015.12.025, from the sites at
which human hearts are activated first. A junction with the muscle (PMJ) is an end of a tree, tip or
root. Its time is that of the root plus the length of the path along the tree over the speed.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from einthoven.base.config.electrophysiology import PurkinjeSettings
from einthoven.base.config.section import builtins_of
from einthoven.base.core import check
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.log import logger
from einthoven.base.core.seeds import derive_seed
from einthoven.base.geometry.triangles import compact
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import PurkinjeTree
from einthoven.physics.electrophysiology.purkinje.fractal_tree_growth import grow_by_fractal_tree
from einthoven.physics.electrophysiology.purkinje.growth import grow
from einthoven.physics.electrophysiology.purkinje.paths import (
    SIDES,
    end_vertices,
    ends_of,
    first_arrival,
)
from einthoven.physics.electrophysiology.purkinje.roots import EarlyRoot, early_roots

BACKENDS = {"einthoven": grow, "fractal-tree": grow_by_fractal_tree}
"""Value of `purkinje.backend` -> what grows the trees of one side."""
SITES = "sites"
"""Value of `purkinje.backend` without trees."""


def grow_tree(patient: Patient, config: PurkinjeSettings) -> PurkinjeTree:
    """Grow the left and the right trees of a patient.

    Fascicles are insulated paths from the His bundle to the early sites. A tree grows from each
    site, all trees of a side at once, below the upper end of the Purkinje fibres. With backend
    sites none grows, and the sites are the junctions.

    Args:
        patient: patient with mesh and ventricular coordinates.
        config: backend, sites, branches, speed and coverage. The seed of the draws is made of
            `config.seed` and the patient's name.

    Raises:
        BadInput: a segment is longer than a branch, or a triangle has no area.
        MissingExtra: the package of the backend is not installed.
        StepFailed: no draw covers the endocardium, or a root is off the surface.
    """
    check.between("segment_mm", config.segment_mm, 0.1, config.branch_length_mm, "below a branch")
    heart, seed = patient.heart, derive_seed(config.seed, patient.name, "purkinje")
    tops = {-1: config.lv_top_z, 1: config.rv_top_z}
    sides = []
    grows = config.backend != SITES
    places = early_roots(heart, patient.coordinates, config.early_sites, grows=grows)
    for side, roots in places.items():
        if not grows:
            grown = _sites_alone(roots)
        else:
            surface = _below(patient, side, tops[side])
            grown = _draw(surface, roots, config, derive_seed(seed, "tree", side))
        near = heart.surface_nodes(SIDES[side])
        nodes, times = _junctions(grown, roots, heart.points[near], config)
        sides.append(_Side(side, grown, roots, near[nodes], times))
        logger.info(
            "Purkinje %s: %d junctions, gap %.1f mm", SIDES[side].name, len(nodes), grown.gap_mm
        )
    return _joined(patient.name, sides, config)


def attached(tree: PurkinjeTree, heart: Heart) -> PurkinjeTree:
    """The same tree with its junctions at the nodes of another mesh of the heart.

    Raises:
        StepFailed: a part of the tree has no path to a root.
    """
    first = np.full(len(tree.tree_points), np.inf)
    first[tree.tree_roots] = tree.root_times
    reached = _reached(tree.tree_points, tree.tree_edges, first, tree.speed_mm_per_ms)
    ends = ends_of(tree.tree_edges, len(tree.tree_points))
    sides, nodes, times = [], [], []
    for side, tag in SIDES.items():
        near, own = heart.surface_nodes(tag), ends[tree.tree_side[ends] == side]
        met, earliest = _met(tree.tree_points[own], reached[own], heart.points[near])
        sides.append(np.full(len(met), side, np.int8))
        nodes.append(near[met])
        times.append(earliest)
    return replace(
        tree,
        pmj_nodes=np.concatenate(nodes),
        pmj_times=np.concatenate(times),
        pmj_side=np.concatenate(sides),
    )


class _Grown(NamedTuple):
    """Trees of one side."""

    points: np.ndarray
    """[node, 3] mm."""
    edges: np.ndarray
    roots: np.ndarray
    """[root] nodes."""
    gap_mm: float
    draws: int


class _Side(NamedTuple):
    """Part of a `PurkinjeTree` on one side."""

    side: int
    grown: _Grown
    roots: list[EarlyRoot]
    pmj_nodes: np.ndarray
    pmj_times: np.ndarray


def _below(patient: Patient, side: int, top_z: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles of an endocardium up to a height."""
    heart = patient.heart
    faces = heart.surface(SIDES[side])
    return compact(heart.points, faces[patient.coordinates.uvc_z[faces].max(axis=1) <= top_z])


def _sites_alone(roots: list[EarlyRoot]) -> _Grown:
    """Trees without a branch: each site is the only junction of its fascicle."""
    points = np.array([root.root.point for root in roots])
    return _Grown(points, np.empty((0, 2), np.int64), np.arange(len(roots)), np.nan, 1)


def _draw(
    surface: tuple[np.ndarray, np.ndarray],
    roots: list[EarlyRoot],
    config: PurkinjeSettings,
    seed: int,
) -> _Grown:
    """Trees that cover the surface: the first draw that does."""
    gaps = []
    for draw in range(config.max_draws):
        starts = [root.root for root in roots]
        points, edges, nodes = BACKENDS[config.backend](
            *surface, starts, config, derive_seed(seed, draw)
        )
        gap = coverage_gap(points[ends_of(edges, len(points))], surface[0])
        if gap <= config.max_coverage_gap_mm:
            return _Grown(points, edges, nodes, gap, draw + 1)
        gaps.append(f"{gap:.0f}")
    raise StepFailed(
        f"purkinje: {config.max_draws} trees leave gaps of {', '.join(gaps)} mm, more than "
        f"max_coverage_gap_mm = {config.max_coverage_gap_mm:g}; raise n_generations "
        f"({config.n_generations}) or branch_length_mm ({config.branch_length_mm:g})"
    )


def coverage_gap(junctions: np.ndarray, surface_points: np.ndarray) -> float:
    """Largest distance from a surface point to its nearest junction, mm."""
    return float(cKDTree(junctions).query(surface_points)[0].max())


def _junctions(
    grown: _Grown, roots: list[EarlyRoot], surface_points: np.ndarray, config: PurkinjeSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Surface points nearest to ends, once each, and times after the His bundle, ms."""
    points, edges, *_ = grown
    first = np.full(len(points), np.inf)
    first[grown.roots] = [root.site.time_ms for root in roots]
    reached = _reached(points, edges, first, config.speed_mm_per_ms)
    ends = ends_of(edges, len(points))
    return _met(points[ends], reached[ends], surface_points)


def _reached(
    points: np.ndarray, edges: np.ndarray, first: np.ndarray, speed_mm_per_ms: float
) -> np.ndarray:
    """Times [tree node] ms of a wave that starts at `first` [tree node] ms, infinite elsewhere."""
    steps = np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1)
    reached = first_arrival(steps / speed_mm_per_ms, edges, first)
    if cut_off := int(np.isinf(reached).sum()):
        raise StepFailed(
            f"purkinje: {cut_off} of {len(points)} tree nodes have no path to a root, a fault of "
            "the tree's growth: choose the other purkinje.backend"
        )
    return reached


def _met(
    ends: np.ndarray, reached: np.ndarray, surface_points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Surface points nearest to ends [end, 3], once each, and the earliest times there, ms."""
    nodes, group = np.unique(end_vertices(ends, surface_points), return_inverse=True)
    times = np.full(len(nodes), np.inf)
    np.minimum.at(times, group, reached)
    return nodes, times


def _joined(patient: str, sides: list[_Side], config: PurkinjeSettings) -> PurkinjeTree:
    grown = [side.grown for side in sides]
    shift = np.cumsum([0, *(len(trees.points) for trees in grown[:-1])])
    sites = [root.site for side in sides for root in side.roots]
    return PurkinjeTree(
        patient=patient,
        tree_points=np.concatenate([trees.points for trees in grown]),
        tree_edges=np.concatenate([trees.edges + s for trees, s in zip(grown, shift)]),
        tree_side=_of_side(sides, [trees.points for trees in grown]),
        tree_roots=np.concatenate([trees.roots + s for trees, s in zip(grown, shift)]),
        root_times=np.array([site.time_ms for site in sites]),
        root_fascicle=np.array([site.fascicle for site in sites]),
        pmj_nodes=np.concatenate([side.pmj_nodes for side in sides]),
        pmj_times=np.concatenate([side.pmj_times for side in sides]),
        pmj_side=_of_side(sides, [side.pmj_nodes for side in sides]),
        speed_mm_per_ms=config.speed_mm_per_ms,
        coverage_gap_mm=[trees.gap_mm for trees in grown],
        draws=[trees.draws for trees in grown],
        settings=builtins_of(config),
    )


def _of_side(sides: list[_Side], parts: list[np.ndarray]) -> np.ndarray:
    return np.repeat([side.side for side in sides], list(map(len, parts))).astype(np.int8)
