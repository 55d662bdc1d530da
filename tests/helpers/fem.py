"""Small meshes with known geometry, in the project's format (heart cells and nodes first)."""

from dataclasses import replace
from functools import cache

import numpy as np

from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.gradient_recovery import apply_operator, recovery_operator
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Fibers


def box_mesh(n, size=10.0):
    """Kuhn's subdivision of a cube [0, size]^3 into 6 n^3 tetrahedra: (points, cells)."""
    axis = np.linspace(0, size, n + 1)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    index = np.arange((n + 1) ** 3).reshape(n + 1, n + 1, n + 1)
    cells = []
    for order in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]):
        corner = np.zeros(3, dtype=int)
        path = [corner.copy()]
        for axis_number in order:
            corner[axis_number] += 1
            path.append(corner.copy())
        cells.append(
            np.stack([index[a : n + a, b : n + b, c : n + c].ravel() for a, b, c in path], axis=1)
        )
    return points, oriented(points, np.concatenate(cells))


def oriented(points, cells):
    """Cells with positive volume."""
    cells = cells.copy()
    flip = tet_volumes(points, cells) < 0
    cells[flip, 2:] = cells[flip, :1:-1]
    return cells


@cache
def ball_in_ball(outer=100.0, inner=40.0, h_outer=25.0, h_inner=12.0, centre=(0.0, 0.0, 0.0)):
    """A ball (tagged myocardium) inside a concentric or shifted larger ball (torso), by gmsh."""
    import gmsh

    gmsh.initialize()
    try:
        gmsh.option.setNumber("General.Verbosity", 1)
        gmsh.option.setNumber("General.NumThreads", 1)
        for key in ("MeshSizeExtendFromBoundary", "MeshSizeFromPoints", "MeshSizeFromCurvature"):
            gmsh.option.setNumber(f"Mesh.{key}", 0)
        gmsh.option.setNumber("Mesh.Algorithm3D", 10)
        big = gmsh.model.occ.addSphere(0, 0, 0, outer)
        small = gmsh.model.occ.addSphere(*centre, inner)
        gmsh.model.occ.fragment([(3, big)], [(3, small)])
        gmsh.model.occ.synchronize()
        field = gmsh.model.mesh.field
        field.add("Ball", 1)
        settings = {"Radius": inner, "Thickness": outer - inner, "VIn": h_inner, "VOut": h_outer}
        settings |= dict(zip(("XCenter", "YCenter", "ZCenter"), centre))
        for key, value in settings.items():
            field.setNumber(1, key, value)
        field.setAsBackgroundMesh(1)
        gmsh.model.mesh.generate(3)
        tags, xyz, _ = gmsh.model.mesh.getNodes()
        kinds, _, nodes = gmsh.model.mesh.getElements(3)
        cells = nodes[list(kinds).index(4)].reshape(-1, 4)
    finally:
        gmsh.finalize()
    row = np.zeros(int(tags.max()) + 1, dtype=int)
    row[tags] = np.arange(len(tags))
    points, cells = xyz.reshape(-1, 3), row[cells]
    middle = points[cells].mean(axis=1) - np.asarray(centre)
    return heart_first(points, cells, np.linalg.norm(middle, axis=1) < inner * 0.999)


def heart_first(points, cells, in_heart):
    """Put heart cells and nodes first, drop unused nodes, add skin facets."""
    cells = np.concatenate([cells[in_heart], cells[~in_heart]])
    n_heart_cells = int(in_heart.sum())
    heart_nodes = np.unique(cells[:n_heart_cells])
    order = np.concatenate([heart_nodes, np.setdiff1d(np.unique(cells), heart_nodes)])
    new = np.full(len(points), -1)
    new[order] = np.arange(len(order))
    points, cells = points[order], new[cells]
    cells = oriented(points, cells)
    tags = np.full(len(cells), Tissue.TORSO, dtype=np.int8)
    tags[:n_heart_cells] = Tissue.MYOCARDIUM
    skin = boundary_faces(cells)
    return TetMesh(
        patient="ball",
        points=points,
        cells=cells.astype(np.int32),
        cell_tags=tags,
        facets=skin.astype(np.int32),
        facet_tags=np.full(len(skin), Surface.SKIN, dtype=np.int8),
        n_heart_nodes=len(heart_nodes),
        n_heart_cells=n_heart_cells,
    )


def without_heart(mesh):
    """All torso."""
    tags = np.full(len(mesh.cells), Tissue.TORSO, dtype=np.int8)
    return replace(mesh, cell_tags=tags, n_heart_nodes=0, n_heart_cells=0)


def with_fibers(mesh, f0):
    """A patient of a mesh and of fibre directions [heart cell, 3]."""
    f0 = np.asarray(f0, dtype=float)
    return Patient.of(mesh, Fibers(patient=mesh.patient, f0=f0, s0=f0, n0=f0))


def muscle_of(mesh):
    """The heart of a mesh whose heart has no tagged surfaces."""
    return bare_heart(mesh.points[: mesh.n_heart_nodes], mesh.cells[: mesh.n_heart_cells])


def bare_heart(points, cells):
    """A heart of nodes and cells, without tagged surfaces."""
    none = np.empty((0, 3), dtype=np.int64)
    return Heart(points, np.asarray(cells, dtype=np.int64), none, none[:, 0])


def electrodes_at(points, names=None):
    """Electrodes E0, E1, ... or with the names given."""
    names = [f"E{k}" for k in range(len(points))] if names is None else list(names)
    return Electrodes(np.array(names), np.asarray(points, dtype=float))


def boundary_faces(cells):
    """Outward faces that belong to one cell only."""
    faces = cells[:, [[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]]].reshape(-1, 3)
    _, first, count = np.unique(
        np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True
    )
    return faces[np.sort(first[count == 1])]


def recovered_gradient(points, cells, values, at="cells"):
    """Gradients [electrode, cell or node, 3] of values [electrode, node] in one material."""
    return apply_operator(recovery_operator(points, cells, at), values)


def unit(vectors):
    """Rows divided by their length."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def random_rotation(generator):
    """A proper rotation matrix."""
    q, r = np.linalg.qr(generator.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))
