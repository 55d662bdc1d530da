"""Fibres and activation of an imported heart's own mesh, carried to the patient's."""

from types import SimpleNamespace

import numpy as np
import pytest
import pyvista as pv

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.carp import write_carp
from einthoven.base.geometry.tet_places import TetPlaces
from einthoven.body.fibers.ldrb import with_measured_fibers
from einthoven.body.imported.measured import read_measured
from einthoven.body.imported.sheet import Row
from einthoven.data.patient.measured import MeasuredTissue
from einthoven.data.patient.stages import Fibers


def box(n, size=60.0):
    """Tetrahedra of a cube."""
    ticks = np.linspace(0.0, size, n + 1)
    grid = pv.RectilinearGrid(ticks, ticks, ticks).to_tetrahedra(5)
    return np.asarray(grid.points, float), grid.cell_connectivity.reshape(-1, 4)


PLACES = np.random.default_rng(1).uniform(1.0, 59.0, (300, 3))


def twisted(places):
    """Fibres that turn with depth, as through a wall."""
    angle = places[:, 2] / 30.0
    return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)


def degrees(a, b):
    """Angles between lines, blind to signs."""
    return np.degrees(np.arccos(np.clip(np.abs(np.einsum("pi,pi->p", a, b)), 0, 1)))


def test_a_linear_activation_is_reproduced_and_carried_outside_to_first_order():
    points, cells = box(4)
    slope = np.array([0.5, -1.0, 0.8])
    tissue = MeasuredTissue(points, cells, time=points @ slope)
    times, gap = tissue.time_at(PLACES)
    np.testing.assert_allclose(times, PLACES @ slope, atol=1e-9)
    np.testing.assert_allclose(gap, 0, atol=1e-9)
    outside = np.array([[30.0, 30.0, 62.0], [-1.5, 20.0, 20.0]])
    times, gap = tissue.time_at(outside)
    np.testing.assert_allclose(gap, [2.0, 1.5])
    assert (np.abs(times - outside @ slope) <= gap * np.linalg.norm(slope) + 1e-9).all()


def test_fibres_converge_and_their_signs_mean_nothing():
    errors, sizes = [], [4, 8, 16]
    for n in sizes:
        points, cells = box(n)
        found, _ = MeasuredTissue(points, cells, twisted(points)).fiber_at(PLACES)
        errors.append(degrees(found, twisted(PLACES)).mean())
    assert np.polyfit(np.log(sizes), np.log(errors), 1)[0] < -1.7  # second order
    assert errors[-1] < 0.2
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(points), 1))
    turned, _ = MeasuredTissue(points, cells, signs * twisted(points)).fiber_at(PLACES)
    assert degrees(turned, found).max() < 1e-4


def test_nodes_without_values_are_a_hole_whose_width_is_told():
    points, cells = box(6)
    hole = np.linalg.norm(points - 30.0, axis=1) < 11.0
    time = np.where(hole, np.nan, points[:, 0])
    times, gap = MeasuredTissue(points, cells, time=time).time_at(np.array([[30.0, 30.0, 30.0]]))
    assert 10.0 <= gap[0] <= 20.0 and np.isfinite(times).all()


def test_frames_are_right_handed_about_the_measured_fibre():
    points, cells = box(4)
    tissue = MeasuredTissue(points, cells, twisted(points))
    heart = SimpleNamespace(centroids=PLACES)
    frames = np.linalg.qr(np.random.default_rng(2).normal(size=(len(PLACES), 3, 3)))[0]
    frames[:, :, 2] *= np.linalg.det(frames)[:, None]
    frames[0] = np.roll(np.eye(3), 1, axis=1)  # whose n0 is its fibre
    ruled = Fibers(patient="a", **dict(zip(("f0", "s0", "n0"), np.moveaxis(frames, 2, 0))))
    found = with_measured_fibers(ruled, heart, tissue)
    axes = np.stack([found.f0, found.s0, found.n0], axis=2)
    np.testing.assert_allclose(axes.transpose(0, 2, 1) @ axes, np.eye(3) + 0 * axes, atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(axes), 1, atol=1e-5)
    assert degrees(found.f0, twisted(PLACES)).max() < 5.0
    assert (np.einsum("ci,ci->c", found.f0, ruled.f0) >= -1e-6).all()


def test_a_rotated_and_scaled_mesh_has_the_rotated_fibres():
    points, cells = box(4)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    tissue = MeasuredTissue(points, cells, twisted(points), points[:, 0])
    moved = tissue.moved(10.0 * turn, np.array([1.0, 2.0, 3.0]))
    places = PLACES @ (10 * turn) + [1.0, 2.0, 3.0]
    assert degrees(moved.fiber_at(places)[0], tissue.fiber_at(PLACES)[0] @ turn).max() < 1e-2
    np.testing.assert_allclose(moved.time_at(places)[0], PLACES[:, 0], atol=1e-6)


def test_opencarp_meshes_have_their_lon_and_a_file_of_times(tmp_path):
    points, cells = box(3)
    fibers = twisted(points[cells].mean(axis=1))
    write_carp(tmp_path / "m", points, cells, np.ones(len(cells), int), fibers)
    times = points[:, 0].copy()
    times[5] = -1.0
    (tmp_path / "lat.dat").write_text("\n".join(f"{t:.6f}" for t in times))
    row = Row("a", "m.pts", "", "", "um", "LPS", "fiber=m.lon time=lat.dat", str(tmp_path))
    assert {str(tmp_path / name) for name in ("m.lon", "lat.dat", "m.elem")} <= set(row.files)
    found = read_measured(row.heart, tmp_path, row.measured)
    assert np.isnan(found.time[5]) and np.isfinite(np.delete(found.time, 5)).all()
    near = found.moved(1e-3 * np.eye(3), np.zeros(3)).fiber_at(points[cells].mean(axis=1))[0]
    assert np.median(degrees(near, fibers)) < 10.0  # cells of 20 mm that turn by 38 degrees
    assert row.surface_tags == "" and found.scenario == "sinus"


@pytest.mark.parametrize("text, reason", [
    ("1 2\n3", "m.dat: lines have different"), ("1\n2\n3", "3 values for .* of another mesh"),
])  # fmt: skip
def test_a_bad_file_of_values_gets_its_one_line(tmp_path, text, reason):
    points, cells = box(2)
    write_carp(tmp_path / "m", points, cells, np.ones(len(cells), int))
    (tmp_path / "m.dat").write_text(text.replace("3", "300"))
    with pytest.raises(BadInput, match=reason):
        read_measured("m.pts", tmp_path, {"time": "m.dat"})


def test_weights_are_those_of_the_tetrahedron_that_holds_a_place():
    points, cells = box(3)
    at = TetPlaces.of(points, cells, PLACES)
    np.testing.assert_allclose(at.on(points), PLACES, atol=1e-6)
    assert (at.weights >= -2e-3).all() and at.weights.sum() == pytest.approx(len(PLACES))
