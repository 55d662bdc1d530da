"""Lead fields against closed forms, invariances, and the direct solution they replace."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.closed_forms import ball_lead_field, ball_lead_field_grad, nested_ball_lead_field
from helpers.fem import (
    ball_in_ball,
    electrodes_at,
    muscle_of,
    random_rotation,
    unit,
    with_fibers,
    without_heart,
)

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.simplex import cell_gradient, p1_gradients, sparse_rows, tet_volumes
from einthoven.base.geometry.surface_operators import lumped_areas
from einthoven.base.geometry.tet_places import TetPlaces
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.mumps import Mumps
from einthoven.physics.ecg.forward import transfer_matrix
from einthoven.physics.leadfield.conductivity import bulk, intracellular
from einthoven.physics.leadfield.direct import direct_potential
from einthoven.physics.leadfield.neumann import NeumannProblem, electrode_weights, skin_faces
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad
from einthoven.physics.leadfield.solve import fields_of_loads, solve_lead_fields

SIGMA = LeadFieldSettings(sigma_torso_s_per_m=0.06, sigma_blood_s_per_m=0.06)
RADIUS = 100.0
ELECTRODES = RADIUS * unit(np.random.default_rng(5).normal(size=(6, 3)))
PLACES = electrodes_at(ELECTRODES)
NO_FIBERS = np.zeros((0, 3))


def swirl(mesh):
    """Fibres around the z axis, tilted with the radius."""
    x, y, z = muscle_of(mesh).centroids.T
    return unit(np.stack([-y + 0.3 * z, x, 0.5 * z + 5.0], axis=1))


def gradients(mesh, lead_field):
    """Lead-field gradients in the cells: [electrode, cell, 3]."""
    return cell_gradient(p1_gradients(mesh.points, mesh.cells), mesh.cells, lead_field)


def angles_deg(a, b):
    cosine = np.einsum("...i,...i", unit(a), unit(b))
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))


@pytest.fixture(scope="module")
def mesh():
    return ball_in_ball()


@pytest.fixture(scope="module")
def solved(mesh):
    return solve_lead_fields(with_fibers(mesh, swirl(mesh)), PLACES, SIGMA)


def test_closed_forms_are_consistent():
    """Gradient = finite differences; Laplace's equation; the nested ball contains the ball."""
    points = np.random.default_rng(6).uniform(-35, 35, size=(40, 3))
    electrode = ELECTRODES[0]

    def potential(x):
        return ball_lead_field(x, electrode, RADIUS, 0.06)

    steps = 1e-2 * np.eye(3)
    numeric = np.stack([(potential(points + s) - potential(points - s)) / 2e-2 for s in steps], 1)
    exact = ball_lead_field_grad(points, electrode, RADIUS, 0.06)
    np.testing.assert_allclose(numeric, exact, rtol=1e-5, atol=1e-9)
    nested = nested_ball_lead_field(points, electrode, (60.0, RADIUS), (0.06, 0.06))
    np.testing.assert_allclose(nested, potential(points), rtol=1e-8, atol=1e-9)


def test_ball_converges_with_order_one_in_the_gradient():
    """Mean angular error of element gradients for r < a/2 falls like h (5.7, 2.9 deg at 20, 10)."""
    sizes, errors, node_errors = [], [], []
    for h in (24.0, 17.0, 12.0):
        mesh = without_heart(ball_in_ball(h_outer=h, h_inner=h, inner=50.0))
        lead_field = solve_lead_fields(with_fibers(mesh, NO_FIBERS), PLACES, SIGMA).lead_field
        middle = mesh.points[mesh.cells].mean(axis=1)
        inside = np.linalg.norm(middle, axis=1) < RADIUS / 2
        exact = np.stack([ball_lead_field_grad(middle, e, RADIUS, 0.06) for e in ELECTRODES])
        angles = angles_deg(gradients(mesh, lead_field)[:, inside], exact[:, inside])
        volumes = tet_volumes(mesh.points, mesh.cells)
        errors.append(np.average(angles.mean(axis=0), weights=volumes[inside]))
        core = np.linalg.norm(mesh.points, axis=1) < RADIUS / 2
        z = np.stack([ball_lead_field(mesh.points[core], e, RADIUS, 0.06) for e in ELECTRODES])
        difference = lead_field[:, core] - z
        node_errors.append(np.sqrt((difference**2).mean() / (z**2).mean()))
        sizes.append(volumes[inside].mean() ** (1 / 3))
    order = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert 0.8 < order < 1.4, (sizes, errors)
    assert errors[-1] < 4.0
    node_order = np.polyfit(np.log(sizes), np.log(node_errors), 1)[0]
    assert node_order > 1.5, (sizes, node_errors)


def test_current_bends_into_a_better_conducting_core():
    """An isotropic heart of 0.4 mS/mm in a torso of 0.06: the series solution."""
    isotropic = LeadFieldSettings(
        sigma_il_s_per_m=0.1, sigma_it_s_per_m=0.1, sigma_el_s_per_m=0.3, sigma_et_s_per_m=0.3,
        sigma_torso_s_per_m=0.06, sigma_blood_s_per_m=0.06,
    )  # fmt: skip
    mesh = ball_in_ball(h_outer=16.0, h_inner=8.0)
    patient = with_fibers(mesh, swirl(mesh))
    lead_field = solve_lead_fields(patient, PLACES, isotropic).lead_field
    nodes = mesh.points[: mesh.n_heart_nodes]
    exact = np.stack(
        [nested_ball_lead_field(nodes, e, (40.0, RADIUS), (0.4, 0.06)) for e in ELECTRODES]
    )
    found = lead_field[:, : len(nodes)]
    assert np.linalg.norm(found - exact) < 0.05 * np.linalg.norm(exact)
    homogeneous = np.stack([ball_lead_field(nodes, e, RADIUS, 0.06) for e in ELECTRODES])
    assert np.linalg.norm(found - homogeneous) > 0.3 * np.linalg.norm(exact)  # the core matters


def test_manufactured_anisotropic_solution_has_order_two():
    """u = quadratic with div(G grad u) = 0; its flux as Neumann data of the whole surface."""
    g = np.array([[0.5, 0.1, 0.0], [0.1, 0.3, -0.05], [0.0, -0.05, 0.2]])
    hessian = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.0]])
    hessian[2, 2] -= np.einsum("ij,ij->", g, hessian) / g[2, 2]

    def u(x):
        return 0.5 * np.einsum("ni,ij,nj->n", x, hessian, x) / 100 + x @ [1.0, -2.0, 0.5]

    def flux(x):
        return (x @ hessian / 100 + [1.0, -2.0, 0.5]) @ g

    sizes, errors = [], []
    for h in (30.0, 20.0, 14.0):
        mesh = ball_in_ball(h_outer=h, h_inner=h)
        points, skin = mesh.points, skin_faces(mesh)
        tensors = np.broadcast_to(g, (len(mesh.cells), 3, 3))
        problem = NeumannProblem(mesh, tensors, 1, SIGMA)
        # exact for linear flux on flat triangles: P1 mass matrix (2 on, 1 off diagonal) / 12
        corners = points[skin]
        normals = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        through = np.einsum("fvi,fi->fv", flux(corners.reshape(-1, 3)).reshape(-1, 3, 3), normals)
        load = (through + through.sum(axis=1, keepdims=True)) / 12
        rhs = np.bincount(skin.ravel(), weights=load.ravel(), minlength=len(points))
        found, residual = problem.solve(rhs[:, None])
        assert residual.max() < 1e-11
        exact = u(points)
        difference = found[:, 0] - exact
        difference -= difference.mean()
        errors.append(np.linalg.norm(difference) / np.linalg.norm(exact - exact.mean()))
        sizes.append(tet_volumes(points, mesh.cells).mean() ** (1 / 3))
    order = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert 1.6 < order < 2.6, (sizes, errors)


def test_equation_four_holds_and_skin_mean_is_zero(mesh, solved):
    lead_field, residual = solved.lead_field, solved.residual
    assert lead_field.shape == (len(ELECTRODES), len(mesh.points))
    assert residual.max() < 1e-11
    areas = lumped_areas(mesh.points, skin_faces(mesh))
    assert np.abs(lead_field @ areas).max() < 1e-10 * np.abs(lead_field).max() * areas.sum()
    # positive and largest at the electrode: current enters there
    weights = electrode_weights(mesh.points, skin_faces(mesh), ELECTRODES).toarray()
    electrode = np.arange(len(ELECTRODES))
    assert (weights[electrode, lead_field.argmax(axis=1)] > 0).all()
    assert (lead_field.max(axis=1) > 0).all()
    # Z_a(b) = Z_b(a): reciprocity of two electrodes
    mutual = lead_field @ weights.T
    np.testing.assert_allclose(mutual, mutual.T, atol=1e-12 * np.abs(mutual).max())


def test_batches_give_the_same_field(mesh, solved):
    patient, z = with_fibers(mesh, swirl(mesh)), solved.lead_field
    batches = [
        solve_lead_fields(patient, electrodes_at(ELECTRODES[part]), SIGMA).lead_field
        for part in (slice(0, 1), slice(1, 6))
    ]
    np.testing.assert_allclose(np.vstack(batches), z, rtol=0, atol=1e-12 * z.max())


def test_rotating_the_patient_rotates_the_gradient(mesh, solved):
    rotation = random_rotation(np.random.default_rng(7))
    turned = replace(mesh, points=mesh.points @ rotation.T)
    patient = with_fibers(turned, swirl(mesh) @ rotation.T)
    places = electrodes_at(ELECTRODES @ rotation.T)
    lead_field = solve_lead_fields(patient, places, SIGMA).lead_field
    expected = gradients(mesh, solved.lead_field) @ rotation.T
    np.testing.assert_allclose(
        gradients(turned, lead_field), expected, rtol=0, atol=1e-10 * np.abs(expected).max()
    )


def test_pseudo_field_has_the_sign_and_direction_of_the_field(mesh, solved):
    """Both point to the electrode; the angle in the heart is moderate, never above 90 degrees."""
    heart = mesh.cell_tags == Tissue.MYOCARDIUM
    pseudo = pseudo_lead_field_grad(muscle_of(mesh).centroids, ELECTRODES, 0.06)
    angles = angles_deg(gradients(mesh, solved.lead_field)[:, heart], pseudo)
    assert angles.mean() < 40.0
    bare = with_fibers(without_heart(mesh), NO_FIBERS)
    homogeneous = solve_lead_fields(bare, PLACES, SIGMA).lead_field
    assert angles_deg(gradients(mesh, homogeneous)[:, heart], pseudo).mean() < 25.0


def test_reciprocity_equals_the_direct_solution(mesh, solved):
    """Eq. (3) with Z of eq. (4) gives the potential of eq. (1) at the electrodes."""
    patient, heart = with_fibers(mesh, swirl(mesh)), muscle_of(mesh)
    points = heart.points
    tau = np.linalg.norm(points - points[0], axis=1) / 0.6
    v_m = np.stack([-85 + 110 / (1 + np.exp(-(t - tau) / 2.0)) for t in (20.0, 60.0, 100.0)])
    phi = direct_potential(patient, v_m, SIGMA)
    weights = electrode_weights(mesh.points, skin_faces(mesh), ELECTRODES)
    grad = gradients(mesh, solved.lead_field)[:, : mesh.n_heart_cells]
    ecg = transfer_matrix(heart, intracellular(patient.fibers.f0, SIGMA), grad) @ v_m.T
    direct = weights @ phi.T
    assert np.abs(direct).max() > 0.05  # mV: there is something to compare
    np.testing.assert_allclose(ecg, direct, rtol=0, atol=1e-9 * np.abs(direct).max())


def test_bad_bodies(mesh):
    with pytest.raises(BadInput, match="in m or cm"):
        small = with_fibers(replace(mesh, points=mesh.points / 1000), swirl(mesh))
        solve_lead_fields(small, electrodes_at(ELECTRODES / 1000), SIGMA)
    problem = NeumannProblem(mesh, np.broadcast_to(np.eye(3), (len(mesh.cells), 3, 3)), 1, SIGMA)
    with pytest.raises(BadInput, match="net current"):
        problem.solve(np.eye(len(mesh.points), 1))


def test_pinned_node_does_not_matter(mesh, solved):
    """Solve with another node pinned: the same field."""
    tensors = bulk(swirl(mesh), mesh.cell_tags, SIGMA)
    matrix = stiffness(mesh.points, mesh.cells, tensors)
    areas = lumped_areas(mesh.points, skin_faces(mesh))
    delta = electrode_weights(mesh.points, skin_faces(mesh), ELECTRODES[:1]).toarray()[0]
    other = np.zeros(len(areas))
    other[:-1] = Mumps(matrix[:-1, :-1]).solve((delta - areas / areas.sum())[:-1, None]).x[:, 0]
    other -= areas @ other / areas.sum()
    np.testing.assert_allclose(other, solved.lead_field[0], rtol=0, atol=1e-11 * other.max())


def test_an_electrogram_inside_is_the_direct_solution_there(mesh):
    """Reciprocity holds for electrodes in the muscle, on its surface and in the torso."""
    patient, muscle = with_fibers(mesh, swirl(mesh)), muscle_of(mesh)
    nodes, heart = muscle.points, muscle.cells
    rng = np.random.default_rng(11)
    inner = nodes[heart[rng.choice(len(heart), 3)]].mean(axis=1)
    surface = nodes[[np.linalg.norm(nodes, axis=1).argmax()]]
    places = np.concatenate([inner, surface, [[0.0, 0.0, 80.0]]])
    found = TetPlaces.of(mesh.points, mesh.cells, places)
    weights = sparse_rows(found.nodes, found.weights, len(mesh.points))
    np.testing.assert_allclose(weights @ mesh.points, places, atol=1e-9)
    z, residual = fields_of_loads(patient, weights, SIGMA)
    assert residual.max() < 1e-9
    v_m = rng.normal(size=(4, len(nodes)))
    grad = cell_gradient(p1_gradients(nodes, heart), heart, z[:, : len(nodes)])
    sigma_i = intracellular(patient.fibers.f0, SIGMA)
    electrogram = transfer_matrix(muscle, sigma_i, grad) @ v_m.T
    direct = weights @ direct_potential(patient, v_m, SIGMA).T
    np.testing.assert_allclose(electrogram, direct, atol=1e-9 * np.abs(direct).max())
