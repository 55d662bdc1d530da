"""V_m on the heart's surface as unknown, other torsos, and the forward operators."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from helpers.closed_forms import ball_lead_field_grad
from helpers.fem import ball_in_ball, boundary_faces, electrodes_at, unit, with_fibers
from helpers.heart import heart_patient

from einthoven.base.config.inverse import OperatorName
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.inverse.problem.inverse_problem import SourceSurface
from einthoven.inverse.synthetic.operators import HALF_SPACE, OPERATORS, TransferInputs
from einthoven.inverse.synthetic.other_torsos import MovedSkin, with_skin
from einthoven.inverse.synthetic.transmembrane import SurfaceSource, closed_surface, referenced
from einthoven.numerics.fem.laplace import solve_laplace
from einthoven.physics.ecg.forward import transfer_matrix
from einthoven.physics.leadfield.solve import solve_lead_fields

SIGMA = 0.2
ALIKE = LeadFieldSettings(
    sigma_il_s_per_m=0.1, sigma_it_s_per_m=0.1, sigma_el_s_per_m=0.1, sigma_et_s_per_m=0.1,
    sigma_torso_s_per_m=SIGMA, sigma_blood_s_per_m=SIGMA,
)  # fmt: skip
"""Muscle that conducts as the torso does."""
ELECTRODES = 100.0 * unit(np.array([[1.0, 0, 0], [0, -1, 0.2], [-0.5, 0.3, 1], [0.4, 0.8, -0.6]]))


def gradients(grad):
    names = np.array([f"E{k}" for k in range(len(grad))])
    return LeadFieldGradients(names, np.zeros((len(grad), 3)), grad)


def on_its_own_nodes(heart, sigma_i):
    nodes, faces = closed_surface(heart)
    return SurfaceSource(heart, sigma_i, SourceSurface(heart.points[nodes], faces))


def test_surface_of_the_muscle_is_closed_and_outward():
    heart = heart_patient(7.0).heart
    nodes, faces = closed_surface(heart)
    assert enclosed_volume(heart.points[nodes], faces) == pytest.approx(heart.volumes.sum())


def test_linear_potential_in_a_uniform_lead_field():
    """Phi = - sigma g . a |heart|, whatever the triangles; relative to the electrodes' mean."""
    heart = heart_patient(7.0).heart
    rng = np.random.default_rng(0)
    g, slope = rng.normal(size=(4, 3)), rng.normal(size=3)
    uniform = gradients(np.repeat(g[:, None], len(heart.cells), axis=1))
    sigma_i = np.broadcast_to(0.17 * np.eye(3), (len(heart.cells), 3, 3))
    expected = referenced(-0.17 * (g @ slope) * heart.volumes.sum())
    exact = on_its_own_nodes(heart, sigma_i)
    found = exact.transfer(uniform) @ (exact.surface.points @ slope)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    other = SurfaceSource.of(heart, sigma_i, 9.0)
    assert len(other.surface.points) < len(exact.surface.points)
    found = other.transfer(uniform) @ (other.surface.points @ slope)
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())
    away = heart.points[other.nearest] - other.surface.points
    assert np.linalg.norm(away, axis=1).max() < 7.0


def test_potential_goes_on_inside_without_sources():
    """One solution an electrode is the same as one a node of the surface."""
    heart = heart_patient(7.0).heart
    rng = np.random.default_rng(1)
    factor = rng.normal(size=(len(heart.cells), 3, 3))
    sigma_i = 0.1 * np.eye(3) + 0.05 * factor @ factor.transpose(0, 2, 1)
    grad = rng.normal(size=(3, len(heart.cells), 3))
    source = on_its_own_nodes(heart, sigma_i)
    matrix = source.transfer(gradients(grad))
    v_m = rng.normal(size=matrix.shape[1])
    inside = solve_laplace(heart.points, heart.cells, [[(source.boundary, v_m)]], sigma_i)[0]
    whole = transfer_matrix(heart, sigma_i, grad) @ inside
    np.testing.assert_allclose(matrix @ v_m, referenced(whole), rtol=1e-7, atol=1e-9)
    assert np.abs(matrix.sum(axis=1)).max() < 1e-9 * np.abs(matrix).max() * matrix.shape[1]


def ball():
    """An anatomy around a mesh of two balls, fibres, and lead fields: muscle like the torso."""
    mesh = ball_in_ball(h_outer=20.0)
    muscle = boundary_faces(mesh.cells[: mesh.n_heart_cells])
    tags = np.full(len(muscle), Surface.EPI)
    tags[:2] = Surface.LV_ENDO, Surface.BASE  # a heart has these, too
    mesh = replace(
        mesh,
        facets=np.concatenate([mesh.facets, muscle]),
        facet_tags=np.concatenate([mesh.facet_tags, tags]),
    )
    bare = with_fibers(mesh, np.tile([1.0, 0, 0], (mesh.n_heart_cells, 1)))
    anatomy = Anatomy(
        patient="ball", points=mesh.points, faces=mesh.skin,
        face_tags=np.full(len(mesh.skin), Surface.SKIN),
        site_names=np.array(["E0"]), site_points=ELECTRODES[:1], ground_point=ELECTRODES[0],
        heart_rotation=np.eye(3), heart_origin=np.zeros(3), latent_pca=np.zeros(23),
        torso_box=np.array([mesh.points.min(axis=0), mesh.points.max(axis=0)]),
        landmark_names=np.array([]), landmark_points=np.empty((0, 3)), split="test",
    )  # fmt: skip
    patient = bare.with_stages(anatomy)
    skin = MovedSkin.scaled(anatomy, 1.0)
    fields = solve_lead_fields(patient, electrodes_at(skin.at(ELECTRODES)), ALIKE)
    return patient.with_stages(fields)


@pytest.fixture(scope="module")
def known():
    return TransferInputs(ball(), ALIKE)


def near_the_middle(known, name):
    """Gradients by an operator where no surface is near: [electrode, place, 3]; and the places."""
    centroids = known.patient.heart.centroids
    inner = np.linalg.norm(centroids, axis=1) < 20.0
    return OPERATORS[name](known).grad[:, inner], centroids[inner]


def test_skin_of_the_same_size_moves_nothing(known):
    patient = known.patient
    same = with_skin(patient, MovedSkin.scaled(patient.anatomy, 1.0))
    np.testing.assert_allclose(same.mesh.points, patient.mesh.points, atol=1e-9)


def test_other_torso_keeps_the_heart(known):
    patient = known.patient
    larger = with_skin(patient, MovedSkin.scaled(patient.anatomy, 1.1))
    n = patient.mesh.n_heart_nodes
    np.testing.assert_allclose(larger.mesh.points[:n], patient.mesh.points[:n], atol=1e-9)
    skin = np.unique(patient.mesh.skin)
    np.testing.assert_allclose(larger.mesh.points[skin], 1.1 * patient.mesh.points[skin], atol=1e-6)
    other = replace(patient.anatomy, points=patient.anatomy.points + 7.0, heart_origin=np.ones(3))
    there = MovedSkin.of_other(patient.anatomy, other).at(ELECTRODES)
    here = MovedSkin.scaled(patient.anatomy, 1.0).at(ELECTRODES)
    np.testing.assert_allclose(there, here + 6.0)


def test_a_skin_inside_the_heart_is_refused(known):
    with pytest.raises(BadInput, match="inverted in the other torso"):
        with_skin(known.patient, MovedSkin.scaled(known.patient.anatomy, 0.35))
    other = replace(known.patient.anatomy, faces=known.patient.anatomy.faces[::-1])
    with pytest.raises(BadInput, match="another triangulation of the skin"):
        MovedSkin.of_other(known.patient.anatomy, other)


@pytest.mark.parametrize("name, factor", [("torso-smaller", 0.9), ("torso-larger", 1.1)])
def test_lead_fields_of_a_ball_of_another_size(known, name, factor):
    """As the closed form has it: at the centre grad Z falls with the square of the radius."""
    right, places = near_the_middle(known, "fem")
    wrong = near_the_middle(known, name)[0]
    for k, electrode in enumerate(ELECTRODES):
        exact = ball_lead_field_grad(places, electrode, 100.0, SIGMA)
        other = ball_lead_field_grad(places, factor * electrode, factor * 100.0, SIGMA)
        ratio = np.linalg.norm(wrong[k], axis=1) / np.linalg.norm(right[k], axis=1)
        expected = np.linalg.norm(other, axis=1) / np.linalg.norm(exact, axis=1)
        assert ratio.mean() == pytest.approx(expected.mean(), rel=0.02)


def test_operators_of_one_truth_agree(known):
    """In a homogeneous ball, elements of both kinds; the formula of a half space is not far."""
    fem, bem = near_the_middle(known, "fem")[0], near_the_middle(known, "bem")[0]
    assert np.linalg.norm(fem - bem) < 0.04 * np.linalg.norm(bem)
    pseudo, places = near_the_middle(known, "pseudo")
    rho = known.lead_fields.electrode_points[0] - places
    expected = HALF_SPACE * rho / (4 * np.pi * SIGMA * np.linalg.norm(rho, axis=1)[:, None] ** 3)
    np.testing.assert_allclose(pseudo[0], expected)


def test_operators_tell_what_they_lack(known):
    assert set(OPERATORS) == set(get_args(OperatorName))
    with pytest.raises(BadInput, match="no prediction of a surrogate"):
        OPERATORS["surrogate"](known)
    with pytest.raises(BadInput, match="no other patient"):
        OPERATORS["torso-other"](known)
