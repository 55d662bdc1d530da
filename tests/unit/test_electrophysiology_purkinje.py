from dataclasses import replace

import numpy as np
import pytest
from helpers_heart import activated_patient

from einthoven.config.models import Purkinje
from einthoven.core.errors import BadInput, StepFailed
from einthoven.core.tags import Surface
from einthoven.electrophysiology.purkinje.growth import Root, grow
from einthoven.electrophysiology.purkinje.tree import coverage_gap, grow_tree, path_lengths
from einthoven.patient.patient import Patient

SIDES = {-1: Surface.LV_ENDO, 1: Surface.RV_ENDO}


SMALL = Purkinje(n_generations=6, max_coverage_gap_mm=60, max_draws=1)
"""Trees that need not cover anything, grown at once."""


@pytest.fixture(scope="module")
def patient():
    return activated_patient()


@pytest.fixture(scope="module")
def tree(patient):
    return patient.purkinje


@pytest.fixture(scope="module")
def small(patient):
    return grow_tree(patient, SMALL)


def test_each_side_is_one_tree(tree):
    import networkx as nx

    for side in SIDES:
        nodes = np.flatnonzero(tree.tree_side == side)
        edges = tree.tree_edges[np.isin(tree.tree_edges[:, 0], nodes)]
        assert np.all(np.isin(edges, nodes))
        assert len(edges) == len(nodes) - 1
        graph = nx.Graph(edges.tolist())
        assert nx.is_connected(graph) and len(graph) == len(nodes)


def test_trees_lie_on_their_endocardia(patient, tree):
    import pyvista as pv

    heart = patient.heart
    for side, tag in SIDES.items():
        surface = pv.PolyData.from_regular_faces(heart.points, heart.surface(tag))
        nodes = pv.PolyData(tree.tree_points[tree.tree_side == side])
        distance = np.abs(nodes.compute_implicit_distance(surface)["implicit_distance"])
        assert distance.max() < 0.5


def test_junctions_are_endocardial_nodes_once_each_with_causal_times(patient, tree):
    heart = patient.heart
    for side, tag in SIDES.items():
        of_side = tree.pmj_side == side
        nodes, times = tree.pmj_nodes[of_side], tree.pmj_times[of_side]
        assert len(nodes) > 150 and len(np.unique(nodes)) == len(nodes)
        assert np.all(np.isin(nodes, heart.surface_nodes(tag)))
        root = tree.tree_points[tree.tree_side == side][0]
        straight = np.linalg.norm(heart.points[nodes] - root, axis=1)
        # A junction is at most one mesh edge from its tip; the band is a straight way too.
        assert np.all(times * 2.0 > straight - 5.0)


def test_endocardia_are_covered_within_the_limit(patient, tree):
    heart = patient.heart
    for (side, tag), gap in zip(SIDES.items(), tree.coverage_gap_mm):
        assert gap <= 25
        points = heart.points[heart.surface_nodes(tag)]
        junctions = heart.points[tree.pmj_nodes[tree.pmj_side == side]]
        assert coverage_gap(junctions, points) == pytest.approx(gap, abs=4)


def test_both_sides_reach_the_muscle_early(tree):
    for side in SIDES:
        first = tree.pmj_times[tree.pmj_side == side].min()
        assert 0 < first < 35


def test_muscle_is_reached_in_the_order_of_human_hearts(patient, tree):
    """Durrer 1970: the left septum before the right one, the RV's apex before its base."""
    leads = []
    for seed in range(1, 7):  # one tree may miss by its chance
        grown = grow_tree(patient, SMALL.model_copy(update={"seed": seed}))
        z, phi, nu, right = places(patient, grown)
        middle = (np.abs(phi) < np.pi / 3) & (z > 0.3) & (z < 0.7)
        first = [grown.pmj_times[middle & its].min() for its in (right & (nu == -1), ~right)]
        leads.append(first[0] - first[1])
    assert 0.5 < np.mean(leads) < 10
    z, _, _, right = places(patient, tree)
    low, high = (tree.pmj_times[right & where].mean() for where in (z < 0.3, z > 0.7))
    assert low + 5 < high


def places(patient, tree):
    """z, phi and nu of the junctions, and whether they are of the right tree."""
    uvc = patient.coordinates
    z, phi, nu = (values[tree.pmj_nodes] for values in (uvc.uvc_z, uvc.uvc_phi, uvc.uvc_nu))
    return z, phi, nu, tree.pmj_side == 1


def test_same_seed_same_tree_whatever_the_global_state(patient, small):
    np.random.seed(123)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = grow_tree(patient, SMALL)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    for name, values in small.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], values)


def test_another_seed_and_another_name_give_another_tree(patient, small):
    mesh, coordinates = (
        replace(its, patient="p0001") for its in (patient.mesh, patient.coordinates)
    )
    namesake = grow_tree(Patient.of(mesh, coordinates), SMALL)
    other = grow_tree(patient, SMALL.model_copy(update={"seed": 2}))
    for tree in (namesake, other):
        assert not np.array_equal(tree.tree_points, small.tree_points)


def test_faster_bundles_give_proportionally_earlier_junctions(patient, small):
    fast = grow_tree(patient, SMALL.model_copy(update={"speed_mm_per_ms": 3.0}))
    np.testing.assert_allclose(fast.pmj_times * 2, small.pmj_times)


def test_a_tree_that_cannot_cover_is_a_failure_with_its_figures(patient):
    config = Purkinje(n_generations=1, max_draws=2)
    with pytest.raises(StepFailed, match=r"2 trees leave gaps of \d+, \d+ mm.*raise n_generations"):
        grow_tree(patient, config)


def test_a_root_off_the_surface_is_a_failure():
    points = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
    root = np.array([-50.0, -50, 0])
    with pytest.raises(StepFailed, match="off the endocardium"):
        grow(points, np.array([[0, 1, 2]]), [Root(root, points[1])], Purkinje(), seed=1)


def test_path_lengths_of_a_small_tree():
    points = np.array([[0.0, 0, 0], [3, 0, 0], [3, 4, 0], [0, 0, 5]])
    np.testing.assert_allclose(
        path_lengths(points, np.array([[0, 1], [1, 2], [0, 3]])), [0, 3, 7, 5]
    )
    with pytest.raises(StepFailed, match="1 tree nodes are cut off"):
        path_lengths(points, np.array([[0, 1], [1, 2]]))


def test_a_segment_longer_than_a_branch_is_refused(patient):
    with pytest.raises(BadInput, match="segment_mm"):
        grow_tree(patient, Purkinje(segment_mm=4.5, branch_length_mm=4.0))
