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
from helpers_heart import activated_patient

from einthoven.config.activation import Activation
from einthoven.core.errors import BadInput
from einthoven.core.seeds import generator
from einthoven.electrophysiology.capture import (
    GAIN_MS,
    NO_DELAY,
    JunctionDelays,
    Sources,
    solve_coupled,
)
from einthoven.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.electrophysiology.purkinje.network import Network
from einthoven.electrophysiology.scenarios import activate
from einthoven.electrophysiology.scenarios.kinds import built_in

SPEED = 0.5


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


def bypass(points, enter, leave, delay):
    """A network with one edge between two cross-sections, each one junction of four nodes."""
    ends = [np.flatnonzero(points[:, 0] == x) for x in (enter, leave)]
    return Network(
        edges=np.array([[0, 1]]),
        delays=np.array([delay]),
        link_tip=np.repeat([0, 1], 4),
        link_heart=np.concatenate(ends),
        n_nodes=3,
    )


@pytest.mark.parametrize("delays", [(0.0, 0.0), (3.0, 1.0), (40.0, 0.0), (80.0, 0.0)])
@pytest.mark.parametrize("backend", ["einthoven", "fim-python"])
def test_a_fast_bypass_of_a_strand_gives_the_least_of_two_lines(delays, backend):
    eikonal = on_strand(backend)
    x, delays = eikonal.mesh.points[:, 0], JunctionDelays(*delays)
    first = Sources(np.flatnonzero(x == 0), np.zeros(4))
    found = solve_coupled(eikonal, bypass(eikonal.mesh.points, 10, 50, 8.0), first, delays)
    around = 10 / SPEED + delays.retrograde + 8.0 + delays.antegrade
    exact = np.minimum(x / SPEED, around + np.abs(x - 50) / SPEED)
    np.testing.assert_allclose(found.arrival.activation_time, exact, atol=1e-9)
    bypassed = around < 50 / SPEED
    assert set(found.sources.nodes[4:]) == set(np.flatnonzero(x == 50) if bypassed else [])
    assert found.n_rounds == int(bypassed)


def test_a_wave_goes_through_a_bypass_in_either_direction():
    eikonal = on_strand()
    points = eikonal.mesh.points
    network = bypass(points, 10, 50, 8.0)
    times = []
    for end, x in ((0, points[:, 0]), (60, 60 - points[:, 0])):
        first = Sources(np.flatnonzero(points[:, 0] == end), np.zeros(4))
        found = solve_coupled(eikonal, network, first).arrival.activation_time
        times.append(found[np.lexsort((points[:, 2], points[:, 1], x))])
    np.testing.assert_allclose(times[0], times[1], atol=1e-9)


def test_the_his_bundle_and_the_muscle_start_one_wave():
    eikonal = on_strand()
    x = eikonal.mesh.points[:, 0]
    whole = bypass(eikonal.mesh.points, 10, 50, 8.0)
    joined = replace(whole, edges=np.array([[0, 1], [2, 1]]), delays=np.array([8.0, 5.0]))
    first = Sources(np.flatnonzero(x == 0), np.zeros(4), his_ms=20.0)
    found = solve_coupled(eikonal, joined, first)
    exact = np.minimum.reduce([x / SPEED, 25 + np.abs(x - 50) / SPEED, 33 + np.abs(x - 10) / SPEED])
    np.testing.assert_allclose(found.arrival.activation_time, exact, atol=1e-9)
    np.testing.assert_allclose(found.network_time, [20.0, 25.0, 20.0], atol=1e-9)


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
    network = Network.of(patient())
    node = network.link_heart[7]
    found = solve_coupled(muscle(STILL), network, Sources(np.array([node]), np.zeros(1)))
    graph = nx.Graph()
    graph.add_weighted_edges_from(
        (int(a), int(b), float(delay)) for (a, b), delay in zip(network.edges, network.delays)
    )
    graph.add_weighted_edges_from(
        (int(t), f"junction {n}", 0.0) for t, n in zip(network.link_tip, network.link_heart)
    )
    paths = nx.single_source_dijkstra_path_length(graph, f"junction {node}")
    exact = np.array([paths[k] for k in range(network.n_nodes)])
    np.testing.assert_allclose(found.network_time, exact, atol=1e-9)
    at_junctions = np.full(len(patient().heart.points), np.inf)
    np.minimum.at(at_junctions, network.link_heart, exact[network.link_tip])
    junctions = np.isfinite(at_junctions)
    time = found.arrival.activation_time
    np.testing.assert_allclose(time[junctions], at_junctions[junctions], atol=1e-9)


def test_junctions_have_the_times_that_the_tree_states():
    tree, network = patient().purkinje, Network.of(patient())
    times = np.full(len(patient().heart.points), np.inf)
    exits = network.exits(0.0, np.full(len(network.link_tip), np.inf))
    for side in (-1, 1):
        of_side = tree.tree_side[network.link_tip] == side
        np.minimum.at(times, network.link_heart[of_side], exits[of_side])
        nodes = tree.pmj_nodes[tree.pmj_side == side]
        np.testing.assert_allclose(times[nodes], tree.pmj_times[tree.pmj_side == side], atol=1e-9)


def shifted(name):
    given = built_in(name).sources(patient(), Activation())
    first = given.times.min()
    return Sources(given.nodes, given.times - first, given.his_ms - first)


@cache
def coupled(name, delays=NO_DELAY, **options):
    network = built_in(name).network(patient())
    return solve_coupled(muscle(**options), network, shifted(name), delays)


def test_without_an_entry_sinus_rhythm_is_as_without_capture():
    """In still muscle with one tip per junction none is reached before the tree is there."""
    given, network = shifted("sinus"), built_in("sinus").network(patient())
    exits = network.exits(0.0, np.full(len(network.link_tip), np.inf))
    order = np.lexsort((exits, network.link_heart))
    first = order[np.unique(network.link_heart[order], return_index=True)[1]]
    single = replace(
        network, link_tip=network.link_tip[first], link_heart=network.link_heart[first]
    )
    alone = muscle(STILL).arrival(given.nodes, given.times)
    found = solve_coupled(muscle(STILL), single, given)
    assert found.n_rounds == 0
    np.testing.assert_array_equal(found.arrival.activation_time, alone.activation_time)
    np.testing.assert_array_equal(found.sources.nodes, given.nodes)


@cache
def alone(name):
    given = shifted(name)
    return muscle().arrival(given.nodes, given.times).activation_time


@pytest.mark.parametrize("name", ["sinus", "lbbb", "lafb", "crt", "rv-pacing"])
def test_capture_is_a_fixed_point_and_never_later_than_without(name):
    found, network = coupled(name), built_in(name).network(patient())
    time, tree = found.arrival.activation_time, found.network_time
    assert np.all(time <= alone(name) + 1e-9)
    heart, tip = network.link_heart, network.link_tip
    assert np.all(tree[tip] <= time[heart] + 1e-9)
    assert np.all(time[heart] <= tree[tip] + GAIN_MS)
    assert found.gap_ms <= GAIN_MS and found.arrival.residual_ms < 1e-6
    a, b = network.edges[np.isfinite(network.delays)].T
    delays = network.delays[np.isfinite(network.delays)]
    assert np.all(np.abs(tree[a] - tree[b]) <= delays + 1e-9)


def test_capture_shortens_paced_beats_and_left_bundle_branch_block():
    for name, gain_ms in (("crt", 10), ("rv-pacing", 20), ("lbbb", 5)):
        assert coupled(name).arrival.activation_time.max() < alone(name).max() - gain_ms


def test_an_activation_has_what_was_coupled():
    stage = activate(patient(), "crt", Activation(capture=True))
    found = coupled("crt")
    np.testing.assert_allclose(stage.activation_time, found.arrival.activation_time, atol=1e-4)
    np.testing.assert_array_equal(stage.source_nodes, found.sources.nodes)
    assert stage.activation_time.min() == 0 and len(stage.source_nodes) > 20


def test_a_block_of_a_bundle_keeps_the_trees_apart():
    network = built_in("rv-pacing").network(patient())
    right = patient().purkinje.tree_side[network.link_tip] == 1
    entry = np.where(right, 0.0, np.inf)
    assert np.isfinite(network.exits(np.inf, entry)).all()
    for name in ("lbbb", "rbbb"):
        exits = built_in(name).network(patient()).exits(np.inf, entry)
        assert np.isfinite(exits[right]).all() and np.isinf(exits[~right]).all()


def test_longer_delays_are_never_earlier():
    steps = [(0.0, 0.0), (2.0, 0.0), (8.0, 3.0)]
    times = [
        coupled("rv-pacing", JunctionDelays(*step), near_rings=0).arrival.activation_time
        for step in steps
    ]
    for sooner, later in zip(times[:-1], times[1:]):
        assert np.all(sooner <= later + 1e-6)
        assert np.any(sooner < later - 0.5)


def test_numbering_does_not_matter():
    rng = generator(1, "capture")
    plain, network, given = coupled("crt"), built_in("crt").network(patient()), shifted("crt")
    points, cells, *_ = muscle().mesh
    order, cell_order = rng.permutation(len(points)), rng.permutation(len(cells))
    tree_order = rng.permutation(network.n_nodes - 1)
    new, new_tree = np.argsort(order), np.append(np.argsort(tree_order), network.his)
    mixed = Eikonal.of(points[order], new[cells][cell_order], muscle().tensors[cell_order])
    renumbered = replace(
        network,
        edges=new_tree[network.edges][:, ::-1],
        link_tip=new_tree[network.link_tip],
        link_heart=new[network.link_heart],
    )
    found = solve_coupled(mixed, renumbered, given._replace(nodes=new[given.nodes]))
    np.testing.assert_allclose(
        found.arrival.activation_time, plain.arrival.activation_time[order], atol=1e-5
    )
    np.testing.assert_allclose(found.network_time[new_tree], plain.network_time, atol=1e-5)


@pytest.mark.slow
def test_both_backends_find_the_same_wave():
    ours, theirs = coupled("rv-pacing"), coupled("rv-pacing", backend="fim-python")
    far = np.abs(ours.arrival.activation_time - theirs.arrival.activation_time)
    assert far.max() < 1e-3


def test_a_solution_is_lowered_as_if_begun_anew_and_in_fewer_updates():
    eikonal, given = muscle(), shifted("rv-pacing")
    first = eikonal.start(given.nodes, given.times)
    known, _ = eikonal.solve(first)
    late = np.flatnonzero(known > 100)[:3]
    start = np.minimum(first, eikonal.start(late, known[late] - 30))
    anew, n_anew = eikonal.solve(start)
    lowered, n_lowered = eikonal.solve(start, known)
    np.testing.assert_allclose(lowered, anew, atol=1e-7)
    assert n_lowered < 0.7 * n_anew


def test_times_of_another_speed_or_tree_are_refused():
    tree = patient().purkinje
    slow = tree.pmj_times.copy()
    slow[3] += 1.0
    with pytest.raises(BadInput, match="off their paths at one speed"):
        Network.of(patient().with_stages(replace(tree, pmj_times=slow)))
    nodes = tree.pmj_nodes.copy()
    nodes[0] = np.setdiff1d(patient().heart.surface_nodes(4), nodes)[0]
    with pytest.raises(BadInput, match="junctions and tips of the trees differ"):
        Network.of(patient().with_stages(replace(tree, pmj_nodes=nodes)))
