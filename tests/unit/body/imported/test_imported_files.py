"""Files of imported patients: formats, units, axes, tags, electrodes, the sheet."""

import csv

import numpy as np
import pytest
import pyvista as pv
from helpers.imported_hearts import data_file, wall_of_the_embedded_atlas

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.carp import read_carp, write_carp
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.body.anatomy.electrodes import RULE_LANDMARKS, standard_electrodes
from einthoven.body.anatomy.shape.torso import torso_surface
from einthoven.body.imported.anatomy import cohort_entry
from einthoven.body.imported.frame import to_patient_frame, unit_of
from einthoven.body.imported.read import (
    boundary_of,
    read_cloud,
    read_heart,
    read_points,
    read_surface,
)
from einthoven.body.imported.sheet import ImportSheet, read_sheet
from einthoven.body.imported.sites import imported_sites


def box():
    """A box of 10 x 20 x 30 mm: points, faces."""
    surface = pv.Box((0, 10, 0, 20, 0, 30)).triangulate()
    return np.asarray(surface.points, float), surface.regular_faces


def volume_of(surface):
    """Unsigned by the larger of both orientations; the file's vertices may be doubled."""
    return abs(enclosed_volume(surface.points, surface.faces))


@pytest.mark.parametrize("suffix", [".vtp", ".vtk", ".stl", ".ply", ".obj"])
def test_surfaces_of_every_format(tmp_path, suffix):
    points, faces = box()
    pv.PolyData.from_regular_faces(points, faces).save(tmp_path / f"box{suffix}")
    found = read_surface(tmp_path / f"box{suffix}")
    assert len(found.faces) == len(faces)
    assert volume_of(found) == pytest.approx(6000, rel=1e-6)


def test_tetrahedra_give_their_boundary(tmp_path):
    grid = pv.ImageData(dimensions=(4, 4, 4)).to_tetrahedra()
    cells = grid.cell_connectivity.reshape(-1, 4)
    faces = boundary_of(cells)
    assert len(faces) == 6 * 9 * 2
    grid.save(tmp_path / "cube.vtu")
    write_carp(tmp_path / "cube", grid.points, cells, np.ones(len(cells), int))
    for name in ("cube.vtu", "cube.elem", "cube.pts"):
        found = read_surface(tmp_path / name)
        extent = np.ptp(found.points[np.unique(found.faces)], axis=0)
        assert np.allclose(extent, 3.0 if name == "cube.vtu" else 3000.0)  # CARP: micrometres


def test_carp_comes_back(tmp_path):
    rng = np.random.default_rng(2)
    points, cells = rng.normal(size=(9, 3)), rng.integers(0, 9, (5, 4))
    tags, fibers = rng.integers(0, 5, 5), rng.normal(size=(5, 6))
    write_carp(tmp_path / "mesh", points, cells, tags, fibers)
    found = read_carp(tmp_path / "mesh.elem")
    np.testing.assert_allclose(1e-3 * found.points, points, atol=1e-6)
    np.testing.assert_array_equal(found.cells, cells)
    np.testing.assert_array_equal(found.tags, tags)
    written = np.loadtxt(tmp_path / "mesh.lon", skiprows=1)
    np.testing.assert_allclose(written, fibers, atol=1e-6)
    (tmp_path / "mesh.elem").write_text("1\nTt 0 1 2 99 1\n")
    with pytest.raises(BadInput, match="vertex 99"):
        read_carp(tmp_path / "mesh.pts")
    (tmp_path / "mesh.elem").write_text("1\nTt 0 1 2\n")
    with pytest.raises(BadInput, match="not 'Tt 4 vertices tag'"):
        read_carp(tmp_path / "mesh.pts")
    (tmp_path / "mesh.elem").rename(tmp_path / "mesh.old")
    (tmp_path / "mesh.fac").write_text("")
    with pytest.raises(BadInput, match="no triangles"):
        read_carp(tmp_path / "mesh.pts")


def test_edgar_counts_from_one():
    mesh = read_carp(data_file("dalhousie/daltorso.pts"))
    assert mesh.points.shape == (352, 3) and mesh.cells.shape == (700, 3)
    assert (mesh.cells.min(), mesh.cells.max()) == (0, 351)
    assert abs(enclosed_volume(mesh.points, mesh.cells)) / 1e6 == pytest.approx(22, abs=0.5)


def test_a_heart_in_four_files_or_with_tags(tmp_path):
    points, faces, tags = wall_of_the_embedded_atlas()
    words = {"epi": 2, "lv": 3, "rv": 4, "base": 5}
    for word, tag in words.items():
        piece = pv.PolyData.from_regular_faces(points, faces[tags == tag]).clean()
        piece.save(tmp_path / f"{word}.stl")
    place = " ".join(f"{word}={word}.stl" for word in words)
    whole = pv.PolyData.from_regular_faces(points, faces)
    whole.cell_data["part"] = 10 * tags
    whole.point_data["kind"] = np.where(np.isin(np.arange(len(points)), faces[tags == 5]), 1, 0)
    whole.save(tmp_path / "heart.vtp")
    mapping = "part epi=20 lv=30 rv=40 base=50"
    for found in (read_heart(place, tmp_path), read_heart("heart.vtp", tmp_path, mapping)):
        assert [(found.face_tags == tag).sum() for tag in words.values()] == [
            (tags == tag).sum() for tag in words.values()
        ]
    for wrong, reason in (
        ("part epi=20 lv=30", "rv=... missing"),
        ("part epi=20 lv=30 rv=40 base=51", r"also holds \[50"),
        ("parts epi=20 lv=30 rv=40 base=50", "no array 'parts'; available are .*part"),
        ("part epi=20 lv=30 rv=40 base=50 atrium=9", "atrium unknown"),
        ("part epi=20 lv=30 rv=40 base=top", "tags: could not convert .*'top'"),
    ):
        with pytest.raises(BadInput, match=reason):
            read_heart("heart.vtp", tmp_path, wrong)
    assert not read_heart("heart.vtp", tmp_path).face_tags.any()


def test_tags_named_for_a_file_without_arrays_are_refused(tmp_path):
    write_carp(tmp_path / "heart", np.eye(3), np.array([[0, 1, 2]]), np.array([Surface.EPI]))
    assert read_heart("heart.elem", tmp_path).face_tags.tolist() == [Surface.EPI]
    with pytest.raises(BadInput, match="heart.elem: tags 'part epi=20' name an array"):
        read_heart("heart.elem", tmp_path, "part epi=20")


def test_of_vertices_the_base_wins(tmp_path):
    strip = pv.PolyData.from_regular_faces(
        np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0.0]]),
        np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4]]),
    )
    strip.point_data["class"] = [2, 3, 3, 4, 1]
    strip.save(tmp_path / "strip.vtp")
    found = read_heart("strip.vtp", tmp_path, "class base=1 epi=2 lv=3 rv=4")
    assert found.face_tags.tolist() == [Surface.LV_ENDO, Surface.LV_ENDO, Surface.BASE]


def test_unreadable_files(tmp_path):
    (tmp_path / "broken.vtp").write_text("no surface")
    (tmp_path / "heart.xyz").write_text("")
    for name, reason in (
        ("broken.vtp", "broken.vtp"),
        ("heart.xyz", "suffix"),
        ("no.stl", "no such"),
    ):
        with pytest.raises(BadInput, match=reason):
            read_heart(name, tmp_path)


@pytest.mark.parametrize("axes", ["LPS", "RAS", "LIP", "PLI", "SLP"])
def test_axes_turn_into_the_patient_frame(axes):
    matrix = to_patient_frame(axes)
    assert np.linalg.det(matrix) == pytest.approx(1)
    towards = {"L": [1, 0, 0], "R": [-1, 0, 0], "P": [0, 1, 0], "A": [0, -1, 0], "S": [0, 0, 1],
               "I": [0, 0, -1]}  # fmt: skip
    for axis, letter in zip(np.eye(3), axes):
        np.testing.assert_array_equal(axis @ matrix, towards[letter])


@pytest.mark.parametrize(
    "axes, reason", [("LPX", "three letters"), ("LRS", "one line twice"), ("RPS", "mirror")]
)
def test_impossible_axes(axes, reason):
    with pytest.raises(BadInput, match=reason):
        to_patient_frame(axes)


def test_units_are_checked_by_size():
    human = {"heart": 110.0, "torso": 600.0}
    assert unit_of("mm", human) == ("mm", [])
    for unit, mm in (("cm", 10.0), ("m", 1000.0), ("um", 1e-3)):
        sizes = {name: size / mm for name, size in human.items()}
        assert unit_of("auto", sizes)[0] == unit
        assert unit_of(unit, sizes) == (unit, [])
        with pytest.raises(BadInput, match=f"are the files in {unit}"):
            unit_of("mm", sizes)
    with pytest.raises(BadInput, match="inch.*unknown; state mm"):
        unit_of("inch", human)
    with pytest.raises(BadInput, match="fit no unit; state"):
        unit_of("auto", {"heart": 110.0, "torso": 60.0})


def torso_with_marks(n_modes=3):
    torso = torso_surface(np.full(n_modes, 0.5), "coarse")
    return torso, {name: torso.landmarks[name] for name in RULE_LANDMARKS}


def test_rules_find_the_electrodes_of_the_atlas():
    torso, marks = torso_with_marks(0)
    sites, notes = imported_sites(torso.points, torso.faces, marks)
    _, wanted, ground = standard_electrodes(torso)
    apart = np.linalg.norm(sites.points[:9] - wanted, axis=1)
    assert apart.max() < 12.0 and np.median(apart) < 4.0  # the atlas' rules see its fine skin
    assert np.linalg.norm(sites.ground - ground) < 12.0
    assert "placed by rules" in notes[0]
    assert sites.names[:9] == list(STANDARD_ELECTRODES) and sites.names[9] == "A000"
    front = sites.points[9:33]
    gaps = np.linalg.norm(front[:, None] - front[None], axis=2)[np.triu_indices(24, 1)]
    assert gaps.min() > 35.0
    around, _ = imported_sites(torso.points, torso.faces, marks, "around")
    assert around.names[9] == "B000" and len(around.names) == len(sites.names)
    depth = [grid.points[9:89, 1] - torso.points[:, 1].mean() for grid in (sites, around)]
    assert (depth[0] > 40).mean() < 0.05 and 0.2 < (depth[1] > 40).mean() < 0.6


def test_given_electrodes_stay_and_others_are_asked_for():
    torso, marks = torso_with_marks()
    names, points, _ = standard_electrodes(torso)
    given = dict(zip(names, points))
    sites, notes = imported_sites(
        torso.points, torso.faces, given | {"E7": points[4] + [8.0, 0, 0]}
    )
    np.testing.assert_allclose(sites.points[:9], points, atol=1e-6)
    assert sites.names[-1] == "E7" and "mirror image" in " ".join(notes)
    del given["V4"]
    with pytest.raises(BadInput, match="V4 missing; give them, or the landmarks ICS4"):
        imported_sites(torso.points, torso.faces, given)
    sites, _ = imported_sites(torso.points, torso.faces, given | marks)
    np.testing.assert_allclose(sites.points[3], points[3], atol=1e-6)  # V1 as given
    with pytest.raises(BadInput, match="V1 lie up to 5. mm off the torso"):
        imported_sites(torso.points, torso.faces, given | {"V1": points[3] - [0, 60.0, 0]})


def test_points_by_name(tmp_path):
    file = tmp_path / "places.csv"
    file.write_text("Name,X,Y,Z\nV1,1,2,3\n V2 ,4,5,6\n")
    places = read_points(file)
    assert list(places) == ["V1", "V2"] and places["V2"].tolist() == [4, 5, 6]
    assert len(read_points(data_file("llnl-recording-points/points.csv"))) == 75
    for text, reason in (
        ("name,x,y\nV1,1,2\n", "no column z"),
        ("name,x,y,z\nV1,1,2,a\n", "V1: not three numbers"),
        ("name,x,y,z\nV1,1,2,3\nV1,1,2,3\n", "V1 is given twice"),
        ("x,y,z,name\n1,2,3\n", "without a name"),
        ("name,x,y,z\nVorhof \xfc,1,2,3\n", "not a CSV file"),
    ):
        file.write_text(text, encoding="latin-1")
        with pytest.raises(BadInput, match=reason):
            read_points(file)


def write_sheet(path, **changes):
    row = dict(patient="anna", heart="h.vtp", torso="t.stl", electrodes="e.csv", unit="mm",
               axes="LPS") | changes  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    return path


def test_a_sheet_names_all_files(tmp_path):
    for name in ("t.pts", "t.fac", "a.stl"):
        (tmp_path / name).touch()
    heart = "epi=a.stl lv=b.stl rv=c.stl base=d.stl"
    [row] = read_sheet(write_sheet(tmp_path / "sheet.csv", torso="t.pts", heart=heart))
    files = {file.removeprefix(f"{tmp_path}/") for file in row.files}
    assert files == {"a.stl", "b.stl", "c.stl", "d.stl", "t.pts", "t.fac", "e.csv"}
    assert cohort_entry(row.patient).heart_coeffs == [None] * 10


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"patient": "p0001"}, "belong to virtual"),
        ({"patient": "Anna B"}, "lower-case"),
        ({"unit": ""}, "line 2: unit missing"),
        ({"axes": " "}, "axes missing"),
    ],
)
def test_bad_sheets(tmp_path, changes, reason):
    with pytest.raises(BadInput, match=reason):
        read_sheet(write_sheet(tmp_path / "sheet.csv", **changes))


def tri_text(points, faces):
    rows = [f"{k + 1} {x} {y} {z}" for k, (x, y, z) in enumerate(points)]
    cells = [f"{k + 1} {a + 1} {b + 1} {c + 1}" for k, (a, b, c) in enumerate(faces)]
    return "\n".join([str(len(rows)), *rows, str(len(cells)), *cells]) + "\n"


def test_tri_files_of_ecgsim(tmp_path):
    points, faces = box()
    file, text = tmp_path / "box.tri", tri_text(points, faces)
    file.write_text(text)
    found = read_surface(file)
    np.testing.assert_array_equal(found.faces, faces)
    np.testing.assert_array_equal(found.points, points)
    np.testing.assert_array_equal(read_cloud(file), points)
    file.write_text(text + "\ntorso of a man\nunits in mm, 2007\n")
    np.testing.assert_array_equal(read_surface(file).faces, faces)
    for wrong, reason in (
        (text[: len(text) // 2], "announced, .* there; incomplete"),
        (text.replace("\n12\n", "\n11\n"), "4 numbers after the last triangle"),
        (text[: text.rindex(" ")] + " 999\n", "name points from 1 to 999"),
        (text.replace(" 2 ", " two ", 1), "not a .tri file of ECGSIM"),
        (";;mbftri and binary numbers", "a binary .tri file; save it as text"),
        ("", "0 points announced"),
    ):
        file.write_text(wrong)
        with pytest.raises(BadInput, match=reason):
            read_surface(file)


def test_several_values_a_class(tmp_path):
    points, faces, tags = wall_of_the_embedded_atlas()
    whole = pv.PolyData.from_regular_faces(points, faces)
    split = np.where((tags == Surface.BASE) & (points[faces[:, 0], 0] > 0), 9, tags)
    whole.cell_data["part"] = split
    whole.save(tmp_path / "heart.vtp")
    found = read_heart("heart.vtp", tmp_path, "part epi=2 lv=3 rv=4 base=5,9")
    assert (split == 9).any()
    np.testing.assert_array_equal(found.face_tags, tags)
    with pytest.raises(BadInput, match=r"part epi|tags: 5 is given twice"):
        read_heart("heart.vtp", tmp_path, "part epi=2,5 lv=3 rv=4 base=5,9")


GOOD = "anna,heart.vtp,torso.ply,sites.csv,mm,LPS,{tags}"


def sheet_of(folder, *lines, columns="patient,heart,torso,electrodes,unit,axes,tags"):
    (folder / "sheet.csv").write_text("\n".join([columns, *lines]))
    return folder / "sheet.csv"


def test_a_wrong_line_leaves_the_others(tmp_path):
    lines = "Bob,a,b,c,mm,LPS,", GOOD.format(tags=""), "carl,a,b,,mm,LPS,", "dora,a,b,c,mm,LPS,"
    path = sheet_of(tmp_path, *lines)
    sheet = ImportSheet.read(path)
    assert list(sheet.rows) == ["anna", "dora"] and list(sheet.faults) == ["line 2", "carl"]
    assert sheet.row("dora").heart == "a"
    with pytest.raises(BadInput, match="line 4: electrodes missing"):
        sheet.row("carl")
    with pytest.raises(BadInput, match="no patient eva; it has anna, dora\n.*line 2"):
        sheet.row("eva")
    with pytest.raises(BadInput, match="line 2: patient 'Bob'.*\n.*line 4: electrodes missing"):
        read_sheet(path)
    with pytest.raises(BadInput) as caught:
        sheet.refuse_faults(but=["carl"])
    assert "line 4" not in str(caught.value)


@pytest.mark.parametrize(
    "columns", ["patient,heart,torso,electrodes,unit,axes,tags",
                "patient,heart,torso,electrodes,unit,axes,tags,skin,sex"],
)  # fmt: skip
def test_a_comma_within_tags_needs_quotes(tmp_path, columns):
    tags = "class base=1,5 epi=2 lv=3 rv=4"
    quoted = GOOD.format(tags=f'"{tags}"')
    (row,) = read_sheet(sheet_of(tmp_path, quoted, columns=columns))
    assert row.tags == tags
    with pytest.raises(BadInput, match="comma within a field.*quotes"):
        read_sheet(sheet_of(tmp_path, GOOD.format(tags=tags), columns=columns))
