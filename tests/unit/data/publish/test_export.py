"""Exports can be read back: VTK by pyvista, openCARP by our own reader."""

import numpy as np
import pytest
import pyvista as pv
from helpers.dataset import ELECTRODES, SCENARIOS, write_patient, write_patient_store, write_stages

from einthoven.app.cli import main
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.geometry.carp import read_carp
from einthoven.data.patient.patient import Patient
from einthoven.data.publish.mesh_files import on_cells, on_nodes, write_carp_files, write_vtk


def as_in_a_body(folder):
    """Random stage files, made consistent: the heart's nodes are the first ones of the mesh."""
    mesh = load_arrays(folder / "mesh.npz")
    fibers = load_arrays(folder / "fibers.npz")
    n_heart, n_cells = len(fibers["uvc_z"]), len(fibers["f0"])
    mesh["cell_tags"][:] = 4
    mesh["cell_tags"][:n_cells] = 1
    mesh["cells"][:n_cells] %= n_heart
    mesh["cells"][0] = [0, 1, 2, n_heart - 1]
    save_arrays(folder / "mesh.npz", mesh, **mesh.attrs)
    return mesh


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patients")
    write_patient(folder, 1)
    as_in_a_body(folder / "p0001")
    return folder / "p0001"


def expected(folder):
    fields = [load_arrays(folder / f"leadfield_b{b}.npz") for b in range(2)]
    return (
        load_arrays(folder / "mesh.npz"),
        load_arrays(folder / "fibers.npz"),
        np.concatenate([f["lead_field"] for f in fields]),
    )


def test_vtk_comes_back(patient, tmp_path):
    files = write_vtk(Patient.open(patient), tmp_path)
    assert [f.name for f in files] == ["surfaces.vtp", "electrodes.vtp", "body.vtu", "purkinje.vtp"]
    mesh, fibers, z = expected(patient)
    body = pv.read(tmp_path / "body.vtu")
    np.testing.assert_array_equal(body.points, mesh["points"])
    np.testing.assert_array_equal(body.cell_connectivity.reshape(-1, 4), mesh["cells"])
    np.testing.assert_array_equal(body.cell_data["cell_tags"], mesh["cell_tags"])
    n_cells, n_heart = len(fibers["f0"]), len(fibers["uvc_z"])
    np.testing.assert_array_equal(body.cell_data["f0"][:n_cells], fibers["f0"])
    assert not body.cell_data["f0"][n_cells:].any()
    for k, name in enumerate(ELECTRODES):
        np.testing.assert_array_equal(body.point_data[f"lead_field_{name}_kohm"], z[k])
    for scenario in SCENARIOS:
        found = body.point_data[f"activation_{scenario}_ms"]
        wanted = load_arrays(patient / f"activation_{scenario}.npz")["activation_time"]
        np.testing.assert_array_equal(found[:n_heart], wanted)
        assert np.isnan(found[n_heart:]).all()
    anatomy = load_arrays(patient / "anatomy.npz")
    surfaces = pv.read(tmp_path / "surfaces.vtp")
    np.testing.assert_array_equal(surfaces.regular_faces, anatomy["faces"])
    np.testing.assert_array_equal(surfaces.cell_data["face_tags"], anatomy["face_tags"])
    electrodes = pv.read(tmp_path / "electrodes.vtp")
    assert list(electrodes.point_data["name"]) == list(anatomy["site_names"])
    assert pv.read(tmp_path / "purkinje.vtp").n_lines == 5


def test_carp_comes_back(patient, tmp_path):
    write_carp_files(Patient.open(patient), tmp_path)
    mesh, fibers, z = expected(patient)
    found = read_carp(tmp_path / "body.elem")
    np.testing.assert_allclose(1e-3 * found.points, mesh["points"], atol=1e-6)
    np.testing.assert_array_equal(found.cells, mesh["cells"])
    np.testing.assert_array_equal(found.tags, mesh["cell_tags"])
    n_cells = len(fibers["f0"])
    written = np.loadtxt(tmp_path / "body.lon", skiprows=1)
    np.testing.assert_allclose(written[:n_cells, :3], fibers["f0"], atol=1e-6)
    np.testing.assert_allclose(written[:n_cells, 3:], fibers["s0"], atol=1e-6)
    np.testing.assert_allclose(np.loadtxt(tmp_path / "lead_field_V2_kohm.dat"), z[4], rtol=1e-6)


def test_a_store_exports_as_its_folder_does(tmp_path):
    files = write_stages(tmp_path / "p0002", 2)
    as_in_a_body(tmp_path / "p0002")
    write_patient_store(store := tmp_path / "p0002.zarr.zip", **files)
    of_store, of_folder = Patient.open(store), Patient.open(tmp_path / "p0002")
    assert of_store.name == of_folder.name == "p0002"
    kept = of_store.lead_fields.kept_nodes
    in_store, in_folder = on_nodes(of_store), on_nodes(of_folder)
    assert set(in_store) == set(in_folder)
    assert list(of_store.activations) == list(SCENARIOS)
    for name, values in in_store.items():
        if name.startswith("lead_field"):
            np.testing.assert_array_equal(values[kept], in_folder[name][kept])
            assert np.isnan(np.delete(values, kept)).all()
        else:
            np.testing.assert_array_equal(values, in_folder[name])
    for name, values in on_cells(of_store).items():
        np.testing.assert_array_equal(values, on_cells(of_folder)[name])


def test_early_stages_alone_can_be_exported(patient, tmp_path, capsys):
    (tmp_path / "few").mkdir()
    (tmp_path / "few/anatomy.npz").write_bytes((patient / "anatomy.npz").read_bytes())
    assert main(["export", str(tmp_path / "few"), "--to", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "out" / name) for name in ("surfaces.vtp", "electrodes.vtp")
    ]
    arguments = ["export", str(tmp_path / "few"), "--to", str(tmp_path), "--format", "carp"]
    assert main(arguments) == 2
    assert "has no mesh" in capsys.readouterr().err
    assert main(["export", str(tmp_path), "--to", str(tmp_path)]) == 2
