"""Transfer matrices by finite elements: spheres, boundary elements, lungs, and bad meshes."""

from dataclasses import replace

import numpy as np
import pytest
from fem_transfer import fem_transfer
from helpers.fem import ball_in_ball, boundary_faces, box_mesh, heart_first

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.triangles import compact
from einthoven.numerics.bem.bem_body import Inclusion, closed_surface
from einthoven.numerics.bem.transfer import heart_to_torso

OUTER, INNER, BOX = 100.0, 40.0, 240.0
SIGMA = LeadFieldSettings(sigma_torso_s_per_m=0.2, sigma_lung_s_per_m=0.05)


def with_epicardium(mesh):
    """The boundary of the myocardium tagged EPI."""
    epi = boundary_faces(mesh.cells[: mesh.n_heart_cells])
    tags = np.r_[mesh.facet_tags, np.full(len(epi), Surface.EPI)]
    return replace(mesh, facets=np.concatenate([mesh.facets, epi]), facet_tags=tags)


def box_with_lung(n=12):
    """A cube of torso with a cube of heart and a slab of lung beside it: exact in any mesh."""
    points, cells = box_mesh(n, BOX)
    x, y, z = points[cells].mean(axis=1).T - BOX / 2
    inside = np.max(np.abs([x + 20, y, z]), axis=0) < 40
    mesh = with_epicardium(heart_first(points, cells, inside))
    x, y, z = mesh.points[mesh.cells].mean(axis=1).T - BOX / 2
    lung = (np.abs(x - 60) < 20) & (np.abs(y) < 40) & (np.abs(z) < 60)
    return mesh, replace(mesh, cell_tags=np.where(lung, Tissue.LUNG, mesh.cell_tags))


def dipole_potential(points, place, moment):
    offset = points - place
    return offset @ np.array(moment) / np.linalg.norm(offset, axis=1) ** 3


def relative(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


def test_concentric_spheres_and_boundary_elements():
    """Degree 1: phi_outer = 3 a^2 b / (2 b^3 + a^3) of b, a outer (series of test_bem)."""
    errors, distances = [], []
    factor = 3 * (OUTER / INNER) / (2 + (OUTER / INNER) ** 3)
    for h_outer, h_inner in ((25.0, 12.0), (16.0, 8.0)):
        mesh = with_epicardium(ball_in_ball(h_outer=h_outer, h_inner=h_inner))
        skin = compact(mesh.points, mesh.skin)
        found = fem_transfer(mesh, skin[0], SIGMA)
        np.testing.assert_allclose(found.matrix.sum(axis=1), 1.0, atol=1e-9)
        z = found.surface.points[:, 2] / INNER
        errors.append(relative(found.matrix @ z, factor * skin[0][:, 2] / OUTER))
        bem = heart_to_torso((found.surface.points, found.surface.faces), skin).matrix
        u = dipole_potential(found.surface.points, [10.0, -5.0, 15.0], [1.0, -1.0, 2.0])
        distances.append(relative(found.matrix @ u, bem @ u))
    for pair in (errors, distances):
        assert np.log(pair[0] / pair[1]) / np.log(25 / 16) > 1.6, pair
        assert pair[1] < 0.06


def test_a_closed_cavity_sends_nothing_out():
    """Endocardium as part of the surface: zero columns, and the epicardium's are unchanged."""
    mesh = with_epicardium(ball_in_ball())
    middle = np.linalg.norm(mesh.points[mesh.cells].mean(axis=1), axis=1)
    hollow = replace(mesh, cell_tags=np.where(middle < 22, Tissue.LV_BLOOD, mesh.cell_tags))
    endo = boundary_faces(mesh.cells[middle < 22])
    hollow = replace(
        hollow,
        facets=np.concatenate([mesh.facets, endo]),
        facet_tags=np.r_[mesh.facet_tags, np.full(len(endo), Surface.LV_ENDO)],
    )
    electrodes = mesh.points[mesh.skin[::20, 0]]
    shell = fem_transfer(mesh, electrodes, SIGMA)
    both = fem_transfer(hollow, electrodes, SIGMA, "myocardium")
    closed = closed_surface("heart", (shell.surface.points, shell.surface.faces))
    np.testing.assert_array_equal(closed.faces, shell.surface.faces)  # outward as they are
    areas = triangle_area_vectors(both.surface.points, both.surface.faces)
    centres = both.surface.points[both.surface.faces].mean(axis=1)
    radial, depth = np.einsum("fd,fd->f", areas, centres), np.linalg.norm(centres, axis=1)
    assert radial[depth > 35].min() > 0 > radial[depth < 35].sum()  # out of the muscle
    outer = np.linalg.norm(both.surface.points, axis=1) > INNER - 1e-6
    assert 10 < (~outer).sum() < outer.sum() == len(shell.surface.points)
    np.testing.assert_allclose(both.matrix[:, outer], shell.matrix, atol=1e-9)
    np.testing.assert_allclose(both.matrix[:, ~outer], 0.0, atol=1e-12)


def test_lungs_agree_with_boundary_elements():
    plain, mesh = box_with_lung()
    skin = compact(mesh.points, mesh.skin)
    without, found = (fem_transfer(m, skin[0], SIGMA) for m in (plain, mesh))
    u = dipole_potential(found.surface.points, [90.0, 120.0, 130.0], [2.0, 1.0, 0.0])
    lung = compact(mesh.points, boundary_faces(mesh.cells[mesh.cell_tags == Tissue.LUNG]))
    heart = found.surface.points, found.surface.faces
    bem = heart_to_torso(heart, skin, [Inclusion(*lung, 0.05)], 0.2).matrix @ u
    bem_without = heart_to_torso(heart, skin).matrix @ u
    assert relative(found.matrix @ u, bem) < 0.05
    assert relative((found.matrix - without.matrix) @ u, bem - bem_without) < 0.1
    np.testing.assert_allclose(found.matrix.sum(axis=1), 1.0, atol=1e-9)


def test_bad_meshes_are_refused():
    mesh = with_epicardium(ball_in_ball())
    skin = mesh.points[mesh.skin[:3, 0]]
    with pytest.raises(BadInput, match="none of epicardium, myocardium"):
        fem_transfer(mesh, skin, SIGMA, "endocardium")
    with pytest.raises(BadInput, match="none is tagged"):
        fem_transfer(ball_in_ball(), skin, SIGMA)
    some = np.arange(len(mesh.facets) - 1)
    torn = replace(mesh, facets=mesh.facets[some], facet_tags=mesh.facet_tags[some])
    with pytest.raises(BadInput, match="not the whole boundary"):
        fem_transfer(torn, skin, SIGMA)
    with pytest.raises(BadInput, match="off the skin"):
        fem_transfer(mesh, 1.2 * skin, SIGMA)
    strange = replace(mesh, cell_tags=np.where(mesh.cell_tags == Tissue.TORSO, 9, 1))
    with pytest.raises(BadInput, match="unknown tags"):
        fem_transfer(strange, skin, SIGMA)
