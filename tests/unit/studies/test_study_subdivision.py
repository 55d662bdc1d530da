"""Subdivided meshes fill the same space, and contain the linear functions of the old ones."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.fem import ball_in_ball, boundary_faces

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.simplex import (
    cell_gradient,
    p1_gradients,
    tet_volumes,
    triangle_area_vectors,
)
from einthoven.body.mesh.quality import gamma_quality
from einthoven.numerics.fem.assembly import stiffness

sys.path.insert(0, str(Path(__file__).parents[3] / "studies"))
from subdivision import subdivide  # noqa: E402


@pytest.fixture(scope="module")
def pair():
    mesh = ball_in_ball()
    return mesh, subdivide(mesh)


def test_the_children_fill_their_parent(pair):
    mesh, fine = pair
    volumes = tet_volumes(fine.mesh.points, fine.mesh.cells)
    parents = tet_volumes(mesh.points, mesh.cells)
    assert (volumes > 0).all()
    np.testing.assert_allclose(volumes.reshape(-1, 8), parents[:, None] / 8 * np.ones(8))
    centroids = fine.mesh.points[fine.mesh.cells].mean(axis=1).reshape(-1, 8, 3)
    middle = mesh.points[mesh.cells].mean(axis=1)
    np.testing.assert_allclose(centroids[:, 4:].mean(axis=1), middle, atol=1e-9)
    np.testing.assert_array_equal(fine.mesh.cell_tags.reshape(-1, 8)[:, 3], mesh.cell_tags)
    twice = subdivide(fine.mesh).mesh
    quality = [gamma_quality(m.points, m.cells).min() for m in (mesh, fine.mesh, twice)]
    assert quality[1] > 0.4 * quality[0] and quality[2] > 0.8 * quality[1], quality


def test_it_is_conforming_and_numbered_as_a_mesh_should_be(pair):
    mesh, fine = pair
    new = fine.mesh
    outer = np.sort(boundary_faces(new.cells), axis=1)
    facets = np.sort(new.facets, axis=1)
    assert {tuple(f) for f in outer} == {tuple(f) for f in facets}
    areas = triangle_area_vectors(new.points, new.facets).reshape(-1, 4, 3).sum(axis=1)
    expected = triangle_area_vectors(mesh.points, mesh.facets)
    np.testing.assert_allclose(areas, expected, atol=1e-9)
    n_heart = int((new.cell_tags == Tissue.MYOCARDIUM).sum())
    assert (new.cell_tags[:n_heart] == Tissue.MYOCARDIUM).all()
    heart = np.unique(new.cells[:n_heart])
    np.testing.assert_array_equal(heart, np.arange(len(heart)))
    middle = mesh.points[fine.edges].mean(axis=1)
    np.testing.assert_array_equal(new.points[fine.midpoints], middle)


def test_linear_functions_stay_themselves(pair):
    mesh, fine = pair
    values = np.random.default_rng(2).normal(size=len(mesh.points))
    old = cell_gradient(p1_gradients(mesh.points, mesh.cells), mesh.cells, values)
    hats = p1_gradients(fine.mesh.points, fine.mesh.cells)
    new = cell_gradient(hats, fine.mesh.cells, fine.prolongation @ values)
    np.testing.assert_allclose(new, np.repeat(old, 8, axis=0), atol=1e-9)
    # so the old stiffness matrix is the new one seen from the old functions
    eye = [np.broadcast_to(np.eye(3), (len(m.cells), 3, 3)) for m in (mesh, fine.mesh)]
    small = stiffness(mesh.points, mesh.cells, eye[0])
    large = stiffness(fine.mesh.points, fine.mesh.cells, eye[1])
    seen = fine.prolongation.T @ large @ fine.prolongation
    assert np.abs(seen - small).max() < 1e-9 * np.abs(small).max()


def test_a_broken_mesh_is_refused(pair):
    with pytest.raises(BadInput, match="NaN"):
        subdivide(replace(pair[0], points=pair[0].points * np.nan))
