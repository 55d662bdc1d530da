from dataclasses import replace

import numpy as np
import pytest
from helpers.heart import activated_patient

from einthoven.base.config.electrophysiology import EarlySiteSettings, PurkinjeSettings
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.body.mesh.thin_walls import with_short_edges
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.purkinje.growth import Root, grow
from einthoven.physics.electrophysiology.purkinje.paths import first_arrival
from einthoven.physics.electrophysiology.purkinje.purkinje_network import JunctionDelays, Network
from einthoven.physics.electrophysiology.purkinje.tree import (
    attached,
    coverage_gap,
    grow_tree,
)

SIDES = {-1: Surface.LV_ENDO, 1: Surface.RV_ENDO}


CONFIG = PurkinjeSettings()
SITES = CONFIG.early_sites
SMALL = PurkinjeSettings(
    n_generations=6, max_coverage_gap_mm=60, max_draws=1, rv_top_z=0.6, lv_top_z=0.8
)
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


def test_each_root_has_one_tree(tree):
    import networkx as nx

    graph = nx.Graph(tree.tree_edges.tolist())
    assert nx.is_forest(graph) and len(graph) == len(tree.tree_points)
    parts = list(nx.connected_components(graph))
    assert len(parts) == len(tree.tree_roots) == 4
    for part in parts:
        assert len(part & set(tree.tree_roots.tolist())) == 1
        assert len(set(tree.tree_side[list(part)])) == 1


def test_roots_are_at_the_early_sites_in_their_order(patient, tree):
    place, heart = patient.coordinates, patient.heart
    for site, fascicle, node, ms in zip(
        SITES, tree.root_fascicle, tree.tree_roots, tree.root_times, strict=True
    ):
        assert (fascicle, ms) == (site.fascicle, site.time_ms)
        side = 1 if fascicle == "right" else -1
        assert tree.tree_side[node] == side
        near = np.linalg.norm(heart.points - tree.tree_points[node], axis=1).argmin()
        assert place.uvc_nu[near] == side and near in heart.surface_nodes(SIDES[side])
        assert abs(place.uvc_z[near] - site.z) < 0.08
        turn = np.exp(1j * (place.uvc_phi[near] - np.radians(site.phi_deg)))
        assert abs(np.angle(turn)) < 0.3
        assert ms in tree.pmj_times[tree.pmj_nodes == near]


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
        # A junction is at most one mesh edge from its tip.
        ways = [
            ms * tree.speed_mm_per_ms
            + np.linalg.norm(heart.points[nodes] - tree.tree_points[root], axis=1)
            for root, ms in zip(tree.tree_roots, tree.root_times)
            if tree.tree_side[root] == side
        ]
        assert np.all(times * tree.speed_mm_per_ms > np.min(ways, axis=0) - 5.0)


def test_endocardia_are_covered_within_the_limit(patient, tree):
    heart = patient.heart
    for (side, tag), gap in zip(SIDES.items(), tree.coverage_gap_mm):
        assert gap <= 30
        points, top = heart.surface_nodes(tag), {-1: CONFIG.lv_top_z, 1: CONFIG.rv_top_z}[side]
        points = heart.points[points[patient.coordinates.uvc_z[points] <= top]]
        junctions = heart.points[tree.pmj_nodes[tree.pmj_side == side]]
        assert coverage_gap(junctions, points) == pytest.approx(gap, abs=4)


def test_trees_end_at_their_tops(patient, tree):
    z = patient.coordinates.uvc_z[tree.pmj_nodes]
    for side, top in ((-1, CONFIG.lv_top_z), (1, CONFIG.rv_top_z)):
        assert top - 0.15 < z[tree.pmj_side == side].max() < top + 0.1


def test_muscle_is_reached_in_the_order_of_human_hearts(tree):
    """Durrer 1970: the left ventricle at 0 to 5 ms in three areas, the right one 5 to 15 later."""
    first = [tree.pmj_times[tree.pmj_side == side].min() for side in SIDES]
    assert first[0] <= 5 and 5 <= first[1] - first[0] <= 15
    assert sorted(tree.root_fascicle) == ["anterior", "posterior", "right", "septal"]
    assert tree.root_times[tree.root_fascicle != "right"].max() <= 5


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


def test_faster_trees_give_proportionally_shorter_ways(patient):
    sites = [site.model_copy(update={"time_ms": 0.0}) for site in SITES]
    slow, fast = (
        grow_tree(
            patient, SMALL.model_copy(update={"speed_mm_per_ms": speed, "early_sites": sites})
        )
        for speed in (1.5, 3.0)
    )
    np.testing.assert_allclose(fast.pmj_times * 2, slow.pmj_times)


def test_early_sites_of_one_side_alone_are_refused():
    with pytest.raises(ValueError, match="one site of the right bundle and one of the left"):
        PurkinjeSettings(early_sites=SITES[:3])


def test_an_early_site_above_the_trees_is_refused():
    with pytest.raises(ValueError, match="right at z = 0.35 is above rv_top_z = 0.2"):
        PurkinjeSettings(rv_top_z=0.2)


def test_a_tree_that_cannot_cover_is_a_failure_with_its_figures(patient):
    config = PurkinjeSettings(n_generations=1, max_draws=2)
    with pytest.raises(StepFailed, match=r"2 trees leave gaps of \d+, \d+ mm.*raise n_generations"):
        grow_tree(patient, config)


def test_a_root_off_the_surface_is_a_failure():
    points = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
    root = np.array([-50.0, -50, 0])
    with pytest.raises(StepFailed, match="off the endocardium"):
        grow(points, np.array([[0, 1, 2]]), [Root(root, points[1])], PurkinjeSettings(), seed=1)


def test_first_arrival_in_a_small_graph():
    edges, delays = np.array([[0, 1], [1, 2], [0, 3], [3, 4]]), np.array([3.0, 4, 5, np.inf])
    first = np.array([1.0, np.inf, 2.0, np.inf, np.inf])
    np.testing.assert_allclose(first_arrival(delays, edges, first), [1, 4, 2, 6, np.inf])
    nowhere = np.full(5, np.inf)
    np.testing.assert_array_equal(first_arrival(delays, edges, nowhere), nowhere)


BOTH_WALLS = PurkinjeSettings(
    backend="sites",
    early_sites=[*SITES, EarlySiteSettings(fascicle="right-septal", z=0.4, phi_deg=0.0, time_ms=9)],
)


def test_without_trees_the_sites_are_the_junctions(patient):
    sites = grow_tree(patient, BOTH_WALLS)
    assert len(sites.tree_edges) == 0
    assert len(sites.tree_points) == len(sites.pmj_nodes) == len(BOTH_WALLS.early_sites)
    assert sorted(sites.pmj_times) == sorted(site.time_ms for site in BOTH_WALLS.early_sites)
    np.testing.assert_allclose(
        np.sort(patient.heart.points[sites.pmj_nodes], axis=0), np.sort(sites.tree_points, axis=0)
    )


def test_a_tree_attached_to_its_own_mesh_is_the_same(patient, tree, small):
    for one in (tree, small, grow_tree(patient, BOTH_WALLS)):
        again = attached(one, patient.heart)
        for name in ("pmj_nodes", "pmj_side"):
            assert np.array_equal(getattr(again, name), getattr(one, name))
        assert again.pmj_times == pytest.approx(one.pmj_times, abs=1e-9)


def test_a_tree_attached_to_a_finer_mesh_meets_it_nearby_at_the_same_times(patient, tree):
    heart = Heart.from_mesh(with_short_edges(patient.mesh, 0.0))
    found = attached(tree, heart)
    assert np.array_equal(found.tree_points, tree.tree_points)
    for side, tag in SIDES.items():
        own, old = found.pmj_side == side, tree.pmj_side == side
        assert np.isin(found.pmj_nodes[own], heart.surface_nodes(tag)).all()
        assert own.sum() > old.sum()  # ends that shared a node need not any more
        assert found.pmj_times[own].min() == pytest.approx(tree.pmj_times[old].min())
        assert found.pmj_times[own].max() >= tree.pmj_times[old].max() - 1e-9


def test_the_second_right_site_is_on_the_right_side_of_the_septum(patient):
    sites = grow_tree(patient, BOTH_WALLS)
    node = sites.pmj_nodes[sites.pmj_times == 9]
    assert len(node) == 1
    assert node in patient.heart.surface_nodes(Surface.RV_ENDO)
    assert patient.coordinates.uvc_nu[node] == -1


def test_a_wave_leaves_the_sites_without_trees_at_their_times(patient):
    sites = grow_tree(patient, BOTH_WALLS)
    network = Network.of(patient.with_stages(sites), JunctionDelays())
    arrival = network.arrival(0.0, np.full(len(patient.heart.points), np.inf))
    exits = network.exits(arrival)
    assert sorted(exits) == sorted(site.time_ms for site in BOTH_WALLS.early_sites)
