"""Hearts that are hard to mesh, made from two real ones and the shape model, in one virtual body.

Each kind is a function of a folder to the row of a sheet, as in `import_catalogue`.
"""

from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import pyvista as pv
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from einthoven.base.config.models import AnatomySettings, CohortSettings
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges, face_neighbours, face_pieces, unique_edges
from einthoven.body.anatomy.body import placed_body
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.carry import outward
from einthoven.body.anatomy.shape.tagged_heart import heart_frame
from einthoven.body.imported.wall_tags import tag_wall
from helpers.import_catalogue import WALL, body, untagged, written
from helpers.imported_hearts import boundary_of_a_tetrahedral_heart, mean_of_a_real_atlas
from helpers.label_images import SHORT_AXIS, grid_around, inside, rough_labels, write_nifti
from helpers.real_hearts import thinned, wall_with_outflow_tracts

ENDO = (Surface.LV_ENDO, Surface.RV_ENDO)


# -- hearts in their own frame, mm --------------------------------------------------------------


@lru_cache(maxsize=8)
def bai():
    """The mean of the Bai 2015 atlas: curved base, 24,991 vertices."""
    return upright(*mean_of_a_real_atlas())


@lru_cache(maxsize=8)
def llnl():
    """The heart of a tetrahedral mesh: flat base; tags as its shape shows them."""
    points, faces = boundary_of_a_tetrahedral_heart()
    return upright(points, faces, tag_wall(points, faces))


@lru_cache(maxsize=8)
def drawn(*coeffs, edge_mm=3.0):
    """A heart of the embedded shape model."""
    heart = heart_surfaces(np.array(coeffs, float), edge_mm)
    wall = Surfaces(heart.points, heart.faces, heart.face_tags)
    return upright(*vars(wall.only(np.isin(heart.face_tags, WALL))).values())


@lru_cache(maxsize=2)
def with_tracts():
    points, faces = wall_with_outflow_tracts()
    return upright(points, faces, tag_wall(points, faces))


def upright(points, faces, tags):
    used, faces = np.unique(faces, return_inverse=True)
    points, faces = points[used], faces.reshape(-1, 3)
    wall = Surfaces(points, outward(points, faces), np.asarray(tags))
    _, rotation, origin = heart_frame(wall)
    return replace(wall, points=(wall.points - origin) @ rotation)


# -- what makes them difficult ------------------------------------------------------------------


def moved(wall, change):
    return replace(wall, points=change(wall.points))


def warped(points, bend=0.006, twist_deg_per_mm=0.6):
    """Bent sideways and twisted along the long axis."""
    x, y, z = points.T
    angle = np.radians(twist_deg_per_mm) * (z - z.mean())
    x, y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    return np.stack([x + bend * (z - z.max()) ** 2, y, z], axis=1)


def stretched(*factors):
    return lambda points: points * np.array(factors)


def noisy(wall, sd_mm, seed=0, tags=None, rounds=0):
    """Independent noise on vertices, of some tags only; smoothed over edges for some rounds."""
    noise = np.random.default_rng(seed).normal(size=wall.points.shape)
    edges = unique_edges(wall.faces)[0]
    for _ in range(rounds):
        total, count = noise.copy(), np.ones(len(noise))
        for a, b in (edges.T, edges[:, ::-1].T):
            np.add.at(total, a, noise[b])
            np.add.at(count, a, 1)
        noise = total / count[:, None]
    noise *= sd_mm / noise.std()
    if tags:
        some = np.isin(np.arange(len(noise)), np.unique(wall.tagged(*tags)))
        noise[~some] = 0
    return replace(wall, points=wall.points + noise)


def decimated(wall, n_vertices):
    """Fewer vertices by quadric edge collapse; each triangle takes the tag nearest to it."""
    import pymeshlab

    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.add_mesh(pymeshlab.Mesh(wall.points, wall.faces))
    meshes.meshing_decimation_quadric_edge_collapse(
        targetfacenum=2 * n_vertices, preservetopology=True, preservenormal=True
    )
    mesh = meshes.current_mesh()
    points, faces = mesh.vertex_matrix(), mesh.face_matrix()
    near = cKDTree(wall.points[wall.faces].mean(axis=1))
    return Surfaces(points, faces, wall.face_tags[near.query(points[faces].mean(axis=1))[1]])


def pierced(wall, n_places, out_mm, inner=Surface.LV_ENDO, outer=Surface.EPI, seed=0):
    """Single vertices of an endocardium that stick through the wall: they cut the outer layer."""
    ids = np.unique(wall.tagged(inner))
    base = wall.points[np.unique(wall.tagged(Surface.BASE))]
    ids = ids[cKDTree(base).query(wall.points[ids])[0] > 15]
    other = wall.points[np.unique(wall.tagged(outer))]
    apart, at = cKDTree(other).query(wall.points[ids])
    thin = np.argsort(apart)[: max(20, len(ids) // 5)]
    some = np.random.default_rng(seed).choice(thin, n_places, replace=False)
    points = wall.points.copy()
    way = other[at[some]] - points[ids[some]]
    length = np.linalg.norm(way, axis=1, keepdims=True)
    points[ids[some]] += way * (1 + out_mm / length)
    return replace(wall, points=points)


def bulged(wall, height_mm, reach_mm, tag=Surface.EPI, inward=False):
    """All layers near a place of a surface pushed out, as an aneurysm, or in."""
    z = wall.points[:, 2]
    ids = np.unique(wall.tagged(tag))
    middle = ids[np.abs(z[ids] - np.quantile(z, 0.35)) < 6]
    place = wall.points[middle[wall.points[middle, 0].argmin()]]
    centre = wall.points.mean(axis=0)
    way = (place - centre) * [1, 1, 0]
    way *= (-1 if inward else 1) / np.linalg.norm(way)
    near = np.exp(-(((wall.points - place) ** 2).sum(axis=1)) / (2 * reach_mm**2))
    return replace(wall, points=wall.points + height_mm * near[:, None] * way)


def trabeculated(wall, depth_mm, tags=ENDO, seed=3):
    """Ridges of some millimetres into the cavities."""
    normals = (
        pv.PolyData.from_regular_faces(wall.points, wall.faces)
        .compute_normals(split_vertices=False, auto_orient_normals=False, consistent_normals=False)
        .point_data["Normals"]
    )
    rng = np.random.default_rng(seed)
    waves = sum(np.sin(wall.points @ rng.normal(size=3) * 0.45 + k) for k in range(6)) / 3
    some = np.isin(np.arange(len(wall.points)), np.unique(wall.tagged(*tags)))
    base = cKDTree(wall.points[np.unique(wall.tagged(Surface.BASE))]).query(wall.points)[0]
    height = depth_mm * waves * some * np.clip((base - 3) / 10, 0, 1)
    return replace(wall, points=wall.points + height[:, None] * normals)


def blocky(wall, spacing_mm):
    """The staircase of the voxels of a wall, without any smoothing."""
    grid = grid_around(wall.points, np.eye(3), (spacing_mm,) * 3)
    mask = inside(wall.points, wall.faces, grid)
    image = pv.ImageData(dimensions=np.array(grid.shape) + 1, spacing=(spacing_mm,) * 3,
                         origin=grid.origin - 0.5 * spacing_mm)  # fmt: skip
    image.cell_data["in"] = mask.ravel(order="F").astype(float)
    cells = image.threshold(0.5, scalars="in").extract_surface(algorithm="dataset_surface")
    surface = cells.triangulate().clean()
    return Surfaces(np.asarray(surface.points, float), surface.regular_faces,
                    np.zeros(surface.n_cells, int))  # fmt: skip


def voxelled(wall, spacing_mm, sigma=0.0):
    """Marching cubes on the voxels of a wall: its terraces are kept."""
    grid = grid_around(wall.points, np.eye(3), (spacing_mm,) * 3)
    values = inside(wall.points, wall.faces, grid).astype(float)
    values = gaussian_filter(values, sigma) if sigma else values
    image = pv.ImageData(dimensions=grid.shape, spacing=(spacing_mm,) * 3, origin=grid.origin)
    surface = image.contour([0.5], scalars=values.ravel(order="F")).connectivity("largest")
    surface = surface.extract_surface(algorithm="dataset_surface").clean()
    return Surfaces(np.asarray(surface.points, float), surface.regular_faces,
                    np.zeros(surface.n_cells, int))  # fmt: skip


def uneven(wall, n_vertices):
    """Coarse except near the apex, as adaptive meshers leave it."""
    z = wall.points[wall.faces].mean(axis=1)[:, 2]
    import pymeshlab

    meshes = pymeshlab.MeshSet(verbose=False)
    rank = np.argsort(z < np.quantile(z, 0.3), kind="stable")
    faces, tags = wall.faces[rank], wall.face_tags[rank]
    meshes.add_mesh(pymeshlab.Mesh(wall.points, faces))
    meshes.compute_selection_by_condition_per_face(condselect=f"fi < {int(0.7 * len(faces))}")
    meshes.meshing_decimation_quadric_edge_collapse(
        targetfacenum=2 * n_vertices, preservetopology=True, preservenormal=True, selected=True
    )
    mesh = meshes.current_mesh()
    points, left = mesh.vertex_matrix(), mesh.face_matrix()
    near = cKDTree(wall.points[faces].mean(axis=1))
    return Surfaces(points, left, tags[near.query(points[left].mean(axis=1))[1]])


# -- published biventricular surfaces -----------------------------------------------------------


def majority(chosen, faces):
    """Triangles chosen by most of themselves and their neighbours across edges."""
    beside = face_neighbours(faces)
    votes = np.where(beside >= 0, chosen[beside], chosen[:, None]).sum(axis=1) + chosen
    return votes >= 3


def doubled_with_discs(wall):
    """As published atlases are: discs over the openings, and the septum in two surfaces.

    Each opening of a cavity gets a disc with a centre, each on the rim that is there. The part of
    the RV's surface that faces the LV is given a second time with other vertices inside it, so its
    rim has three triangles an edge.
    """
    from einthoven.base.geometry.boundary_loops import boundary_loops

    points, faces = [wall.points], [wall.faces]
    n = len(wall.points)
    for tag in ENDO:
        for loop in boundary_loops(wall.tagged(tag)):
            points.append(wall.points[loop].mean(axis=0)[None])
            faces.append(np.stack([loop, np.roll(loop, -1), np.full(len(loop), n)], axis=1))
            n += 1
    rv, lv = wall.tagged(Surface.RV_ENDO), wall.points[np.unique(wall.tagged(Surface.LV_ENDO))]
    epi = wall.points[np.unique(wall.tagged(Surface.EPI))]
    middle = wall.points[rv].mean(axis=1)
    facing = cKDTree(lv).query(middle)[0] < cKDTree(epi).query(middle)[0]
    for _ in range(5):  # without teeth and islands
        facing = majority(facing, rv)
    pieces = face_pieces(rv[facing])
    septum = rv[facing][max(pieces, key=len)]
    sides = np.sort(face_edges(septum), axis=1)
    edges, counts = np.unique(sides, axis=0, return_counts=True)
    rim = np.unique(edges[counts == 1])
    inner = np.setdiff1d(septum, rim)
    new_id = np.arange(len(wall.points))
    new_id[inner] = n + np.arange(len(inner))
    to_lv = lv[cKDTree(lv).query(wall.points[inner])[1]] - wall.points[inner]
    points.append(wall.points[inner] + 0.25 * to_lv)
    faces.append(new_id[septum])
    joined = np.concatenate(faces)
    return Surfaces(np.concatenate(points), joined, np.zeros(len(joined), int))


# -- in a body ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def place():
    """Rotation and origin of the heart of the catalogue's body."""
    placed = placed_body(draw_patient(1, CohortSettings()), AnatomySettings())
    return placed.rotation, placed.origin


def put(wall, tagged=True):
    """A kind of input: a wall of this module's frame in the virtual body, tagged or not."""

    def kind(folder):
        rotation, origin = place()
        made = wall()
        made = replace(made, points=made.points @ rotation.T + origin)
        return written(folder, replace(body(), heart=made if tagged else untagged(made)))

    return kind


def rough_label_heart(rough_mm, spacing, seed):
    def kind(folder):
        rotation, origin = place()
        heart = heart_surfaces(np.zeros(10), 3.0)
        lying = Surfaces(heart.points @ rotation.T + origin, heart.faces, heart.face_tags)
        grid = grid_around(lying.points, rotation, spacing)
        labels = rough_labels(grid, lying, rough_mm, seed)
        write_nifti(folder / "own.nii.gz", labels, grid)
        return written(folder, body(), "own.nii.gz", "acdc")

    return kind


DIFFICULT = {
    "coarse clinical surface of 257 points": put(lambda: decimated(bai(), 257)),
    "coarse clinical surface of 257 points, untagged": put(lambda: decimated(bai(), 257), False),
    "coarse surface of 260 points, flat base": put(lambda: decimated(llnl(), 260)),
    "coarse surface of 400 points with noise": put(lambda: noisy(decimated(bai(), 400), 0.8)),
    "noise of 0.5 mm": put(lambda: noisy(bai(), 0.5)),
    "noise of 1 mm over some edges": put(lambda: noisy(llnl(), 1.0, rounds=1)),
    "6 places where the LV sticks out": put(lambda: pierced(llnl(), 2, 1.0)),
    "20 places where the RV sticks out": put(lambda: pierced(bai(), 5, 0.7, inner=Surface.RV_ENDO)),
    "septum pierced": put(lambda: pierced(drawn(), 3, 1.0, outer=Surface.RV_ENDO)),
    "bent and twisted": put(lambda: moved(bai(), warped)),
    "bent and twisted, flat base": put(
        lambda: moved(drawn(1.5, -2.0), partial(warped, bend=0.004))
    ),
    "flattened from the side": put(lambda: moved(bai(), stretched(0.7, 1.15, 1.1))),
    "long and narrow": put(lambda: moved(llnl(), stretched(0.82, 0.95, 1.35))),
    "real RV wall of 0.6 mm": put(lambda: thinned(bai(), 0.6, 30.0)),
    "real RV wall of 0.3 mm": put(lambda: thinned(llnl(), 0.3, 30.0)),
    "RV wall of 0.4 mm, coarse": put(lambda: decimated(thinned(bai(), 0.4, 30.0), 900)),
    "trabeculated cavities": put(lambda: trabeculated(bai(), 1.5)),
    "trabeculated RV, deep": put(lambda: trabeculated(drawn(0.5, 1.0), 2.5, (Surface.RV_ENDO,))),
    "aneurysm": put(lambda: bulged(bai(), 14.0, 9.0)),
    "dent in the free wall": put(lambda: bulged(llnl(), 9.0, 8.0, inward=True)),
    "extreme of the shape model": put(lambda: drawn(2.5, -2.5, 2.0, 1.5)),
    "extreme of the shape model, small": put(lambda: drawn(-2.3, 2.0, -2.0, -1.5)),
    "fine apex, coarse base": put(lambda: uneven(bai(), 3000)),
    "staircase of 2 mm voxels": put(lambda: blocky(bai(), 2.0)),
    "terraces of 1.2 mm voxels": put(lambda: voxelled(bai(), 1.2)),
    "holes of 2.5 mm voxels": put(lambda: voxelled(drawn(), 2.5), False),
    "holes of 2.5 mm voxels, outflow tracts": put(lambda: voxelled(with_tracts(), 2.5), False),
    "terraces of 2.5 mm voxels": put(lambda: voxelled(llnl(), 2.5), False),
    "outflow tracts with noise": put(lambda: noisy(with_tracts(), 0.5, rounds=1)),
    "outflow tracts, coarse": put(lambda: decimated(with_tracts(), 1200)),
    "discs and a double septum": put(lambda: doubled_with_discs(decimated(bai(), 5000))),
    "discs and a double septum, flat base": put(lambda: doubled_with_discs(drawn())),
    "rough labels of a cine stack": rough_label_heart(1.5, SHORT_AXIS, 0),
    "rough labels, 10 mm slices": rough_label_heart(2.0, (1.5, 1.5, 10.0), 1),
    "rough labels of CT": rough_label_heart(1.2, (1.2, 1.2, 1.2), 2),
}
"""Kind -> what writes it."""
