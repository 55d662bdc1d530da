"""User data are imported and meshed; broken data are refused with the true reason."""

import re

import numpy as np
import pytest
from helpers.difficult_hearts import DIFFICULT
from helpers.import_catalogue import ACCEPTED
from helpers.import_refusals import REFUSED

from einthoven.base.config.models import AnatomySettings, MeshSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import CLOSED_SURFACES, Tissue
from einthoven.base.geometry.simplex import enclosed_volume, tet_volumes
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.imported.anatomy import import_patient
from einthoven.body.mesh.surfaces import check_surfaces
from einthoven.body.mesh.tetrahedra import tetrahedralise

EDGE_MM, FINER_MM = 6.0, 4.0
"""Outflow tracts of 8 mm radius and real bases need the edges of the default config."""
QUICK = ()
QUICK_DIFFICULT = ()
QUICK_REFUSALS = (
    "no such file", "unknown format", "an unknown word", "mirrored axes", "another unit",
    "vertices that are no numbers", "a part is missing",
)  # fmt: skip


def slow_but(quick, kinds):
    return [k if k in quick else pytest.param(k, marks=pytest.mark.slow) for k in kinds]


@pytest.mark.parametrize("kind", slow_but(QUICK, ACCEPTED))
def test_what_people_have_gets_in(tmp_path, kind):
    row = ACCEPTED[kind](tmp_path)
    edge_mm = FINER_MM if kind.startswith(("four openings", "real")) else EDGE_MM
    anatomy = import_patient(row, tmp_path / "defect.png", AnatomySettings(heart_edge_mm=edge_mm))
    surfaces = anatomy.surfaces
    check_surfaces(surfaces)
    for name in CLOSED_SURFACES:
        faces = surfaces.union(name)
        assert (unique_edges(faces)[1] == 2).all() and enclosed_volume(surfaces.points, faces) > 0
    if kind.startswith("RV's wall"):
        assert any(
            "RV's wall thickened over" in line and "near" in line for line in anatomy.repairs
        )
    if kind in QUICK:
        return
    config = MeshSettings(heart_edge_mm=edge_mm, torso_edge_mm=25.0)
    mesh = tetrahedralise(surfaces, anatomy.site_points[:9], config)
    muscle = tet_volumes(mesh.points, mesh.cells)[mesh.cell_tags == Tissue.MYOCARDIUM].sum()
    assert muscle / 1000 == pytest.approx(anatomy.volumes_ml["myocardium"], rel=0.01)


@pytest.mark.parametrize("kind", slow_but(QUICK_DIFFICULT, DIFFICULT))
@pytest.mark.parametrize("edge_mm", slow_but((FINER_MM,), (1.5, 2.2, FINER_MM)))
def test_difficult_hearts_are_imported_and_meshed(tmp_path, kind, edge_mm):
    row = DIFFICULT[kind](tmp_path)
    config = AnatomySettings(heart_edge_mm=edge_mm)
    anatomy = import_patient(row, tmp_path / "defect.png", config)
    settings = MeshSettings(heart_edge_mm=edge_mm, torso_edge_mm=25.0)
    mesh = tetrahedralise(anatomy.surfaces, anatomy.site_points[:9], settings)
    assert mesh.quality["quality_min"] >= settings.min_quality
    muscle = tet_volumes(mesh.points, mesh.cells)[mesh.cell_tags == Tissue.MYOCARDIUM].sum()
    assert muscle / 1000 == pytest.approx(anatomy.volumes_ml["myocardium"], rel=0.02)
    if kind in QUICK_DIFFICULT:
        assert any("inner walls" in line for line in anatomy.repairs)


@pytest.mark.parametrize("kind", slow_but(QUICK_REFUSALS, REFUSED))
def test_what_is_broken_is_refused_with_the_true_reason(tmp_path, kind):
    write, reason = REFUSED[kind]
    picture = tmp_path / "defect.png"
    with pytest.raises(BadInput) as caught:
        import_patient(write(tmp_path), picture, AnatomySettings(heart_edge_mm=EDGE_MM))
    told = str(caught.value)
    assert re.search(reason, told) and told.startswith("case: ") and "\n" not in told
    problem, _, seen = told.rpartition("; see ")
    assert seen == str(picture) and picture.stat().st_size > 5000
    assert re.search(r"; |\?$", problem), "no cure in what is told"


def test_the_catalogue_is_as_long_as_it_says():
    assert len(ACCEPTED) >= 24 and len(DIFFICULT) >= 30 and len(REFUSED) >= 41
    kinds = [*ACCEPTED, *DIFFICULT, *REFUSED]
    assert np.unique(kinds).size == len(kinds)
