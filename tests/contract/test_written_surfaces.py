"""Every writer of surfaces: what lies in the file is closed and faces outwards, or nothing is."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import pyvista as pv
from helpers.import_catalogue import ACCEPTED, body, written
from helpers.label_images import SHORT_AXIS, drawn_heart, grid_around, label_image, write_nifti

from einthoven.app.cli import main
from einthoven.base.config.models import AnatomySettings as Config
from einthoven.base.config.models import CohortSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import CLOSED_SURFACES, LUNGS
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.imported.anatomy import import_patient
from einthoven.body.segmentation.segmented_heart import SegmentedHeart, write_wall
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.patient import Patient
from einthoven.data.publish.mesh_files import save_surface, write_vtk

CONFIG = Config(heart_edge_mm=8.0)


@lru_cache(maxsize=1)
def virtual():
    """A virtual patient with lungs."""
    return build_anatomy(draw_patient(1, CohortSettings()), Config(heart_edge_mm=8.0, lungs=True))


def of_stage(path):
    """All closed surfaces of an anatomy.npz: points and faces."""
    found = Anatomy.load(path).surfaces
    names = [found.union(name) for name in CLOSED_SURFACES]
    lungs = [found.tagged(tag) for tag in LUNGS if np.any(found.face_tags == tag)]
    return [(found.points, faces) for faces in [*names, *lungs]]


def of_vtp(path):
    mesh = pv.read(path)
    return [(np.asarray(mesh.points, float), mesh.regular_faces)]


def from_the_cohort(folder):
    virtual().save(folder / "anatomy.npz")
    return of_stage(folder / "anatomy.npz")


def from_python(folder):
    row = ACCEPTED["mixed orientation"](folder)
    import_patient(row, folder / "no.png", CONFIG).save(folder / "anatomy.npz")
    return of_stage(folder / "anatomy.npz")


def from_a_sheet(folder):
    """Turned inside out, and one of three bodies drawn."""
    whole = body()
    inside_out = replace(whole.heart, faces=whole.heart.faces[:, ::-1])
    row = written(folder, replace(whole, heart=inside_out))
    (folder / "sheet.csv").write_text(
        "patient,heart,torso,electrodes,unit,axes,sex,height_cm,weight_kg,bodies\n"
        f"given,{row.heart},{row.torso},{row.electrodes},mm,LPS,,,,\n"
        f"inferred,{row.heart},,{row.electrodes},mm,LPS,male,180,85,1\n"
    )
    config = folder / "config.yaml"
    config.write_text("anatomy: {heart_edge_mm: 8.0}\n")
    to = folder / "out"
    main(["import", str(folder / "sheet.csv"), "--to", str(to), "--config", str(config)])
    names = ("given", "inferred", "inferred-body1")
    return [pair for name in names for pair in of_stage(to / name / "anatomy.npz")]


def from_a_segmentation(folder):
    heart, axes = drawn_heart(edge_mm=4.0)
    grid = grid_around(heart.points, axes, SHORT_AXIS)
    image = write_nifti(folder / "stack.nii.gz", label_image(heart, grid), grid)
    main(["import", str(image), "--labels", "acdc", "--to", str(folder)])
    return of_vtp(folder / "stack/heart.vtp")


def for_paraview(folder):
    """Surfaces that share vertices are each closed; their tags distinguish them."""
    write_vtk(Patient.of(virtual()), folder)
    mesh = pv.read(folder / "surfaces.vtp")
    found = Surfaces(np.asarray(mesh.points, float), mesh.regular_faces, mesh["face_tags"])
    return [(found.points, found.union(name)) for name in CLOSED_SURFACES]


def of_a_code(folder):
    points, faces = virtual().surfaces.closed("epi")
    return of_vtp(save_surface(points, faces, folder / "epi.vtp"))


QUICK = (from_the_cohort, for_paraview, of_a_code)
SLOW = [pytest.param(w, marks=pytest.mark.slow)
        for w in (from_python, from_a_sheet, from_a_segmentation)]  # fmt: skip


@pytest.mark.parametrize("writer", [*QUICK, *SLOW])
def test_what_is_written_is_closed_and_outward(tmp_path, writer):
    for points, faces in writer(tmp_path):
        edges = face_edges(faces)
        forward, backward = (np.unique(e, axis=0) for e in (edges, edges[:, ::-1]))
        np.testing.assert_array_equal(forward, backward)  # each edge once in both directions
        assert len(forward) == len(edges) and enclosed_volume(points, faces) > 0


def opened(surfaces):
    return surfaces.only(np.arange(len(surfaces.faces)) != 5)


def inside_out(surfaces):
    return replace(surfaces, faces=surfaces.faces[:, ::-1])


def save_stage(surfaces, path):
    replace(virtual(), faces=surfaces.faces, face_tags=surfaces.face_tags).save(path)


def save_wall(surfaces, path):
    write_wall(SegmentedHeart(surfaces, np.eye(3), []), path)


def save_for_paraview(surfaces, path):
    changed = replace(virtual(), faces=surfaces.faces, face_tags=surfaces.face_tags)
    write_vtk(Patient.of(changed), path.parent)


def save_code(surfaces, path):
    save_surface(surfaces.points, surfaces.faces, path)


@pytest.mark.parametrize("write", [save_stage, save_wall, save_for_paraview, save_code])
@pytest.mark.parametrize("change, reason", [(opened, "not closed"), (inside_out, "inside out")])
def test_no_writer_writes_another_surface(tmp_path, write, change, reason):
    whole = virtual().surfaces if write in (save_stage, save_for_paraview) else body().heart
    with pytest.raises(BadInput, match=reason):
        write(change(whole), tmp_path / "new.vtp")
    assert list(tmp_path.iterdir()) == []
