"""Purkinje trees on both endocardia and the times at which they reach the muscle.

Trees grow by the fractal rule of Sahli Costabal, Hurtado, Kuhl, "Generating Purkinje networks in
the human heart", J. Biomech. 49:2455 (2016), doi:10.1016/j.jbiomech.2015.12.025. A junction with
the muscle (PMJ) is a tip of the tree; its time is the path along the tree over the conduction
speed.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from einthoven.config.models import Purkinje
from einthoven.config.section import builtins_of
from einthoven.core import check
from einthoven.core.errors import StepFailed
from einthoven.core.log import logger
from einthoven.core.seeds import derive_seed
from einthoven.electrophysiology.purkinje.bundles import Bundle, bundle_starts
from einthoven.electrophysiology.purkinje.growth import grow
from einthoven.electrophysiology.purkinje.paths import SIDES, path_lengths, tip_vertices, tips_of
from einthoven.geometry.triangles import compact
from einthoven.patient.activation import PurkinjeTree
from einthoven.patient.patient import Patient


def grow_tree(patient: Patient, config: Purkinje) -> PurkinjeTree:
    """Grow the left and right tree of a patient.

    The left bundle runs down the septum and forks to the front and the back; the right one surfaces
    low on the septum, where the moderator band leaves it; the band, one straight edge through the
    cavity, leads to a second root on the free wall. The bundles up to both roots, without junctions
    (`purkinje.bundles`), precede the paths along the trees.

    Args:
        patient: with mesh and ventricular coordinates.
        config: of the branches, the speed and the coverage; its seed and the patient's name are
            all that the trees depend on by chance.

    Raises:
        BadInput: a segment is longer than a branch.
        StepFailed: no draw covers the endocardium, or the root is off the surface.
    """
    check.between("segment_mm", config.segment_mm, 0.1, config.branch_length_mm, "below a branch")
    heart, seed = patient.heart, derive_seed(config.seed, patient.name, "purkinje")
    parts = []
    for side, bundle in bundle_starts(heart, patient.coordinates).items():
        surface = compact(heart.points, heart.surface(SIDES[side]))
        points, edges, gap, draws = _draw(surface, bundle, config, derive_seed(seed, "tree", side))
        nodes, lengths = _junctions(points, edges, surface[0])
        times = (bundle.length_mm + lengths) / config.speed_mm_per_ms
        nodes = heart.surface_nodes(SIDES[side])[nodes]
        parts.append((side, points, edges, nodes, times, gap, draws))
        logger.info("Purkinje %s: %d junctions, gap %.1f mm", SIDES[side].name, len(nodes), gap)
    return replace(_joined(patient.name, parts), settings=builtins_of(config))


def _draw(
    surface: tuple[np.ndarray, np.ndarray], bundle: Bundle, config: Purkinje, seed: int
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Draw trees until one covers the surface: points, edges, gap in mm, draws."""
    gaps = []
    for draw in range(config.max_draws):
        points, edges = grow(*surface, bundle.roots, config, derive_seed(seed, draw))
        gap = coverage_gap(points[tips_of(edges, len(points))], surface[0])
        if gap <= config.max_coverage_gap_mm:
            return points, edges, gap, draw + 1
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
    points: np.ndarray, edges: np.ndarray, surface_points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Surface point nearest to each tip, once each, and the shortest way to it along the tree."""
    tips = tips_of(edges, len(points))
    nodes, group = np.unique(tip_vertices(points[tips], surface_points), return_inverse=True)
    lengths = np.full(len(nodes), np.inf)
    np.minimum.at(lengths, group, path_lengths(points, edges)[tips])
    return nodes, lengths


def _joined(patient: str, parts: list[tuple]) -> PurkinjeTree:
    sides, points, edges, nodes, times, gaps, draws = zip(*parts)
    shift = np.cumsum([0, *map(len, points[:-1])])
    return PurkinjeTree(
        patient=patient,
        tree_points=np.concatenate(points),
        tree_edges=np.concatenate([e + s for e, s in zip(edges, shift)]),
        tree_side=np.repeat(sides, list(map(len, points))).astype(np.int8),
        pmj_nodes=np.concatenate(nodes),
        pmj_times=np.concatenate(times),
        pmj_side=np.repeat(sides, list(map(len, nodes))).astype(np.int8),
        coverage_gap_mm=gaps,
        draws=draws,
    )
