"""Inverse problems with known answers: where their data come from, and what is wrong with them."""

from dataclasses import replace

import numpy as np
import pytest
from fem_transfer import HEART_SURFACES, fem_transfer
from helpers.fem import (
    ball_in_ball,
    boundary_faces,
    electrodes_at,
    muscle_of,
    unit,
    with_fibers,
)
from helpers.mesh import icosphere

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.triangles import unique_edges
from einthoven.data.patient.stages import Activation
from einthoven.inverse.problem.method import Diagnostics, Estimate
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.patient_problem import BodyBeat, RecordedBody
from einthoven.inverse.synthetic.planned import heart_shift
from einthoven.inverse.synthetic.scores import scores
from einthoven.inverse.synthetic.zhu_problem import zhu_problem
from einthoven.physics.ecg.body_potentials import body_potential, source_loads
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.electrophysiology.aliev_panfilov import MS_PER_UNIT, AlievPanfilov
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.solve import solve_lead_fields

SIGMA = LeadFieldSettings()
TIME = np.arange(-5.0, 120.0, 5.0)
SMALL = {"n_heart": 200, "n_torso": 200, "n_electrodes": 40}


@pytest.fixture(scope="module")
def beat():
    """An anisotropic ball of muscle in a torso, crossed by a wave from one node."""
    mesh = ball_in_ball()
    epi = boundary_faces(mesh.cells[: mesh.n_heart_cells])
    tags = np.r_[mesh.facet_tags, np.full(len(epi), Surface.EPI)]
    mesh = replace(mesh, facets=np.concatenate([mesh.facets, epi]), facet_tags=tags)
    rng = np.random.default_rng(3)
    patient = with_fibers(mesh, unit(rng.standard_normal((mesh.n_heart_cells, 3))))
    muscle = muscle_of(mesh)
    start = int(muscle.points[:, 2].argmin())
    arrival = np.linalg.norm(muscle.points - muscle.points[start], axis=1) / 0.8
    activation = Activation(
        patient=patient.name, activation_time=arrival, source_nodes=np.array([start]),
        source_times=np.zeros(1), scenario="pace",
    )  # fmt: skip
    membrane = Membrane(muscle, intracellular(patient.fibers.f0, SIGMA))
    potential = body_potential(patient, membrane, activation, TIME, SIGMA)
    return BodyBeat(patient, activation, TIME, potential, np.array([start])), membrane


@pytest.fixture(scope="module")
def paper():
    heart, torso = icosphere(20.0, 2), icosphere(60.0, 2)
    return zhu_problem(heart, torso, time=np.arange(0.0, 30.0, 0.5))


def test_potential_in_the_body_is_that_of_lead_fields(beat):
    beat, membrane = beat
    loads = source_loads(membrane, beat.activation.activation_time, TIME)
    assert np.abs(loads.sum(axis=0)).max() < 1e-9 * np.abs(loads).max()
    skin = beat.patient.mesh.points[np.unique(beat.patient.mesh.skin)[::60]]
    fields = solve_lead_fields(beat.patient, electrodes_at(skin), SIGMA)
    by_lead_field = membrane.potential(
        beat.activation.activation_time, fields.gradients(membrane.heart, "raw").grad, TIME
    )
    nodes = np.unique(beat.patient.mesh.skin)[::60]
    scale = np.abs(by_lead_field).max()
    np.testing.assert_allclose(beat.potential[nodes], by_lead_field, atol=1e-8 * scale)


def test_elements_outside_the_heart_carry_its_potential_to_the_skin_exactly(beat):
    """Between heart and skin the solution is harmonic in the discrete sense, too."""
    beat, _ = beat
    mesh = beat.patient.mesh
    nodes = np.unique(mesh.skin)[::40]
    found = fem_transfer(mesh, mesh.points[nodes], SIGMA)
    surface = np.unique(mesh.surfaces.union("epi"))
    np.testing.assert_array_equal(found.surface.points, mesh.points[surface])
    expected = beat.potential[nodes]
    np.testing.assert_allclose(
        found.matrix @ beat.potential[surface], expected, atol=1e-8 * np.abs(expected).max()
    )


def test_problem_of_a_patient_is_not_made_by_its_transfer_matrix(beat):
    beat, _ = beat
    body = RecordedBody(beat.patient, **SMALL)
    problem = body.problem(beat)
    assert problem.heart_points.shape == (200, 3) and problem.transfer.shape == (40, 200)
    np.testing.assert_allclose(problem.transfer.sum(axis=1), 1.0, atol=1e-9)
    assert 1e-3 < problem.forward_error < 0.25
    exact = np.linalg.norm(problem.heart_points - problem.sites, axis=1) / 0.8
    np.testing.assert_allclose(problem.activation_time, exact, atol=4.0)  # P1, 12 mm
    wrong = body.problem(beat, heart_shift(10.0, seed=1))
    assert wrong.forward_error > 1.3 * problem.forward_error
    np.testing.assert_array_equal(wrong.potentials, problem.potentials)
    np.testing.assert_array_equal(wrong.body_potentials, problem.body_potentials)
    moved = wrong.heart_points - problem.heart_points
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 10.0)
    np.testing.assert_allclose(wrong.sites - problem.sites, moved[:1])
    np.testing.assert_array_equal(wrong.electrode_points, problem.electrode_points)
    with pytest.raises(BadInput, match="n_electrodes"):
        RecordedBody(beat.patient, n_electrodes=2)


def test_the_surface_of_a_heart_without_cavities_is_its_epicardium(beat):
    mesh = beat[0].patient.mesh
    shell, muscle = (HEART_SURFACES[name].faces(mesh) for name in ("epicardium", "myocardium"))
    np.testing.assert_array_equal(shell, muscle)


def test_a_saved_problem_comes_back_and_its_noise_too(paper, tmp_path):
    paper.save(tmp_path / "problem.npz")
    again = KnownProblem.load(tmp_path / "problem.npz")
    for name, value in paper.__dict__.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(again, name), value)
    assert (again.name, again.unit, again.transmembrane) == ("paper", "1", True)
    np.testing.assert_array_equal(again.noisy(0.1, 4), paper.noisy(0.1, 4))
    noise = paper.noisy(0.1, 4) - paper.body_potentials
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert (
        abs(np.corrcoef(noise.ravel(), (paper.noisy(0.1, 5) - paper.body_potentials).ravel())[0, 1])
        < 0.05
    )
    np.testing.assert_array_equal(paper.noisy(0.0, 4), paper.body_potentials)
    np.savez(tmp_path / "other.npz", points=np.ones(3))
    with pytest.raises(BadInput, match="lacks"):
        KnownProblem.load(tmp_path / "other.npz")


def test_paper_problem_is_a_wave_from_the_site_seen_through_its_matrix(paper):
    assert paper.forward_error == 0.0
    np.testing.assert_allclose(paper.transfer.sum(axis=1), 1.0, atol=1e-9)
    angle = np.arccos(np.clip(paper.heart_points @ paper.sites[0] / 400, -1, 1))
    assert np.corrcoef(20 * angle, paper.activation_time)[0, 1] > 0.99
    assert paper.potentials.min() > -1e-9 and 0.99 < paper.potentials.max() <= 1.0 + 1e-9


def test_errors_of_geometry_and_physics(paper):
    heart, torso = (paper.heart_points, paper.heart_faces), (paper.torso_points, paper.torso_faces)
    time = paper.time
    wrong = zhu_problem(heart, torso, time=time, heart_shift=heart_shift(5.0, seed=2))
    np.testing.assert_array_equal(wrong.body_potentials, paper.body_potentials)
    assert 0.003 < wrong.forward_error < 0.2
    slow = zhu_problem(heart, torso, AlievPanfilov(diffusion=7.0), time)
    ratio = slow.activation_time.max() / paper.activation_time.max()
    assert ratio == pytest.approx(np.sqrt(10 / 7), rel=0.06)
    with pytest.raises(BadInput, match="ends before"):
        zhu_problem(heart, torso, time=time[:10])


def test_scores_of_the_truth_and_of_a_wrong_answer(paper):
    sd = np.full(paper.potentials.shape, 0.05)
    rng = np.random.default_rng(1)
    noisy = paper.potentials + 0.05 * rng.standard_normal(paper.potentials.shape)
    row = scores(paper, Estimate(noisy, Diagnostics(sd=sd, seconds=2.0)))
    assert row["coverage_90"] == pytest.approx(0.9, abs=0.01) and row["seconds"] == 2.0
    assert row["mse"] == pytest.approx(0.05**2, rel=0.05)
    perfect = scores(paper, Estimate(paper.potentials, Diagnostics()))
    assert perfect["re"] == 0 and perfect["cc"] == pytest.approx(1)
    assert "coverage_90" not in perfect and "at_coverage_90" not in perfect
    assert perfect["at_error_ms"] < 0.5 * MS_PER_UNIT and perfect["at_cc"] > 0.99
    assert perfect["site_error_mm"] < 5
    assert perfect["n_breakthroughs"] == perfect["n_breakthroughs_true"] == 1
    late = Diagnostics(activation_time=paper.activation_time + 1.0, activation_sd=sd[:, 0])
    own = scores(paper, Estimate(paper.potentials, late))
    assert own["at_error_ms"] == pytest.approx(MS_PER_UNIT) and own["at_coverage_90"] == 0.0
    inverted = scores(paper, Estimate(-paper.potentials, Diagnostics()))
    assert inverted["re"] == pytest.approx(2) and inverted["cc"] == pytest.approx(-1)


def test_caps_have_no_activation_and_are_not_scored(paper):
    times = np.where(paper.heart_points[:, 2] > 13, np.nan, paper.activation_time)
    capped = replace(paper, activation_time=times)
    estimate = Estimate(paper.potentials, Diagnostics(activation_time=paper.activation_time))
    row = scores(capped, estimate)
    assert row["at_error_ms"] == 0.0 and row["at_cc"] == pytest.approx(1.0)
    stated = np.where(np.isnan(times), -100.0, times)  # an early cap is no site
    early = scores(capped, Estimate(paper.potentials, Diagnostics(activation_time=stated)))
    assert early["site_error_mm"] == row["site_error_mm"]
    assert early["n_breakthroughs"] == row["n_breakthroughs"] == row["n_breakthroughs_true"]


def test_remeshing_to_a_number_of_vertices():
    for start in (1, 4):  # coarser and finer than what is wanted
        points, faces = remesh_to(*icosphere(30.0, start), 300)
        assert points.shape == (300, 3) and faces.shape == (596, 3)
        assert (unique_edges(faces)[1] == 2).all() and enclosed_volume(points, faces) > 0
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 30.0, atol=0.15)
    edges = unique_edges(faces)[0]
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    assert length.max() < 2.2 * length.min()


def test_shifts_are_as_long_as_they_say():
    assert np.linalg.norm(heart_shift(5.0, seed=3)) == pytest.approx(5.0)
    assert not np.allclose(heart_shift(5.0, seed=3), heart_shift(5.0, seed=4))
    with pytest.raises(BadInput, match="leave the body"):
        heart_shift(90.0, seed=3)
