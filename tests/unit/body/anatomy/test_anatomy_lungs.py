"""Lungs: closed, in the chest, clear of the heart, of human size; and tissues of the mesh."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.mesh import COARSE, icosphere, join, spheres_body

from einthoven.base.config.models import AnatomySettings, CohortSettings
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import LUNGS, Surface, Tissue
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import enclosed_volume, tet_volumes
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges, triangle_quality
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.shape.lungs import MIN_GAP_MM, lung_surfaces
from einthoven.body.anatomy.shape.torso import torso_surface
from einthoven.body.mesh.surfaces import check_surfaces, tissue_volumes
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.parameters import PatientParameters


def body_of(index, **anatomy):
    return build_anatomy(draw_patient(index, CohortSettings()), AnatomySettings(**anatomy))


def closed(body, name):
    return body.surfaces.union(name)


def check_lungs(body):
    """Conditions on the lungs of every body; returns their volumes in litres."""
    litres = []
    skin, heart = closed(body, "torso"), closed(body, "epi")
    for tag, side in zip(LUNGS, (1, -1)):
        lung = body.faces[body.face_tags == tag]
        edges = set(map(tuple, face_edges(lung).tolist()))
        points = body.points[np.unique(lung)]
        assert len(edges) == 3 * len(lung) and all((b, a) in edges for a, b in edges)
        assert len(points) - len(edges) // 2 + len(lung) == 2  # a ball, no ring
        assert len(intersecting_pairs(body.points, lung)) == 0
        assert triangle_quality(body.points, lung).min() > 0.1
        assert (side * points[:, 0]).min() > 10.0
        assert surface_distance(body.points, skin, points).max() < -15.0
        assert surface_distance(body.points, heart, points).min() > MIN_GAP_MM
        litres.append(enclosed_volume(body.points, lung) / 1e6)
    return litres


@pytest.fixture(scope="module")
def body():
    return body_of(0, lungs=True)


def test_lungs_are_balls_in_the_chest_and_clear_of_the_heart(body):
    left, right = check_lungs(body)
    assert 1.2 < left < right < 3.5


@pytest.mark.slow
def test_lungs_of_many_bodies():
    litres = np.array([check_lungs(body_of(index, lungs=True)) for index in range(1, 13)])
    assert 1.8 < litres.mean() < 2.8
    assert (litres[:, 0] < 1.05 * litres[:, 1]).all()  # the heart takes its room on the left


def test_lungs_only_add_to_a_body_and_come_out_the_same_again(body):
    plain, again = body_of(0), body_of(0, lungs=True)
    added = np.isin(body.face_tags, LUNGS)
    n_points = len(plain.points)
    for name, array in plain.arrays().items():
        given = body.points[:n_points] if name == "points" else getattr(body, name)
        given = given[~added] if name in ("faces", "face_tags") else given
        assert array.tobytes() == given.tobytes(), name
    assert all(
        array.tobytes() == getattr(again, name).tobytes() for name, array in body.arrays().items()
    )


def test_lungs_grow_with_the_chest():
    breadths, litres = [], []
    for coeff in (-1.0, 1.0):
        patient = PatientParameters("p0000", "test", heart_coeffs=[0.0] * 10,
                                    torso_coeffs=[coeff], pose_coeffs=[0.0] * 6)  # fmt: skip
        body = build_anatomy(patient, AnatomySettings(lungs=True))
        breadths.append(np.ptp(body.torso_box[:, 0]))
        litres.append(sum(check_lungs(body)))
    small, large = np.argsort(breadths)
    assert litres[large] > 1.1 * litres[small]


def test_a_heart_beyond_the_chest_leaves_no_room(body):
    torso = torso_surface(np.zeros(10), "coarse")
    faces = closed(body, "epi")
    centre = body.points[np.unique(faces)].mean(axis=0)
    swollen = replace(body.surfaces, points=centre + 2.2 * (body.points - centre))
    with pytest.raises(StepFailed, match="LUNG_[LR] (has .* ml, outside|is .* mm from the heart)"):
        lung_surfaces(torso, swollen)


def with_spheres(left=(70.0, 20.0, 0.0), right=(-60.0, 20.0, 0.0)):
    """Nested spheres and two more as lungs."""
    points, faces, tags = spheres_body()
    parts = [(points, faces[tags == tag], tag) for tag in np.unique(tags)]
    lungs = [(*icosphere(25.0, 2, left), Surface.LUNG_L)]
    lungs.append((*icosphere(30.0, 2, right), Surface.LUNG_R))
    joined = join([*parts, *lungs])
    used, compact = np.unique(joined[1], return_inverse=True)
    return joined[0][used], compact.reshape(-1, 3).astype(np.int32), joined[2]


@pytest.mark.parametrize("algorithm", ["hxt", pytest.param("delaunay", marks=pytest.mark.slow)])
def test_lungs_are_a_tissue_of_the_mesh(algorithm):
    surfaces = with_spheres()
    config = COARSE.model_copy(update={"algorithm": algorithm})
    mesh = tetrahedralise(Surfaces(*surfaces), np.empty((0, 3)), config)
    volume = tet_volumes(mesh.points, mesh.cells)
    wanted = tissue_volumes(Surfaces(*surfaces))
    assert set(wanted) == set(Tissue)
    for tissue in Tissue:
        inside = mesh.cell_tags == tissue
        assert volume[inside].sum() == pytest.approx(wanted[tissue], rel=1e-9), tissue.name
    centroids = mesh.points[mesh.cells[mesh.cell_tags == Tissue.LUNG]].mean(axis=1)
    sides = [
        np.linalg.norm(centroids - c, axis=1) < r
        for c, r in (((70, 20, 0), 25), ((-60, 20, 0), 30))
    ]
    assert all(side.any() for side in sides) and np.all(sides[0] | sides[1])
    assert mesh.quality["quality_min"] >= 0.08


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (dict(left=(110.0, 20.0, 0.0)), "LUNG_L does not lie inside surface torso"),
        (dict(left=(60.0, -20.0, 0.0)), "LUNG_L does not lie outside surface epi"),
        (dict(left=(-30.0, 50.0, 0.0)), "intersect: .*LUNG_L and LUNG_R"),
    ],
)
def test_lungs_in_wrong_places_are_refused(places, message):
    with pytest.raises(BadInput, match=message):
        check_surfaces(Surfaces(*with_spheres(**places)))
