"""Idealised hearts and balls for tests: tagged tetrahedra from gmsh's solid geometry."""

from functools import lru_cache

import numpy as np

from einthoven.base.config.electrophysiology import PurkinjeSettings, RepolarisationSettings
from einthoven.base.config.models import FiberSettings
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.simplex import tet_volumes, triangle_area_vectors
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import assign_fibers, solve_wall_fields
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

HOMOGENEOUS = RepolarisationSettings(field="homogeneous")


def durations(**settings):
    """Gradients of the action potential's duration: none but those that are given."""
    zero = dict.fromkeys(
        ("apex_to_base_ms", "anterior_to_posterior_ms", "rv_to_lv_ms", "endo_to_epi_ms"), 0.0
    )
    return RepolarisationSettings(**{"field": "gradients", "mean_ms": 300.0, **zero, **settings})


LV_OUTER, LV_INNER = (33.0, 33.0, 72.0), (23.0, 23.0, 62.0)
RV_OUTER, RV_INNER = (44.0, 34.0, 62.0), (40.0, 30.0, 58.0)
RV_CENTRE = 22.0
BASE_Z = 15.0


def _solid(gmsh, radii, x=0.0):
    occ = gmsh.model.occ
    solid = (3, occ.addSphere(0, 0, 0, 1.0))
    occ.dilate([solid], 0, 0, 0, *radii)
    occ.translate([solid], x, 0, 0)
    return solid


def _tetrahedra(gmsh, edge_mm):
    for option in ("ExtendFromBoundary", "FromPoints", "FromCurvature"):
        gmsh.option.setNumber(f"Mesh.MeshSize{option}", 0)
    gmsh.option.setNumber("Mesh.MeshSizeMax", 1e22)  # whatever gmsh did before in this process
    size = gmsh.model.mesh.field.add("MathEval")
    gmsh.model.mesh.field.setString(size, "F", str(edge_mm))
    gmsh.model.mesh.field.setAsBackgroundMesh(size)
    gmsh.model.mesh.generate(3)
    tags, points, _ = gmsh.model.mesh.getNodes()
    number = np.full(int(tags.max()) + 1, -1)
    number[tags] = np.arange(len(tags))
    types, _, nodes = gmsh.model.mesh.getElements(3)
    cells = number[nodes[list(types).index(4)].reshape(-1, 4)]
    used, cells = np.unique(cells, return_inverse=True)
    points, cells = points.reshape(-1, 3)[used], cells.reshape(-1, 4)
    flip = tet_volumes(points, cells) < 0
    cells[flip] = cells[flip][:, [0, 2, 1, 3]]
    return points, cells


def boundary_facets(cells):
    """Outward triangles that belong to one tetrahedron only."""
    faces = np.concatenate([cells[:, f] for f in ([1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1])])
    _, first, count = np.unique(
        np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True
    )
    return faces[np.sort(first[count == 1])]


def _gauge(points, radii, x=0.0):
    return np.linalg.norm((points - [x, 0, 0]) / radii, axis=1)


def _tet_mesh(points, cells, with_rv):
    facets = boundary_facets(cells)
    centre = points[facets].mean(axis=1)
    area = triangle_area_vectors(points, facets)
    normal = area / np.linalg.norm(area, axis=1, keepdims=True)
    tags = np.full(len(facets), Surface.EPI, dtype=np.int8)
    tags[_gauge(centre, LV_INNER) < 1.06] = Surface.LV_ENDO
    if with_rv:
        # The cavity of the RV: inside its inner ellipsoid and outside the LV; its walls face it.
        inward = np.einsum("ij,ij->i", normal, centre - [RV_CENTRE, 0, 0]) < 0
        septal = (_gauge(centre, LV_OUTER) > 0.95) & (_gauge(centre, RV_INNER, RV_CENTRE) < 0.995)
        wall = (_gauge(centre, RV_INNER, RV_CENTRE) < 1.04) & inward
        tags[(tags == Surface.EPI) & (septal | wall)] = Surface.RV_ENDO
    tags[centre[:, 2] > BASE_Z - 1e-6] = Surface.BASE
    endo = np.isin(tags, (Surface.LV_ENDO, Surface.RV_ENDO))
    facets[endo] = facets[endo][:, ::-1]
    return TetMesh(
        patient="ideal",
        points=points,
        cells=cells.astype(np.int32),
        cell_tags=np.full(len(cells), Tissue.MYOCARDIUM, dtype=np.int8),
        facets=facets.astype(np.int32),
        facet_tags=tags,
        n_heart_nodes=len(points),
        n_heart_cells=len(cells),
    )


@lru_cache
def heart_mesh(edge_mm=5.0, with_rv=True):
    """Two truncated ellipsoids (or the left one alone): x from LV to RV, z from apex to base."""
    import gmsh

    gmsh.initialize()
    try:
        gmsh.option.setNumber("General.Verbosity", 1)
        occ = gmsh.model.occ
        outer, inner = _solid(gmsh, LV_OUTER), _solid(gmsh, LV_INNER)
        if with_rv:
            cavity, _ = occ.cut([_solid(gmsh, RV_INNER, RV_CENTRE)], [outer], removeTool=False)
            body, _ = occ.fuse([outer], [_solid(gmsh, RV_OUTER, RV_CENTRE)])
            body, _ = occ.cut(body, [inner, *cavity])
        else:
            body, _ = occ.cut([outer], [inner])
        body, _ = occ.cut(body, [(3, occ.addBox(-200, -200, BASE_Z, 400, 400, 200))])
        occ.synchronize()
        points, cells = _tetrahedra(gmsh, edge_mm)
    finally:
        gmsh.finalize()
    return _tet_mesh(points, cells, with_rv)


@lru_cache
def heart_patient(edge_mm=5.0, with_rv=True):
    """A patient of `heart_mesh` alone."""
    return Patient.of(heart_mesh(edge_mm, with_rv))


@lru_cache
def activated_patient():
    """The same with fibres, ventricular coordinates and trees by the default settings."""
    bare = heart_patient()
    fields = solve_wall_fields(bare.heart)
    stages = [
        bare.mesh,
        assign_fibers(bare, FiberSettings(), fields),
        ventricular_coordinates(bare, fields),
    ]
    return Patient.of(*stages, grow_tree(Patient.of(*stages), PurkinjeSettings()))


@lru_cache
def ball(radius_mm, edge_mm):
    """Tetrahedra of a ball about the origin: points, cells."""
    import gmsh

    gmsh.initialize()
    try:
        gmsh.option.setNumber("General.Verbosity", 1)
        gmsh.model.occ.addSphere(0, 0, 0, radius_mm)
        gmsh.model.occ.synchronize()
        points, cells = _tetrahedra(gmsh, edge_mm)
    finally:
        gmsh.finalize()
    return points, cells


@lru_cache
def pseudo_fields():
    """Lead-field gradients [9, cell, 3] of nine electrodes about `activated_patient`."""
    heart = activated_patient().heart
    directions = np.random.default_rng(1).normal(size=(9, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return pseudo_lead_field_grad(heart.centroids, heart.points.mean(0) + 110 * directions, 0.2)
