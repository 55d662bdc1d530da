from dataclasses import astuple

import numpy as np
import pytest
from helpers_heart import heart_mesh

from einthoven.core.errors import BadInput, StepFailed
from einthoven.core.tags import Surface
from einthoven.electrophysiology.purkinje.growth import Branching, Root, grow
from einthoven.electrophysiology.purkinje.tree import coverage_gap, grow_tree, path_lengths
from einthoven.fibers.coordinates import ventricular_coordinates
from einthoven.patient.heart import Heart

SIDES = {-1: Surface.LV_ENDO, 1: Surface.RV_ENDO}


@pytest.fixture(scope="module")
def mesh():
    return heart_mesh()


@pytest.fixture(scope="module")
def coordinates(mesh):
    return ventricular_coordinates(mesh)


@pytest.fixture(scope="module")
def tree(mesh, coordinates):
    return grow_tree(mesh, coordinates, seed=1)


def test_each_side_is_one_tree(tree):
    import networkx as nx

    for side in SIDES:
        nodes = np.flatnonzero(tree.tree_side == side)
        edges = tree.tree_edges[np.isin(tree.tree_edges[:, 0], nodes)]
        assert np.all(np.isin(edges, nodes))
        assert len(edges) == len(nodes) - 1
        graph = nx.Graph(edges.tolist())
        assert nx.is_connected(graph) and len(graph) == len(nodes)


def test_trees_lie_on_their_endocardia(mesh, tree):
    import pyvista as pv

    for side, tag in SIDES.items():
        faces = mesh["facets"][mesh["facet_tags"] == tag]
        surface = pv.PolyData.from_regular_faces(mesh["points"], faces)
        nodes = pv.PolyData(tree.tree_points[tree.tree_side == side])
        distance = np.abs(nodes.compute_implicit_distance(surface)["implicit_distance"])
        assert distance.max() < 0.5


def test_junctions_are_endocardial_nodes_once_each_with_causal_times(mesh, tree):
    heart = Heart.from_mesh(mesh)
    for side, tag in SIDES.items():
        of_side = tree.pmj_side == side
        nodes, times = tree.pmj_nodes[of_side], tree.pmj_times[of_side]
        assert len(nodes) > 150 and len(np.unique(nodes)) == len(nodes)
        assert np.all(np.isin(nodes, heart.surface_nodes(tag)))
        root = tree.tree_points[tree.tree_side == side][0]
        straight = np.linalg.norm(heart.points[nodes] - root, axis=1)
        # A junction is at most one mesh edge from its tip; the band is a straight way too.
        assert np.all(times * 2.0 > straight - 5.0)


def test_endocardia_are_covered_within_the_limit(mesh, tree):
    for side, gap in zip(SIDES, tree.coverage_gap_mm):
        assert gap <= 25
        points = mesh["points"][np.unique(mesh["facets"][mesh["facet_tags"] == SIDES[side]])]
        junctions = mesh["points"][tree.pmj_nodes[tree.pmj_side == side]]
        assert coverage_gap(junctions, points) == pytest.approx(gap, abs=4)


def test_both_sides_reach_the_muscle_early(tree):
    for side in SIDES:
        first = tree.pmj_times[tree.pmj_side == side].min()
        assert 0 < first < 35


def test_muscle_is_reached_in_the_order_of_human_hearts(mesh, coordinates, tree):
    """Durrer 1970: the left septum before the right one, the RV's apex before its base."""
    z, phi, nu = (getattr(coordinates, f"uvc_{c}")[tree.pmj_nodes] for c in ("z", "phi", "nu"))
    septum, right = np.abs(phi) < np.pi / 3, tree.pmj_side == 1
    middle = septum & (z > 0.3) & (z < 0.7)
    lead = tree.pmj_times[middle & right & (nu == -1)].min() - tree.pmj_times[middle & ~right].min()
    assert 2 < lead < 20
    low, high = (tree.pmj_times[right & where].mean() for where in (z < 0.3, z > 0.7))
    assert low + 5 < high


def test_same_seed_same_tree_whatever_the_global_state_and_other_seed_other_tree(
    mesh, coordinates, tree
):
    np.random.seed(123)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = grow_tree(mesh, coordinates, seed=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    for ours, theirs in zip(astuple(tree), astuple(again)):
        np.testing.assert_array_equal(ours, theirs)
    other = grow_tree(mesh, coordinates, seed=2)
    assert len(other.tree_points) != len(tree.tree_points)


def test_faster_bundles_give_proportionally_earlier_junctions(mesh, coordinates):
    slow, fast = (grow_tree(mesh, coordinates, seed=1, speed_mm_per_ms=v) for v in (2.0, 4.0))
    np.testing.assert_allclose(fast.pmj_times * 2, slow.pmj_times)


def test_a_tree_that_cannot_cover_is_a_failure_with_its_figures(mesh, coordinates):
    with pytest.raises(StepFailed, match=r"2 trees leave gaps of \d+, \d+ mm.*raise n_generations"):
        grow_tree(mesh, coordinates, seed=1, n_generations=1, max_draws=2)


def test_a_root_off_the_surface_is_a_failure():
    points = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
    root = np.array([-50.0, -50, 0])
    with pytest.raises(StepFailed, match="off the endocardium"):
        grow(points, np.array([[0, 1, 2]]), [Root(root, points[1])], Branching(), seed=1)


def test_path_lengths_of_a_small_tree():
    points = np.array([[0.0, 0, 0], [3, 0, 0], [3, 4, 0], [0, 0, 5]])
    np.testing.assert_allclose(
        path_lengths(points, np.array([[0, 1], [1, 2], [0, 3]])), [0, 3, 7, 5]
    )
    with pytest.raises(StepFailed, match="1 tree nodes are cut off"):
        path_lengths(points, np.array([[0, 1], [1, 2]]))


def test_speed_in_other_units_is_refused(mesh, coordinates):
    with pytest.raises(BadInput, match="speed_mm_per_ms"):
        grow_tree(mesh, coordinates, seed=1, speed_mm_per_ms=200.0)
