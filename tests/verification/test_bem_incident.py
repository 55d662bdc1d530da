"""The incident field against balls in closed form, finite elements, and what it must not know."""

import numpy as np
import pytest
from helpers.closed_forms import ball_lead_field_grad
from helpers.fem import random_rotation
from helpers.mesh import icosphere

from einthoven.base.config.models import (
    AnatomySettings,
    CohortSettings,
    LeadFieldSettings,
    MeshSettings,
)
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.gradient_recovery import apply_operator, gradient_operator
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.learning.surrogate.operator.inputs import torso_fields
from einthoven.numerics.bem.bem_body import BemBody, Inclusion, Triangles
from einthoven.numerics.bem.incident import coarsened, incident_fields
from einthoven.numerics.bem.leadfield import LeadFieldProblem
from einthoven.physics.leadfield.neumann import NeumannProblem, electrode_weights, skin_faces

RADIUS, SIGMA = 100.0, 0.2


def directions(n, seed):
    found = np.random.default_rng(seed).normal(size=(n, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


REGION = 75.0 * directions(150, 1) * np.linspace(0.1, 1, 150)[:, None] ** (1 / 3)
"""Points as close to the skin as a heart, 25 mm."""


def on_skin(skin):
    """Electrodes in the middle of triangles, on their edges and in their corners."""
    places = attach(*skin, RADIUS * directions(6, 0)).on(skin[0])
    a, b = skin[0][skin[1][0, :2]]
    return np.vstack([places, 0.5 * (a + b), a])


def relative(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


def test_electrodes_between_nodes_of_a_ball():
    """Order two, 25 mm under the skin: reading by interpolation is ten times worse there."""
    errors = []
    for n_split in (1, 2, 3):
        skin = icosphere(RADIUS, n_split)
        electrodes = on_skin(skin)
        found = incident_fields(skin, electrodes, REGION, SIGMA).gradient(REGION)
        exact = np.stack([ball_lead_field_grad(REGION, e, RADIUS, SIGMA) for e in electrodes])
        errors.append(relative(found, exact))
    assert -np.polyfit(np.arange(3), np.log2(errors), 1)[0] > 1.8, errors
    assert errors[-1] < 0.015


def test_a_few_sources_serve_for_all():
    skin = icosphere(RADIUS, 3)
    heart = 60.0 * directions(400, 2) * np.linspace(0.1, 1, 400)[:, None] ** (1 / 3)
    full = LeadFieldProblem(BemBody(skin, SIGMA)).solve(on_skin(skin))
    few = full.compressed(heart[::2])
    assert len(few.sources) < 0.5 * len(full.sources)
    inside = heart[1::2]
    assert relative(few.gradient(inside), full.gradient(inside)) < 1e-3
    assert relative(few.potential(inside), full.potential(inside)) < 1e-3


def test_sources_are_mixed_at_the_end():
    """Also with lungs, in other axes, and with more threads bit by bit."""
    skin, lung = icosphere(RADIUS, 2), icosphere(15.0, 1, (0, 0, 75.0))
    inclusions = [Inclusion(*lung, conductivity=0.05)]
    region, axes = 0.7 * REGION, random_rotation(np.random.default_rng(6))
    full = LeadFieldProblem(BemBody(skin, SIGMA, inclusions)).solve(on_skin(skin))
    few = incident_fields(skin, on_skin(skin), region, SIGMA, inclusions)
    found = few.gradient(region, axes)
    assert found.dtype == np.float32
    assert relative(found, full.gradient(region) @ axes) < 1e-3
    mixed = np.einsum("es,spd->epd", few.strengths, few.source_gradients(region, axes))
    np.testing.assert_allclose(mixed, found, atol=1e-5 * np.abs(found).max())
    more = incident_fields(skin, on_skin(skin), region, SIGMA, inclusions, threads=2)
    np.testing.assert_array_equal(more.gradient(region, axes), found)


def test_no_frame_and_the_inverse_of_the_conductivity():
    skin = icosphere(RADIUS, 2)
    electrodes = on_skin(skin)
    usual = incident_fields(skin, electrodes, REGION, SIGMA).gradient(REGION)
    turn, shift = random_rotation(np.random.default_rng(5)), np.array([10.0, -200.0, 3.0])
    moved = incident_fields(
        (skin[0] @ turn.T + shift, skin[1]), electrodes @ turn.T + shift, REGION @ turn.T + shift,
        3 * SIGMA,
    )  # fmt: skip
    found = 3 * moved.gradient(REGION @ turn.T + shift) @ turn
    np.testing.assert_allclose(found, usual, atol=1e-3 * np.abs(usual).max())


def test_a_fine_skin_is_coarsened():
    skin = Triangles(*icosphere(RADIUS, 3))
    assert coarsened(skin) is skin
    coarse = coarsened(skin, 400)
    assert len(coarse.points) == 400 < len(skin.points)
    assert enclosed_volume(*coarse) == pytest.approx(enclosed_volume(*skin), rel=0.02)
    electrodes = attach(*coarse, on_skin(skin)).on(coarse.points)
    found = incident_fields(coarse, electrodes, REGION, SIGMA).gradient(REGION)
    exact = np.stack([ball_lead_field_grad(REGION, e, RADIUS, SIGMA) for e in on_skin(skin)])
    assert relative(found, exact) < 0.05


def test_bad_places_are_refused():
    skin = icosphere(RADIUS, 1)
    with pytest.raises(BadInput, match="electrode 1 is .* off the skin"):
        incident_fields(skin, np.array([[0, 0, 100.0], [0, 0, 120.0]]), REGION)
    fields = incident_fields(skin, on_skin(skin), REGION)
    with pytest.raises(BadInput, match="outside the body"):
        fields.gradient(2 * REGION)


@pytest.mark.slow
@pytest.mark.parametrize("lungs", [False, True])
def test_finite_elements_of_a_patient_without_heart(lungs):
    """The difference is the elements' own error: 0.4 degrees at these sizes, 0.6 with lungs."""
    anatomy = build_anatomy(
        draw_patient(0, CohortSettings()), AnatomySettings(sites="around", lungs=lungs)
    )
    electrodes, config = anatomy.electrodes(0, 24), LeadFieldSettings()
    mesh = tetrahedralise(anatomy.surfaces, electrodes.points, MeshSettings())
    in_lung = mesh.cell_tags == Tissue.LUNG
    assert in_lung.any() == lungs
    sigma = np.where(in_lung, config.sigma_lung_s_per_m, config.sigma_torso_s_per_m)
    problem = NeumannProblem(mesh, sigma[:, None, None] * np.eye(3), 24, config)
    loads = electrode_weights(mesh.points, skin_faces(mesh), electrodes.points, electrodes.names)
    z = problem.solve(loads.T.tocsc(), -problem.skin_areas / problem.skin_areas.sum()).x.T
    heart = slice(None, mesh.n_heart_cells)
    points = mesh.points[: mesh.n_heart_nodes]
    operator = gradient_operator("recovered", points, mesh.cells[heart])
    by_elements = apply_operator(operator, z[:, : len(points)])
    centroids = points[mesh.cells[heart]].mean(axis=1)
    fields = torso_fields(anatomy, electrodes.points, centroids, config)
    by_boundary = fields.gradient(centroids) / config.sigma_torso_s_per_m
    assert angular_error_deg(by_boundary, by_elements).mean() < (0.8 if lungs else 0.6)
    assert relative(by_boundary, by_elements) < 0.06
