"""Tetrahedra from a lattice: full, of good shape, closed, tagged, the same for a moved heart."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.mesh import icosphere, join
from scipy.spatial.transform import Rotation

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.simplex import enclosed_volume, tet_volumes
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.mesh.lattice import lattice_mesh
from einthoven.data.patient.heart import Heart

LAB = np.eye(3), np.array([0.3, 0.7, -0.4])
"""Off the spheres' centre, where round-off would decide between neighbours."""


def spheres(rv_at=17.0):
    """A ball of 30 mm, its top the base, with a cavity on each side; mm."""
    points, faces = icosphere(30.0, 4)
    tags = np.where(points[faces].mean(axis=1)[:, 2] > 20.0, Surface.BASE, Surface.EPI)
    cavities = [(*icosphere(10.0, 3, (-14, 0, 0)), Surface.LV_ENDO),
                (*icosphere(9.0, 3, (rv_at, 0, 0)), Surface.RV_ENDO)]  # fmt: skip
    whole = Surfaces(*join([(points, faces, Surface.EPI), *cavities]))
    return replace(whole, face_tags=np.r_[tags, whole.face_tags[len(tags) :]].astype(np.int8))


def muscle_mm3(body):
    epi, lv, rv = (enclosed_volume(body.points, body.union(name)) for name in ("epi", "lv", "rv"))
    return epi - lv - rv


def filled_mm3(mesh):
    return tet_volumes(mesh.points, mesh.cells).sum()


def test_a_lattice_fills_the_muscle_with_good_cells() -> None:
    body = spheres()
    mesh = lattice_mesh(body, LAB, 4.0, "ball")
    volumes = tet_volumes(mesh.points, mesh.cells)
    assert (volumes > 0).all() and (mesh.cell_tags == Tissue.MYOCARDIUM).all()
    assert volumes.sum() == pytest.approx(muscle_mm3(body), rel=0.01)
    assert np.cbrt(6 * np.sqrt(2) * volumes.mean()) == pytest.approx(4.0, rel=0.15)
    assert mesh.quality["quality_min"] > 0.1  # gmsh's are asked for 0.08
    heart = Heart.from_mesh(mesh)
    assert len(heart.points) == mesh.n_heart_nodes == len(mesh.points)
    assert (unique_edges(mesh.facets)[1] == 2).all()


def test_facets_have_the_tag_and_the_direction_of_their_surface() -> None:
    body, mesh = spheres(), lattice_mesh(spheres(), LAB, 4.0)
    centre = mesh.points[mesh.facets].mean(axis=1)
    outer = np.isin(mesh.facet_tags, [Surface.EPI, Surface.BASE])
    assert (np.linalg.norm(centre[outer], axis=1) > 28.0).all()
    for tag, radius in ((Surface.LV_ENDO, 10.0), (Surface.RV_ENDO, 9.0)):
        cavity = mesh.surfaces.only(mesh.facet_tags == tag)
        off = body.points[np.unique(body.tagged(tag))].mean(axis=0)
        apart = np.linalg.norm(mesh.points[np.unique(cavity.faces)] - off, axis=1)
        assert np.abs(apart - radius).max() < 0.4
        found = enclosed_volume(mesh.points, cavity.faces)  # positive: out of the cavity
        assert found == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.1)
    assert enclosed_volume(mesh.points, mesh.facets[outer]) > 0


def test_a_heart_has_the_same_mesh_wherever_it_lies() -> None:
    body, mesh = spheres(), lattice_mesh(spheres(), LAB, 5.0)
    turn, origin = Rotation.from_euler("xyz", [20, -50, 70], degrees=True).as_matrix(), [40, -9, 7]
    moved = replace(body, points=body.points @ turn.T + origin)
    found = lattice_mesh(moved, (turn, turn @ LAB[1] + origin), 5.0)
    np.testing.assert_array_equal(found.cells, mesh.cells)
    np.testing.assert_allclose(found.points, mesh.points @ turn.T + origin, atol=1e-6)


def test_a_thin_wall_makes_the_lattice_finer() -> None:
    body = spheres(rv_at=19.0)  # 2 mm of muscle outside of the RV
    coarse, fine = (lattice_mesh(body, LAB, edge) for edge in (4.0, 2.2))
    assert len(coarse.cells) > 2 * len(lattice_mesh(spheres(), LAB, 4.0).cells)
    for mesh in (coarse, fine):
        assert filled_mm3(mesh) == pytest.approx(muscle_mm3(body), rel=0.02)
        assert not np.intersect1d(
            mesh.facets[mesh.facet_tags == Surface.EPI],
            mesh.facets[mesh.facet_tags == Surface.RV_ENDO],
        ).size


def test_a_wall_that_no_lattice_resolves_is_refused() -> None:
    with pytest.raises(StepFailed, match="lattices of 6 to 2.4 mm edges disconnect the muscle"):
        lattice_mesh(spheres(rv_at=20.7), LAB, 6.0)
