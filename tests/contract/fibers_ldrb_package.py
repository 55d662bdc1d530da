"""Our rule-based fibres and the package fenicsx-ldrb 0.2.0 agree (run by its test_ twin)."""

import numpy as np
import pytest
from helpers.heart import heart_patient

from einthoven.base.config.models import FiberSettings
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface
from einthoven.body.fibers.ldrb import assign_fibers, frames_from_fields

pytest.importorskip("dolfinx_solver")
calculus = pytest.importorskip("ldrb.calculus")


def same_axes(a, b):
    return np.abs(np.einsum("...i,...i->...", a, b))


def test_rule_agrees_point_by_point_for_any_fields():
    n = 500
    rng = generator(1, "ldrb")
    values = rng.dirichlet([1, 1, 1], n).T.copy()
    grads = rng.normal(size=(4, n, 3))
    angles = (40.0, -50.0, -65.0, 25.0)
    names = ("alpha_endo_deg", "alpha_epi_deg", "beta_endo_deg", "beta_epi_deg")
    ours = frames_from_fields(values, grads, FiberSettings(**dict(zip(names, angles))))
    f0, s0, n0 = (np.zeros(3 * n) for _ in range(3))
    point = np.arange(n)
    psi, lv, rv, epi = (grad.ravel().copy() for grad in grads)
    calculus.compute_fiber_sheet_system(
        *(f0, s0, n0, 3 * point, 3 * point + 1, 3 * point + 2, point, *values, np.ones(n)),
        *(lv, rv, epi, psi, np.zeros(n)),
        *np.repeat(angles, [3, 3, 3, 3])[[0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]],
    )
    for column, theirs in enumerate((f0, s0, n0)):
        # The package slerps linearly below 0.8 degrees; hence not round-off.
        assert same_axes(ours[:, :, column], theirs.reshape(-1, 3)).min() > 1 - 1e-6


def test_whole_pipeline_agrees_on_a_heart():
    heart = heart_patient().heart
    ours = assign_fibers(heart_patient(), FiberSettings())
    theirs, order = package_fibers(heart)
    along = same_axes(ours.f0[order], theirs)
    centre = heart.points[heart.cells].mean(axis=1)[order]
    # The package looks for the apex otherwise and has no direction in flat cells.
    compared = (centre[:, 2] > -50) & (np.linalg.norm(theirs, axis=1) > 0.99)
    angle = np.degrees(np.arccos(np.clip(along[compared], 0, 1)))
    assert compared.mean() > 0.8
    assert np.median(angle) < 0.1
    assert np.percentile(angle, 95) < 2


def package_fibers(heart):
    """f0 [cell, 3] of the package in dolfinx's order of cells, and that order."""
    import basix.ufl
    import dolfinx
    import ldrb
    from mpi4py import MPI

    element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
    mesh = dolfinx.mesh.create_mesh(MPI.COMM_WORLD, heart.cells, element, heart.points)
    mesh.topology.create_connectivity(2, 3)
    mesh.topology.create_connectivity(2, 0)
    number = mesh.geometry.input_global_indices
    tag_of = {tuple(sorted(f)): int(t) for f, t in zip(heart.facets, heart.facet_tags)}
    exterior = dolfinx.mesh.exterior_facet_indices(mesh.topology)
    corners = dolfinx.mesh.entities_to_geometry(mesh, 2, exterior)
    tags = [tag_of[tuple(sorted(number[c]))] for c in corners]
    facets = dolfinx.mesh.meshtags(mesh, 2, exterior, np.array(tags, dtype=np.int32))
    markers = {
        "lv": [int(Surface.LV_ENDO)],
        "rv": [int(Surface.RV_ENDO)],
        "epi": [int(Surface.EPI)],
        "base": [int(Surface.BASE)],
    }
    system = ldrb.dolfinx_ldrb(
        mesh=mesh,
        ffun=facets,
        markers=markers,
        fiber_space="DG_0",
        petsc_options={
            "ksp_type": "preonly",
            "pc_type": "lu",
            "pc_factor_mat_solver_type": "mumps",
        },
    )
    return system.f0.x.array.reshape(-1, 3), mesh.topology.original_cell_index
