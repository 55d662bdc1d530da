"""Kinds of input that the import must accept, and broken ones that it must refuse.

Every kind is a function of a folder, which it writes files into, to the row of a sheet. They are
made from one virtual body, the real ones from data that may be absent. `benchmarks/any_body.py`
counts both lists.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyvista as pv

from einthoven.base.config.models import AnatomySettings, CohortSettings, MeshSettings
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.body import build_anatomy, placed_body
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.shape.carry import outward
from einthoven.body.imported.sheet import Row
from einthoven.body.imported.wall_tags import tag_wall
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.heart import Heart
from helpers.imported_hearts import (
    boundary_of_a_tetrahedral_heart,
    mean_of_a_real_atlas,
    write_dalhousie_patient,
)
from helpers.real_hearts import thinned, wall_with_outflow_tracts

WALL = (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO, Surface.BASE)
WORDS = {"epi": Surface.EPI, "lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO, "base": Surface.BASE}
OWN = "face_tags epi=2 lv=3 rv=4 base=5"


@dataclass(frozen=True)
class Body:
    """A wall with its tags, a skin, named places; mm, patient frame."""

    heart: Surfaces
    torso: Surfaces
    places: dict[str, np.ndarray]


@lru_cache(maxsize=1)
def body():
    anatomy = build_anatomy(draw_patient(1, CohortSettings()), AnatomySettings())
    tags = anatomy.face_tags
    heart = Surfaces(anatomy.points, anatomy.faces, tags).only(np.isin(tags, WALL))
    used = int(heart.faces.max()) + 1
    heart = replace(heart, points=heart.points[:used])
    heart = replace(heart, faces=outward(heart.points, heart.faces))
    ids, faces = np.unique(anatomy.faces[tags == Surface.SKIN], return_inverse=True)
    torso = Surfaces(anatomy.points[ids], faces.reshape(-1, 3), np.zeros(faces.size // 3, int))
    return Body(heart, torso, dict(zip(anatomy.site_names[:9], anatomy.site_points[:9])))


@lru_cache(maxsize=1)
def body_with_outflow_tracts():
    """The same body with a heart of four annuli in the place of its own; tags as found by shape."""
    placed = placed_body(draw_patient(1, CohortSettings()), AnatomySettings())
    points, faces = wall_with_outflow_tracts()
    whole = Surfaces(points @ placed.rotation.T + placed.origin, faces, tag_wall(points, faces))
    return replace(body(), heart=whole)


def poly(surface, tags=True):
    mesh = pv.PolyData.from_regular_faces(surface.points, surface.faces)
    if tags:
        mesh.cell_data["face_tags"] = surface.face_tags
    return mesh


def written(folder, whole, heart="heart.vtp", tags="", unit="mm", axes="LPS", scale=1.0):
    """Files of a body and the row of a sheet; a heart written by the caller has another name."""
    if heart == "heart.vtp":
        poly(scaled(whole.heart, scale)).save(folder / heart)
    poly(scaled(whole.torso, scale), False).save(folder / "torso.ply")
    lines = [",".join([k, *(f"{scale * x:.6f}" for x in v)]) for k, v in whole.places.items()]
    (folder / "sites.csv").write_text("\n".join(["name,x,y,z", *lines]))
    return Row("case", heart, "torso.ply", "sites.csv", unit, axes, tags, str(folder))


def scaled(surface, scale):
    return replace(surface, points=scale * surface.points)


def untagged(surface):
    return replace(surface, face_tags=np.zeros(len(surface.faces), int))


def parts(folder, whole, words=WORDS, suffix=".stl"):
    """A file for each part of a wall, and how a sheet names them."""
    for word, tag in words.items():
        piece = whole.heart.only(whole.heart.face_tags == tag)
        poly(piece, False).clean().save(folder / f"{word}{suffix}")
    return written(folder, whole, " ".join(f"{word}={word}{suffix}" for word in words))


# -- accepted ---------------------------------------------------------------------------------


def tagged_wall(folder):
    return written(folder, body())


def untagged_wall(folder):
    return written(folder, replace(body(), heart=untagged(body().heart)))


def tags_on_vertices(folder):
    heart = body().heart
    mesh = poly(untagged(heart))
    of_vertex = np.zeros(len(heart.points), int)
    for tag in WALL:  # the base last: it wins
        of_vertex[np.unique(heart.tagged(tag))] = 10 * tag
    mesh.point_data["class"] = of_vertex
    mesh.save(folder / "own.vtk")
    return written(folder, body(), "own.vtk", "class epi=20 lv=30 rv=40 base=50")


def four_parts(folder):
    return parts(folder, body())


def base_tagged_as_epicardium(folder):
    heart = body().heart
    tags = np.where(heart.face_tags == Surface.BASE, Surface.EPI, heart.face_tags)
    return written(folder, replace(body(), heart=replace(heart, face_tags=tags)))


def open_shells(folder):
    return parts(folder, body(), {k: v for k, v in WORDS.items() if k != "base"}, ".ply")


def open_shells_in_one_file(folder):
    heart = body().heart
    mesh = poly(untagged(heart.only(heart.face_tags != Surface.BASE))).clean()
    mesh.save(folder / "own.vtp")
    return written(folder, body(), "own.vtp")


def gapped_parts(folder):
    """Shells without their last row of triangles, so that the base meets none of them."""
    heart = body().heart
    base = heart.face_tags == Surface.BASE
    last = ~base & np.isin(heart.faces, np.unique(heart.faces[base])).any(axis=1)
    return parts(folder, replace(body(), heart=heart.only(~last)))


def four_surfaces(folder):
    """Topology of the UK Biobank: LV, the RV's septum and free wall, epicardium; no base."""
    heart = body().heart
    rv = np.flatnonzero(heart.face_tags == Surface.RV_ENDO)
    lv = heart.points[np.unique(heart.tagged(Surface.LV_ENDO))].mean(axis=0)
    area = np.cross(*(heart.points[heart.faces[rv, k]] - heart.points[heart.faces[rv, 0]]
                      for k in (1, 2)))  # fmt: skip
    septum = ((heart.points[heart.faces[rv]].mean(axis=1) - lv) * area).sum(axis=1) > 0
    pieces = {"epi": np.flatnonzero(heart.face_tags == Surface.EPI),
              "lv": np.flatnonzero(heart.face_tags == Surface.LV_ENDO),
              "rv_septum": rv[septum], "rv": rv[~septum]}  # fmt: skip
    for word, ids in pieces.items():
        poly(heart.only(ids), False).clean().save(folder / f"{word}.stl")
    return written(folder, body(), " ".join(f"{word}={word}.stl" for word in pieces))


def clipped_with_slivers(folder):
    heart = body().heart
    base = heart.tagged(Surface.BASE)
    top = heart.points[base].mean(axis=(0, 1))
    up = np.linalg.svd(heart.points[np.unique(base)] - top)[2][2]
    up = up if (top - heart.points.mean(axis=0)) @ up > 0 else -up
    cut = poly(heart, False).clip_closed_surface(normal=-up, origin=top - 9 * up).triangulate()
    cut.save(folder / "own.vtp")
    return written(folder, body(), "own.vtp")


def four_openings_untagged(folder):
    whole = body_with_outflow_tracts()
    return written(folder, replace(whole, heart=untagged(whole.heart)))


def four_openings_tagged(folder):
    return written(folder, body_with_outflow_tracts())


def four_openings_as_shells(folder):
    return parts(folder, body_with_outflow_tracts(), {k: WORDS[k] for k in ("epi", "lv", "rv")})


def thin(mm):
    def kind(folder):
        return written(folder, replace(body(), heart=thinned(body().heart, mm)))

    return kind


def stl_without_tags(folder):
    poly(body().heart, False).save(folder / "own.stl")
    return written(folder, body(), "own.stl")


def doubled_vertices(folder):
    heart = body().heart
    faces = np.arange(3 * len(heart.faces)).reshape(-1, 3)
    apart = Surfaces(heart.points[heart.faces].reshape(-1, 3), faces, heart.face_tags)
    return written(folder, replace(body(), heart=apart))


def mixed_orientation(folder):
    heart = body().heart
    turned = np.random.default_rng(0).random(len(heart.faces)) < 0.4
    faces = np.where(turned[:, None], heart.faces[:, ::-1], heart.faces)
    return written(folder, replace(body(), heart=replace(heart, faces=faces)))


def unreferenced_points(folder):
    heart = body().heart
    more = np.vstack([heart.points, heart.points[:50] + 400.0])
    return written(folder, replace(body(), heart=replace(heart, points=more)))


def in_metres(folder):
    return written(folder, body(), unit="m", scale=1e-3)


def in_centimetres_unstated(folder):
    return written(folder, body(), unit="auto", scale=0.1)


def with_valve_caps(folder):
    anatomy = build_anatomy(draw_patient(1, CohortSettings()), AnatomySettings())
    whole = Surfaces(anatomy.points, anatomy.faces, anatomy.face_tags)
    kept = whole.only(whole.face_tags != Surface.SKIN)
    poly(kept).clean().save(folder / "own.vtp")
    return written(folder, body(), "own.vtp")


def small_holes(folder):
    heart = body().heart
    return written(folder, replace(body(), heart=heart.only(np.arange(len(heart.faces)) % 997 > 0)))


@lru_cache(maxsize=1)
def tetrahedral_heart():
    """Points [node, 3] and cells [cell, 4] of the muscle of the same body."""
    anatomy = build_anatomy(draw_patient(1, CohortSettings()), AnatomySettings(heart_edge_mm=8.0))
    config = MeshSettings(heart_edge_mm=8.0, torso_edge_mm=30.0)
    heart = Heart.from_mesh(tetrahedralise(anatomy.surfaces, anatomy.site_points[:9], config))
    return heart.points, heart.cells


def swirl(places):
    """A smooth field of directions [place, 3]: around a vertical axis, rising with depth."""
    x, y, z = (places - tetrahedral_heart()[0].mean(axis=0)).T
    field = np.stack([-y - 20, x + 3, 15 * np.sin(z / 40)], axis=1)
    return field / np.linalg.norm(field, axis=1, keepdims=True)


def linear_times(places):
    """Activation that runs straight through the heart at 1 mm/ms."""
    return places @ np.array([0.6, 0.0, 0.8])


def measured_mesh(folder, words="fiber=own_f time=lat", change=lambda mesh: None):
    """A tetrahedral mesh with fibres of random sign on cells and times on nodes."""
    points, cells = tetrahedral_heart()
    mesh = pv.UnstructuredGrid({pv.CellType.TETRA: cells}, points)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(cells))
    mesh.cell_data["own_f"] = signs[:, None] * swirl(points[cells].mean(axis=1))
    mesh.point_data["lat"] = linear_times(points) + 7.0
    change(mesh)
    mesh.save(folder / "own.vtu")
    return written(folder, body(), "own.vtu", words)


def from_the_right_to_the_front(folder):
    """Axes of NIfTI."""
    turn = np.diag([-1.0, -1.0, 1.0])
    whole = body()
    turned = Body(*(replace(s, points=s.points @ turn) for s in (whole.heart, whole.torso)),
                  {k: v @ turn for k, v in whole.places.items()})  # fmt: skip
    return written(folder, turned, axes="RAS")


def cut_torso(low, high):
    def kind(folder):
        whole = body()
        torso = poly(whole.torso, False)
        for normal, height in (((0, 0, 1), low), ((0, 0, -1), high)):
            torso = torso.clip_closed_surface(normal=normal, origin=(0, 0, height)).triangulate()
        row = written(folder, whole)
        torso.save(folder / "torso.ply")
        return row

    return kind


def real(heart):
    def kind(folder):
        return write_dalhousie_patient(folder, heart())

    return kind


ACCEPTED = {
    "tagged wall": tagged_wall,
    "untagged wall, flat base": untagged_wall,
    "tags on vertices": tags_on_vertices,
    "a file for each part": four_parts,
    "base tagged as epicardium": base_tagged_as_epicardium,
    "three open shells": open_shells,
    "three open shells in one file": open_shells_in_one_file,
    "parts with gaps of one edge": gapped_parts,
    "four surfaces of the UK Biobank's topology": four_surfaces,
    "clipped, with slivers": clipped_with_slivers,
    "four openings, untagged": four_openings_untagged,
    "four openings, tagged": four_openings_tagged,
    "four openings, as shells": four_openings_as_shells,
    "RV's wall of 1.2 mm": thin(1.2),
    "RV's wall of 0.9 mm": thin(0.9),
    "RV's wall of 0.5 mm": thin(0.5),
    "STL without tags": stl_without_tags,
    "doubled vertices": doubled_vertices,
    "mixed orientation": mixed_orientation,
    "unreferenced points": unreferenced_points,
    "metres": in_metres,
    "centimetres, unstated": in_centimetres_unstated,
    "with valve caps": with_valve_caps,
    "small holes": small_holes,
    "tetrahedra with fibres and activation": measured_mesh,
    "other axes": from_the_right_to_the_front,
    "torso cut 60 mm higher below": cut_torso(-211.0, 400.0),
    "torso cut 90 mm lower above": cut_torso(-400.0, 229.0),
    "real: Bai mean, tagged": real(mean_of_a_real_atlas),
    "real: Bai mean, untagged": real(lambda: (*mean_of_a_real_atlas()[:2], None)),
    "real: LLNL, untagged": real(lambda: (*boundary_of_a_tetrahedral_heart(), None)),
}
"""Kind -> what writes it."""
