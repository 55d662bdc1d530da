"""Patients whose torso nobody imaged: the sheet, the bodies drawn, the frame."""

import csv
from pathlib import Path

import numpy as np
import pytest
import pyvista as pv
from helpers.imported_hearts import wall_of_the_embedded_atlas

from einthoven.base.config.models import AnatomySettings as Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.body.anatomy.electrodes import standard_electrodes
from einthoven.body.anatomy.pose import PhysicalPose
from einthoven.body.anatomy.shape.torso import torso_surface
from einthoven.body.imported.anatomy import import_patient
from einthoven.body.imported.inferred import inferred_torso
from einthoven.body.imported.read import read_cloud, read_points
from einthoven.body.imported.sheet import Row, read_sheet
from einthoven.data.patient.anatomy import Anatomy

CONFIG = Config(heart_edge_mm=8.0)
TORSO = torso_surface([0.8, -0.6, 0.4])
PERSON = {"sex": "male", "height_cm": "180", "weight_kg": "85"}


def write_places(path: Path, places: dict[str, np.ndarray]) -> None:
    lines = [",".join([name, *map(str, place)]) for name, place in places.items()]
    path.write_text("\n".join(["name,x,y,z", *lines]) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A heart where it lies in a torso, nine electrodes, and points of the skin."""
    folder = tmp_path_factory.mktemp("clinic")
    points, faces, _ = wall_of_the_embedded_atlas()
    centre = TORSO.landmarks["ICS4"] + [20.0, 85.0, -30.0]
    placed = (points - points.mean(axis=0)) @ PhysicalPose.from_coeffs(
        np.zeros(6)
    ).rotation.T + centre
    pv.PolyData.from_regular_faces(placed, faces).save(folder / "heart.ply")
    sites = standard_electrodes(TORSO)
    write_places(folder / "e.csv", dict(zip(sites.names, sites.points)))
    write_places(folder / "skin.csv", dict(zip(map(str, range(60)), TORSO.points[::25])))
    return folder


def sheet_of(folder: Path, **changes: str) -> Path:
    row = dict(patient="anna", heart="heart.ply", torso="", electrodes="e.csv", unit="mm",
               axes="LPS") | changes  # fmt: skip
    path = folder / "sheet.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    return path


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of refused patients are written into the working folder."""
    monkeypatch.chdir(tmp_path)


def imported(row: Row) -> Anatomy:
    return import_patient(row, Path("unused.png"), CONFIG)


def off_skin(anatomy: Anatomy) -> np.ndarray:
    """Distance of the true skin from the inferred one, mm."""
    origin = np.array(anatomy.frame["origin_mm"])
    return np.abs(ClosedSurface(anatomy.points, anatomy.skin).distance(TORSO.points - origin))


def test_a_torso_is_inferred(folder: Path) -> None:
    [row] = read_sheet(sheet_of(folder, skin="skin.csv", **PERSON))
    anatomy = imported(row)
    assert off_skin(anatomy).mean() < 5.0
    given = standard_electrodes(TORSO).points - anatomy.frame["origin_mm"]
    found = anatomy.site_points[: len(STANDARD_ELECTRODES)]
    assert np.linalg.norm(found - given, axis=1).max() < 10.0
    [told] = [note for note in anatomy.repairs if note.startswith("torso: inferred")]
    assert (
        "9 electrodes" in told and "male of 180 cm and 85 kg" in told and "mm at the back" in told
    )


def test_bodies_are_drawn_and_repeat(folder: Path) -> None:
    rows = read_sheet(sheet_of(folder, bodies="2"))
    assert [row.patient for row in rows] == ["anna", "anna-body1", "anna-body2"]
    places, none = read_points(folder / "e.csv"), np.empty((0, 3))
    first, second, again = (
        inferred_torso(row, places, none, none).torso.points for row in (rows[1], rows[2], rows[1])
    )
    np.testing.assert_array_equal(first, again)
    assert np.linalg.norm(first - second, axis=1).mean() > 5.0


def test_neither_torso_nor_pose_nor_axes(folder: Path) -> None:
    """Electrodes of a camera in a frame of its own; the heart somewhere else."""
    turn = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    sites = standard_electrodes(TORSO)
    write_places(folder / "camera.csv", dict(zip(sites.names, sites.points @ turn + 500.0)))
    row = dict(electrodes="camera.csv", axes="unknown", pose="typical", **PERSON)
    anatomy = imported(read_sheet(sheet_of(folder, **row))[0])
    apex = -anatomy.heart_rotation[:, 2]
    assert apex[0] > 0.2 and apex[1] < -0.2 and apex[2] < -0.2  # left, front, down
    back = (sites.points @ turn + 500.0) @ np.array(anatomy.frame["turn"])
    found = anatomy.site_points[: len(STANDARD_ELECTRODES)] + anatomy.frame["origin_mm"]
    assert np.linalg.norm(found - back, axis=1).max() < 10.0
    v1, v6 = anatomy.site_points[3], anatomy.site_points[8]
    assert v6[0] > v1[0] + 100.0 and abs(v6[2] - v1[2]) < 80.0
    heart = np.unique(anatomy.faces[anatomy.face_tags != Surface.SKIN])
    depth = -ClosedSurface(anatomy.points, anatomy.skin).distance(anatomy.points[heart])
    assert depth.min() > 10.0


def test_clouds_of_every_kind(folder: Path) -> None:
    points = np.arange(12.0).reshape(4, 3)
    pv.PolyData(points).save(folder / "cloud.ply")
    (folder / "cloud.csv").write_text("x,y,z\n0,1,2\n3,4,5\n6,7,8\n9,10,11\n")
    for name in ("cloud.ply", "cloud.csv"):
        np.testing.assert_allclose(read_cloud(folder / name), points)
    (folder / "cloud.csv").write_text("x,y\n0,1\n")
    with pytest.raises(BadInput, match="columns x, y, z"):
        read_cloud(folder / "cloud.csv")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"electrodes": "", "pose": "typical"}, "torso missing, and with pose typical"),
        ({"sex": "male"}, "sex alone; a person has"),
        ({**PERSON, "height_cm": "1.8"}, "implausible for an adult"),
        ({**PERSON, "weight_kg": "heavy"}, "could not convert"),
        ({"bodies": "-1"}, "0 to 100"),
        ({"pose": "usual"}, "none of given, typical"),
        ({"axes": "unknown"}, "need an inferred torso"),
        ({"torso": "t.stl", "bodies": "3"}, "bodies: only for patients without a torso"),
        ({"torso": "t.stl", "electrodes": ""}, "electrodes missing"),
    ],
)
def test_bad_rows(folder: Path, changes: dict[str, str], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        read_sheet(sheet_of(folder, **changes))


def test_unknown_sex_is_named(folder: Path) -> None:
    [row] = read_sheet(sheet_of(folder, **(PERSON | {"sex": "m"})))
    with pytest.raises(BadInput, match="anna: sex: 'm' is none of female, male"):
        imported(row)


def test_names_of_drawn_bodies_are_given_once(folder: Path) -> None:
    path = sheet_of(folder, patient="anna-body1")
    path.write_text(path.read_text() + "anna,heart.ply,,e.csv,mm,LPS\n")
    assert [row.patient for row in read_sheet(path)] == ["anna-body1", "anna"]
    header, first = path.read_text().splitlines()[:2]
    path.write_text(f"{header},bodies\n{first},\nanna,heart.ply,,e.csv,mm,LPS,2\n")
    with pytest.raises(BadInput, match="line 3: anna-body1 is given twice"):
        read_sheet(path)
