"""The wave in muscle and trees together, against closed forms and by what must hold for any heart.

A strand is a bar of tetrahedra with edges along it: a plane wave on it comes back to round-off, so
that a fast bypass gives the least of two lines exactly.
"""

from dataclasses import replace
from functools import cache
from itertools import permutations, product

import networkx as nx
import numpy as np
import pytest
from helpers.eikonal import solve
from helpers.heart import activated_patient

from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.scenarios import CrtSettings, RhythmSettings
from einthoven.base.core.seeds import generator
from einthoven.physics.electrophysiology.capture import WaveSources
from einthoven.physics.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.physics.electrophysiology.purkinje.purkinje_network import (
    JunctionDelays,
    Links,
    Network,
)
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.scenarios.kinds import built_in, scenario_of

SPEED = 0.5
WALL = ActivationSettings(
    capture=False,
    pmj_antegrade_ms=0.0,
    pmj_retrograde_ms=0.0,
    cv_lv_endocardium_mm_per_ms=0.0,
    cv_rv_endocardium_mm_per_ms=0.0,
)
"""No wave but that in the wall."""
CAPTURE = WALL.model_copy(update={"capture": True})
NO_DELAY = JunctionDelays()


def strand(n):
    """A bar of n cubes of 1 mm along x, six tetrahedra each: points, cells."""
    lattice = np.array(list(product(range(n + 1), range(2), range(2))))
    number = {tuple(corner): k for k, corner in enumerate(lattice.tolist())}
    cells = []
    for i in range(n):
        for order in permutations(range(3)):
            corner, cell = [i, 0, 0], [number[i, 0, 0]]
            for axis in order:
                corner[axis] += 1
                cell.append(number[tuple(corner)])
            cells.append(cell)
    return lattice.astype(float), np.array(cells)


def on_strand(backend="einthoven"):
    points, cells = strand(60)
    tensors = np.broadcast_to(SPEED**2 * np.eye(3), (len(cells), 3, 3))
    return Eikonal.of(points, cells, tensors, backend, near_rings=0)


PROXIMAL = {"lbbb": ["left-bundle"], "rbbb": ["right-bundle"], "lafb": ["left-anterior-fascicle"]}


def beat_of(name):
    """A scenario; a block is one of the bundle alone, so that the muscle may capture the tree."""
    if name in PROXIMAL:
        return scenario_of(name, RhythmSettings(blocks=PROXIMAL[name], distal=False))
    return scenario_of(name, CrtSettings()) if name == "crt" else built_in(name)


def bypass(points, enter, leave, delay, junctions=NO_DELAY):
    """A network with one edge between two cross-sections, each one junction of four nodes."""
    ends = np.concatenate([np.flatnonzero(points[:, 0] == x) for x in (enter, leave)])
    out_ms, in_ms = (np.full(8, delay) for delay in junctions)
    links = Links(np.repeat([1, 2], 4), ends, out_ms, in_ms)
    return Network(np.array([[1, 2]]), np.array([delay]), links, n_nodes=3, n_junctions=8)


@pytest.mark.parametrize("delays", [(0.0, 0.0), (3.0, 1.0), (40.0, 0.0), (80.0, 0.0)])
@pytest.mark.parametrize("backend", ["einthoven", "fim-python"])
def test_a_fast_bypass_of_a_strand_gives_the_least_of_two_lines(delays, backend):
    eikonal = on_strand(backend)
    x, delays = eikonal.mesh.points[:, 0], JunctionDelays(*delays)
    first = WaveSources(np.flatnonzero(x == 0), np.zeros(4))
    found = solve(eikonal, bypass(eikonal.mesh.points, 10, 50, 8.0, delays), first)
    around = 10 / SPEED + delays.retrograde + 8.0 + delays.antegrade
    exact = np.minimum(x / SPEED, around + np.abs(x - 50) / SPEED)
    np.testing.assert_allclose(found.activation_time, exact, atol=1e-9)
    bypassed = around < 50 / SPEED
    assert set(found.sources.nodes[4:]) == set(np.flatnonzero(x == 50) if bypassed else [])


def test_a_wave_goes_through_a_bypass_in_either_direction():
    eikonal = on_strand()
    points = eikonal.mesh.points
    network = bypass(points, 10, 50, 8.0)
    times = []
    for end, x in ((0, points[:, 0]), (60, 60 - points[:, 0])):
        first = WaveSources(np.flatnonzero(points[:, 0] == end), np.zeros(4))
        found = solve(eikonal, network, first).activation_time
        times.append(found[np.lexsort((points[:, 2], points[:, 1], x))])
    np.testing.assert_allclose(times[0], times[1], atol=1e-9)


def test_the_his_bundle_and_the_muscle_start_one_wave():
    eikonal = on_strand()
    x = eikonal.mesh.points[:, 0]
    whole = bypass(eikonal.mesh.points, 10, 50, 8.0)
    joined = replace(whole, edges=np.array([[1, 2], [0, 2]]), delays=np.array([8.0, 5.0]))
    first = WaveSources(np.flatnonzero(x == 0), np.zeros(4), his_ms=20.0)
    found = solve(eikonal, joined, first)
    exact = np.minimum.reduce([x / SPEED, 25 + np.abs(x - 50) / SPEED, 33 + np.abs(x - 10) / SPEED])
    np.testing.assert_allclose(found.activation_time, exact, atol=1e-9)
    np.testing.assert_allclose(found.network_time, [20.0, 20.0, 25.0], atol=1e-9)


def patient():
    return activated_patient()


@cache
def muscle(factor=1.0, **options):
    speeds = factor**2 * speed_tensor_sq(patient().fibers.f0, 0.6, 0.25)
    return Eikonal.of(patient().heart.points, patient().heart.cells, speeds, **options)


STILL = 1e-4
"""Muscle so slow that only the trees bring the wave anywhere."""


def test_pacing_at_a_junction_gives_the_times_of_the_tree():
    """Tips of one junction are joined there: the muscle lets the wave over from one to another."""
    network = Network.of(patient(), NO_DELAY)
    node, links = network.links.heart[7], network.links
    found = solve(muscle(STILL), network, WaveSources(np.array([node]), np.zeros(1)))
    graph = nx.Graph()
    graph.add_weighted_edges_from(
        (int(a), int(b), float(delay)) for (a, b), delay in zip(network.edges, network.delays)
    )
    graph.add_weighted_edges_from(
        (int(t), f"junction {n}", 0.0) for t, n in zip(links.node, links.heart)
    )
    paths = nx.single_source_dijkstra_path_length(graph, f"junction {node}")
    exact = np.array([paths[k] for k in range(network.n_nodes)])
    np.testing.assert_allclose(found.network_time, exact, atol=1e-9)
    at_junctions = np.full(len(patient().heart.points), np.inf)
    np.minimum.at(at_junctions, links.heart, exact[links.node])
    junctions = np.isfinite(at_junctions)
    time = found.activation_time
    np.testing.assert_allclose(time[junctions], at_junctions[junctions], atol=1e-9)


def from_his(network):
    """Times at which the wave from the His bundle leaves each link."""
    nowhere = np.full(len(patient().heart.points), np.inf)
    return network.exits(network.arrival(0.0, nowhere))


def test_junctions_have_the_times_that_the_tree_states():
    tree, network = patient().purkinje, Network.of(patient(), NO_DELAY)
    times, exits = np.full(len(patient().heart.points), np.inf), from_his(network)
    for side in (-1, 1):
        of_side = tree.tree_side[network.links.node - 1] == side
        np.minimum.at(times, network.links.heart[of_side], exits[of_side])
        nodes = tree.pmj_nodes[tree.pmj_side == side]
        np.testing.assert_allclose(times[nodes], tree.pmj_times[tree.pmj_side == side], atol=1e-9)


@cache
def coupled(name, config=CAPTURE, **options):
    beat = beat_of(name)
    given = beat.sources(patient(), config)
    return solve(muscle(**options), beat.network(patient(), config), given)


def test_without_an_entry_sinus_rhythm_has_the_junctions_as_sources():
    network = built_in("sinus").network(patient(), WALL)
    tree = patient().purkinje
    junctions = WaveSources(tree.pmj_nodes.astype(int), tree.pmj_times)
    alone = solve(muscle(), Network.without_trees(), junctions)
    found = coupled("sinus", WALL)
    assert np.isinf(network.links.in_ms).all()
    np.testing.assert_allclose(found.activation_time, alone.activation_time, atol=1e-9)
    assert set(found.sources.nodes.tolist()) <= set(tree.pmj_nodes.tolist())


def alone(name):
    return coupled(name, WALL).activation_time


@pytest.mark.parametrize("name", ["sinus", "lbbb", "lafb", "crt", "rv-pacing"])
def test_capture_is_a_fixed_point_and_never_later_than_without(name):
    found, network = coupled(name), beat_of(name).network(patient(), CAPTURE)
    time, tree = found.activation_time, found.network_time
    assert np.all(time <= alone(name) + 1e-9)
    heart, tip = network.links.heart, network.links.node
    assert np.all(tree[tip] <= time[heart] + 1e-9)
    assert np.all(time[heart] <= tree[tip] + 1e-9)
    assert found.residual_ms < 1e-6
    a, b = network.edges[np.isfinite(network.delays)].T
    delays = network.delays[np.isfinite(network.delays)]
    assert np.all(np.abs(tree[a] - tree[b]) <= delays + 1e-9)


def test_capture_shortens_paced_beats_and_left_bundle_branch_block():
    for name, gain_ms in (("crt", 10), ("rv-pacing", 20), ("lbbb", 5)):
        assert coupled(name).activation_time.max() < alone(name).max() - gain_ms


def test_an_activation_has_what_was_coupled():
    speeds = {"cv_fiber_mm_per_ms": 0.6, "cv_transverse_mm_per_ms": 0.25}
    stage = activate(patient(), beat_of("crt"), CAPTURE.model_copy(update=speeds))
    found = coupled("crt")
    np.testing.assert_allclose(stage.activation_time, found.activation_time, atol=1e-4)
    np.testing.assert_array_equal(stage.source_nodes, found.sources.nodes)
    assert stage.activation_time.min() == 0 and len(stage.source_nodes) > 20


def test_a_block_of_a_bundle_keeps_the_trees_apart():
    tree, heart = patient().purkinje, np.full(len(patient().heart.points), np.inf)
    heart[tree.pmj_nodes[tree.pmj_side == 1]] = 0.0

    def reached(name):
        network = beat_of(name).network(patient(), CAPTURE)
        right = tree.tree_side[network.links.node - 1] == 1
        times = network.exits(network.arrival(np.inf, heart))
        return np.isfinite(times[right]), np.isfinite(times[~right])

    assert all(its.all() for its in reached("rv-pacing"))
    for name in ("lbbb", "rbbb"):
        right, left = reached(name)
        assert right.all() and not left.any()
    right, left = reached("lafb")
    assert right.all() and left.any() and not left.all()


def test_a_distal_block_silences_what_is_behind_it():
    """Neither the His bundle nor the muscle reaches its tips, and those of other trees are as
    before."""
    tree, everywhere = patient().purkinje, np.zeros(len(patient().heart.points))
    whole = built_in("sinus").network(patient(), CAPTURE)
    for name, gone in (("lbbb", ("anterior", "septal", "posterior")), ("lafb", ("anterior",))):
        network = built_in(name).network(patient(), CAPTURE)
        silent = np.isinf(network.exits(network.arrival(0.0, everywhere)))
        graph = nx.Graph((tree.tree_edges + 1).tolist())
        roots = tree.tree_roots[np.isin(tree.root_fascicle, gone)] + 1
        behind = set().union(*(nx.node_connected_component(graph, root) for root in roots))
        np.testing.assert_array_equal(silent, np.isin(network.links.node, list(behind)))
        heard, usual = from_his(network)[~silent], from_his(whole)[~silent]
        np.testing.assert_array_equal(heard, usual)


def delayed(antegrade, retrograde):
    delays = {"pmj_antegrade_ms": antegrade, "pmj_retrograde_ms": retrograde}
    return CAPTURE.model_copy(update=delays)


def test_longer_delays_are_never_earlier():
    steps = [(0.0, 0.0), (2.0, 0.0), (8.0, 3.0)]
    times = [coupled("rv-pacing", delayed(*step), near_rings=0).activation_time for step in steps]
    for sooner, later in zip(times[:-1], times[1:]):
        assert np.all(sooner <= later + 1e-6)
        assert np.any(sooner < later - 0.5)


def test_numbering_does_not_matter():
    rng = generator(1, "capture")
    plain, network = coupled("crt"), beat_of("crt").network(patient(), CAPTURE)
    given = beat_of("crt").sources(patient(), CAPTURE)
    points, cells, *_ = muscle().mesh
    order, cell_order = rng.permutation(len(points)), rng.permutation(len(cells))
    tree_order = rng.permutation(network.n_nodes - 1)
    new, new_tree = np.argsort(order), np.append(network.his, 1 + np.argsort(tree_order))
    mixed = Eikonal.of(points[order], new[cells][cell_order], muscle().tensors[cell_order])
    links = network.links._replace(
        node=new_tree[network.links.node], heart=new[network.links.heart]
    )
    renumbered = replace(network, edges=new_tree[network.edges][:, ::-1], links=links)
    found = solve(mixed, renumbered, given._replace(nodes=new[given.nodes]))
    np.testing.assert_allclose(found.activation_time, plain.activation_time[order], atol=1e-5)
    np.testing.assert_allclose(found.network_time[new_tree], plain.network_time, atol=1e-5)


@pytest.mark.slow
def test_both_backends_find_the_same_wave():
    ours, theirs = coupled("rv-pacing"), coupled("rv-pacing", backend="fim-python")
    far = np.abs(ours.activation_time - theirs.activation_time)
    assert far.max() < 1e-3
