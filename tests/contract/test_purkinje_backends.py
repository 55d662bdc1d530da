"""Our Purkinje trees and those of the package fractal-tree: one contract, and the same trees."""

import contextlib
import io
import sys
from functools import lru_cache

import networkx as nx
import numpy as np
import pytest
import pyvista as pv
from helpers.heart import activated_patient, heart_patient

from einthoven.base.config.electrophysiology import ActivationSettings, PurkinjeSettings
from einthoven.base.core.errors import BadInput, MissingExtra, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.purkinje.growth import Root
from einthoven.physics.electrophysiology.purkinje.tree import BACKENDS, SITES, grow_tree
from einthoven.physics.electrophysiology.scenarios import activate

SIDES = {-1: Surface.LV_ENDO, 1: Surface.RV_ENDO}
SMALL = PurkinjeSettings(
    n_generations=8, max_coverage_gap_mm=60, max_draws=1, rv_top_z=0.6, lv_top_z=0.8
)
"""Few generations, for the package is slow."""
each_backend = pytest.mark.parametrize("backend", BACKENDS)


@lru_cache
def tree_of(backend):
    return grow_tree(activated_patient(), SMALL.model_copy(update={"backend": backend}))


def graph_of(tree):
    """Edges with their lengths, mm."""
    graph = nx.Graph()
    for a, b in tree.tree_edges.tolist():
        length_mm = float(np.linalg.norm(tree.tree_points[b] - tree.tree_points[a]))
        graph.add_edge(a, b, length_mm=length_mm)
    return graph


def endocardium():
    """Points [vertex, 3] mm and triangles of the left endocardium of the ideal heart."""
    heart = heart_patient().heart
    used, faces = np.unique(heart.surface(Surface.LV_ENDO), return_inverse=True)
    return heart.points[used], faces.reshape(-1, 3)


def test_every_backend_of_the_config_is_tested():
    assert [*BACKENDS, SITES] == list(
        PurkinjeSettings.model_json_schema()["properties"]["backend"]["enum"]
    )


@each_backend
def test_every_root_has_one_tree(backend):
    tree = tree_of(backend)
    graph = graph_of(tree)
    assert len(graph) == len(tree.tree_points) and len(tree.tree_roots) == 4
    assert len(tree.tree_edges) == len(tree.tree_points) - len(tree.tree_roots)
    parts = list(nx.connected_components(graph))
    assert sorted(len(part & set(tree.tree_roots.tolist())) for part in parts) == [1, 1, 1, 1]
    assert tree.settings["backend"] == backend


@each_backend
def test_trees_lie_on_their_endocardia(backend):
    tree, heart = tree_of(backend), activated_patient().heart
    for side, tag in SIDES.items():
        surface = pv.PolyData.from_regular_faces(heart.points, heart.surface(tag))
        nodes = pv.PolyData(tree.tree_points[tree.tree_side == side])
        distance = nodes.compute_implicit_distance(surface)["implicit_distance"]
        assert np.abs(distance).max() < 0.5  # mm, of edges of 5 mm


@each_backend
def test_junction_times_are_path_lengths_over_the_speed(backend):
    tree, heart = tree_of(backend), activated_patient().heart
    graph, expected = graph_of(tree), {}
    for root, root_ms in zip(tree.tree_roots.tolist(), tree.root_times):
        vertices = heart.surface_nodes(SIDES[int(tree.tree_side[root])])
        length_mm = nx.single_source_dijkstra_path_length(graph, root, weight="length_mm")
        for node in (node for node in length_mm if graph.degree[node] == 1):
            offsets = heart.points[vertices] - tree.tree_points[node]
            vertex = int(vertices[np.linalg.norm(offsets, axis=1).argmin()])
            time_ms = root_ms + length_mm[node] / tree.speed_mm_per_ms
            key = (int(tree.tree_side[root]), vertex)
            expected[key] = min(time_ms, expected.get(key, np.inf))
    junctions = dict(zip(zip(tree.pmj_side.tolist(), tree.pmj_nodes.tolist()), tree.pmj_times))
    assert junctions.keys() == expected.keys()
    np.testing.assert_allclose([junctions[key] for key in expected], list(expected.values()))


@each_backend
def test_same_seed_same_bytes_whatever_the_global_state_and_no_file(backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    points, faces = endocardium()
    root, config = Root(points[200], points[300]), PurkinjeSettings(n_generations=4)
    grown = []
    for state in (123, 124):
        np.random.seed(state)  # noqa: NPY002
        before = np.random.get_state()  # noqa: NPY002
        grown.append(BACKENDS[backend](points, faces, [root], config, 7))
        after = np.random.get_state()  # noqa: NPY002
        np.testing.assert_array_equal(after[1], before[1])
        assert after[2:] == before[2:] and not list(tmp_path.iterdir())
    assert len(grown[0][0]) > 50
    for once, again in zip(*grown, strict=True):
        np.testing.assert_array_equal(once, again)
    other, *_ = BACKENDS[backend](points, faces, [root], config, 8)
    assert not np.array_equal(other, grown[0][0])


@each_backend
def test_a_failure_restores_the_global_state(backend):
    points, faces = endocardium()
    root = Root(points[0] + 500.0, points[1])
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    with pytest.raises(StepFailed, match="is off the endocardium.*: lower z of its early site"):
        BACKENDS[backend](points, faces, [root], SMALL, 7)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@each_backend
def test_a_vertex_without_triangles_is_refused(backend):
    points, faces = endocardium()
    far = np.array([500.0, 0, 0])
    with pytest.raises(BadInput, match="1 vertices of the endocardium have no triangle; give"):
        BACKENDS[backend](np.concatenate([points, [far]]), faces, [Root(far, points[0])], SMALL, 7)


@each_backend
def test_a_triangle_without_area_is_refused(backend):
    points, faces = endocardium()
    faces = np.concatenate([faces, faces[:1, [0, 1, 1]]])
    with pytest.raises(BadInput, match="1 triangles of the endocardium have no area; run the mesh"):
        BACKENDS[backend](points, faces, [Root(points[0], points[1])], SMALL, 7)


@each_backend
def test_trees_that_do_not_cover_are_a_failure_with_its_figures(backend):
    config = PurkinjeSettings(backend=backend, n_generations=1, max_draws=2)
    with pytest.raises(StepFailed, match=r"2 trees leave gaps of \d+, \d+ mm.*raise n_generations"):
        grow_tree(activated_patient(), config)


def test_trees_agree_node_by_node():
    """Lengths, branches and segments agree with them: within round-off, as the nodes do."""
    ours, theirs = (tree_of(backend) for backend in BACKENDS)
    assert len(ours.tree_points) > 2000
    for name, values in ours.arrays().items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(theirs.arrays()[name], values, rtol=0, atol=1e-6)
        else:
            np.testing.assert_array_equal(theirs.arrays()[name], values)


def test_activation_agrees():
    stages = activated_patient()
    ours, theirs = (
        activate(
            Patient.of(stages.mesh, stages.fibers, stages.coordinates, tree_of(backend)),
            "sinus",
            ActivationSettings(),
        ).activation_time
        for backend in BACKENDS
    )
    assert ours.max() > 50
    assert np.abs(ours - theirs).max() < 1e-3  # ms


@each_backend
def test_trees_of_one_root_are_those_of_the_package_s_driver(backend):
    from fractal_tree import FractalTreeParameters, Mesh, generate_fractal_tree

    points, faces = endocardium()
    root = points[np.argmin(np.linalg.norm(points - [23, 0, 0], axis=1))]
    towards = points[np.argmin(np.linalg.norm(points - [20, 0, -30], axis=1))]
    config = PurkinjeSettings(n_generations=4)
    nodes, edges, starts = BACKENDS[backend](points, faces, [Root(root, towards)], config, 7)
    parameters = FractalTreeParameters(
        second_node=towards, init_length=8.0, N_it=4, length=4.0, branch_angle=0.25,
        repulsitivity=0.1, l_segment=1.0, fascicles_angles=(-0.6, 0.5),
        fascicles_length=(25.0, 25.0), save=False,
    )  # fmt: skip
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    with contextlib.redirect_stderr(io.StringIO()):
        expected = generate_fractal_tree(Mesh(points, faces, root), parameters)
    np.random.set_state(state)  # noqa: NPY002
    np.testing.assert_allclose(nodes, expected.nodes, atol=1e-9)
    np.testing.assert_array_equal(edges, expected.lines)
    np.testing.assert_array_equal(starts, [0])


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fractal_tree", None)
    points, faces = endocardium()
    with pytest.raises(
        MissingExtra, match=r"purkinje.backend 'fractal-tree'.*einthoven\[backends\]"
    ):
        BACKENDS["fractal-tree"](points, faces, [Root(points[0], points[1])], SMALL, 7)
