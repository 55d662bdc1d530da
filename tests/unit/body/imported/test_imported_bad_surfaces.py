"""Five bad surfaces of each kind: repaired and reported, or refused with reason and picture.

All are made from one good patient with seeds.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest
import pyvista as pv
from scipy.spatial import cKDTree

from einthoven.base.config.models import AnatomySettings, CohortSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.imported.anatomy import import_patient
from einthoven.body.imported.sheet import Row

EDGE_MM = 6.0
WALL = (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO, Surface.BASE)


def seeds(*usual):
    """The five seeds of a kind; those beside the usual ones, which repeat a case, are slow."""
    slow = [k for k in range(5) if k not in usual]
    return [*usual, *(pytest.param(k, marks=pytest.mark.slow) for k in slow)]


class Body(NamedTuple):
    """A heart's wall with its tags, a skin, electrodes; mm."""

    heart: np.ndarray
    heart_faces: np.ndarray
    tags: np.ndarray
    torso: np.ndarray
    torso_faces: np.ndarray
    names: np.ndarray
    sites: np.ndarray


@lru_cache(maxsize=1)
def good():
    anatomy = build_anatomy(draw_patient(1, CohortSettings()), AnatomySettings())
    points, faces, tags = anatomy.points, anatomy.faces, anatomy.face_tags
    wall = np.isin(tags, WALL)
    n_heart = faces[tags != Surface.SKIN].max() + 1
    skin = faces[tags == Surface.SKIN] - n_heart
    nine = slice(9)
    return Body(points[:n_heart], faces[wall], tags[wall], points[n_heart:], skin,
                anatomy.site_names[nine], anatomy.site_points[nine])  # fmt: skip


def imported(folder, body, unit="mm"):
    """Result of importing a body from files."""
    heart = pv.PolyData.from_regular_faces(body.heart, body.heart_faces)
    heart.cell_data["face_tags"] = body.tags
    heart.save(folder / "heart.vtp")
    pv.PolyData.from_regular_faces(body.torso, body.torso_faces).save(folder / "torso.ply")
    rows = zip(body.names, body.sites.tolist())
    lines = [f"{name},{x},{y},{z}" for name, (x, y, z) in rows]
    (folder / "sites.csv").write_text("\n".join(["name,x,y,z", *lines]))
    row = Row("case", "heart.vtp", "torso.ply", "sites.csv", unit, "LPS", folder=str(folder))
    return import_patient(row, folder / "case.png", AnatomySettings(heart_edge_mm=EDGE_MM))


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("good"), good()).volumes_ml


def repaired(folder, body, note, volumes, unit="mm"):
    """The import succeeds, says what it repaired, and gives the same heart."""
    anatomy = imported(folder, body, unit)
    assert any(note in line for line in anatomy.repairs), anatomy.repairs
    for name, volume in volumes.items():
        assert anatomy.volumes_ml[name] == pytest.approx(volume, rel=0.03)


def refused(folder, body, reason, unit="mm", picture=True):
    with pytest.raises(BadInput, match=reason) as caught:
        imported(folder, body, unit)
    assert "case" in str(caught.value) and "\n" not in str(caught.value)
    if picture:
        assert "case.png" in str(caught.value)
        image = pv.read(folder / "case.png")
        assert np.ptp(np.asarray(image.point_data.active_scalars, int)) > 100


def part(body, seed):
    """Heart or torso by turns: name, points, faces."""
    if seed % 2:
        return "heart", body.heart, body.heart_faces
    return "torso", body.torso, body.torso_faces


def with_part(body, name, points, faces, tags=None):
    values = {name: points, f"{name}_faces": faces}
    return body._replace(**values, **({} if tags is None else {"tags": tags}))


@pytest.mark.parametrize("seed", seeds(0, 1, 3, 4))
def test_holes(tmp_path, seed, volumes):
    body, rng = good(), np.random.default_rng(seed)
    name, points, faces = part(body, seed)
    tags = body.tags if name == "heart" else None
    on_epi = np.flatnonzero(tags == Surface.EPI) if name == "heart" else np.arange(len(faces))
    centre = points[faces[rng.choice(on_epi)]].mean(axis=0)
    far = np.linalg.norm(points[faces].mean(axis=1) - centre, axis=1)
    large = seed >= 3
    gone = far < {"heart": 30.0, "torso": 120.0}[name] if large else far == far.min()
    if name == "heart" and large:
        gone &= tags == Surface.EPI
    holed = with_part(body, name, points, faces[~gone], None if tags is None else tags[~gone])
    if large:
        refused(tmp_path, holed, rf"{name}: not closed: .*hole.*boundary of \d+ mm.*near")
    else:
        repaired(tmp_path, holed, f"{name}: 1 holes closed", volumes)


@pytest.mark.parametrize("seed", seeds(1, 2))
def test_flipped_triangles(tmp_path, seed, volumes):
    body, rng = good(), np.random.default_rng(seed)
    name, points, faces = part(body, seed)
    flipped = faces.copy()
    some = rng.random(len(faces)) < [0.001, 0.05, 0.3, 1.0, 0.5][seed]
    some[0] = True
    flipped[some] = flipped[some, ::-1]
    repaired(tmp_path, with_part(body, name, points, flipped), "turned to face outwards", volumes)


def thick(body):
    """Vertices of the epicardium over a wall in which a dragged one makes no hole."""
    outside, *cavities = (
        np.unique(body.heart_faces[body.tags == tag])
        for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO)
    )
    inside = body.heart[np.concatenate(cavities)]
    return outside[cKDTree(inside).query(body.heart[outside])[0] > 8.0]


@pytest.mark.parametrize("seed", seeds(1, 3, 4))
def test_self_intersections(tmp_path, seed, volumes):
    body, rng = good(), np.random.default_rng(seed)
    name, points, faces = part(body, seed)
    ends = points[unique_edges(faces)[0]]
    edge = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean()
    tangled = points.copy()
    if seed < 3:  # a vertex dragged along the surface over its neighbours
        vertex = rng.choice(thick(body) if name == "heart" else np.unique(faces))
        ring = np.unique(faces[(faces == vertex).any(axis=1)])
        towards = points[ring[ring != vertex][0]] - points[vertex]
        tangled[vertex] += 1.7 * edge * towards / np.linalg.norm(towards)
        repaired(tmp_path, with_part(body, name, tangled, faces), "that cut others", volumes)
        return
    if name == "heart":  # the outside pushed through the wall
        inside = np.unique(faces[body.tags == Surface.EPI])
        tangled[inside] = points[inside].mean(axis=0) + 0.8 * (
            points[inside] - points[inside].mean(axis=0)
        )
    else:  # one half turned against the other
        upper = points[:, 2] > 0
        tangled[upper] = points[upper] * [-1, 1, 1]
    refused(
        tmp_path, with_part(body, name, tangled, faces), rf"{name}: intersects itself: \d+ pairs"
    )


@pytest.mark.parametrize("seed", seeds(0, 3, 4))
def test_wrong_units(tmp_path, seed, volumes):
    body = good()
    scale, stated, reason = [
        (0.1, "mm", "are the files in cm"),
        (0.001, "mm", "are the files in m"),
        (1000.0, "mm", "are the files in um"),
        (0.1, "m", "are the files in cm"),
        (0.1, "auto", "unit: cm, by size"),
    ][seed]
    scaled = body._replace(
        heart=scale * body.heart, torso=scale * body.torso, sites=scale * body.sites
    )
    if stated == "auto":
        repaired(tmp_path, scaled, reason, volumes, "auto")
    else:
        refused(tmp_path, scaled, reason, stated, picture=False)
    alone = body._replace(heart=0.1 * body.heart)
    refused(tmp_path, alone, "heart is .* do all files have one unit", picture=False)


@pytest.mark.parametrize("seed", seeds(0))
def test_heart_outside_the_torso(tmp_path, seed):
    body, rng = good(), np.random.default_rng(seed)
    away = rng.normal(size=3) * [1, 1, 0.1]
    shift = [200.0, 220.0, 250.0, 300.0, 1000.0][seed] * away / np.linalg.norm(away)
    moved = body._replace(heart=body.heart + [0.0, -25.0, 0.0] + shift)
    refused(tmp_path, moved, r"heart: [1-9]\d* of \d+ vertices are outside the torso.*frame")


@pytest.mark.parametrize("seed", seeds(0, 1, 2, 3, 4))
def test_non_manifold_surfaces(tmp_path, seed, volumes):
    body, rng = good(), np.random.default_rng(seed)
    name, points, faces = part(body, seed)
    tags = body.tags if name == "heart" else np.zeros(len(faces), int)
    face = int(rng.integers(len(faces)))
    a, b, c = faces[face]

    def grown(new_points, new_faces):
        more = np.concatenate([tags, np.full(len(new_faces), tags[face])])
        bodies = np.vstack([points, *new_points]), np.vstack([faces, *new_faces])
        return with_part(body, name, *bodies, more if name == "heart" else None)

    n = len(points)
    if seed == 0:  # a fin on an edge
        fin = points[[a, b]].mean(axis=0) + np.cross(points[b] - points[a], points[c] - points[a])
        repaired(tmp_path, grown([fin[None]], [[[a, b, n]]]), "stand off the surface", volumes)
    elif seed == 1:  # triangles given twice
        repaired(tmp_path, grown([], faces[:7, None]), "given twice", volumes)
    elif seed == 2:  # an inner wall across the body
        far = int(np.linalg.norm(points - points[a], axis=1).argmax())
        ring = faces[(faces == far).any(axis=1)][0]
        wall = [[[a, b, ring[0]]], [[b, ring[1], ring[0]]], [[a, ring[0], ring[1]]],
                [[a, ring[1], b]]]  # fmt: skip
        refused(tmp_path, grown([], wall), rf"{name}: not a manifold: \d+ edges with three or more")
    elif seed == 3:  # two far vertices made one
        epi = np.unique(faces[tags == Surface.EPI])
        far = int(epi[np.linalg.norm(points[epi] - points[a], axis=1).argmax()])
        pinched = np.where(faces == far, a, faces)
        refused(tmp_path, with_part(body, name, points, pinched),
                rf"{name}: not a manifold: the surface touches itself in 1 vertices")  # fmt: skip
    else:  # a second body beside the first
        twin = body._replace(torso=np.vstack([points, points + [900.0, 0, 0]]),
                             torso_faces=np.vstack([faces, faces + n]))  # fmt: skip
        refused(tmp_path, twin, "torso is|2 separate surfaces", picture=False)
