"""Round trip, determinism, laziness and memory of both stores."""

import json
import tracemalloc

import dask
import numpy as np
import pytest
import xarray as xr
from helpers.dataset import (
    ELECTRODES,
    SCENARIOS,
    stage_arrays,
    write_patient,
    write_patient_store,
    write_stages,
)
from zarr.storage import ZipStore

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.core.tags import Surface
from einthoven.data.dataset.checker import check_store
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.dataset.layout import DATASET_LAYOUT, PATIENT_LAYOUT
from einthoven.data.dataset.loaders import open_dataset, open_group
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.write_store import region_of_interest

CONFIG = {"mesh": {"heart_edge_mm": 4.0}}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return [write_patient(folder, index) for index in range(3)]


@pytest.fixture(scope="module")
def dataset(stores):
    path = stores[0].parent / "einthoven.zarr.zip"
    consolidate(path, stores, CONFIG, excluded=["p0003"])
    return path


def test_patient_store_gives_back_the_stage_files(stores):
    tree, arrays = open_dataset(stores[1]), stage_arrays(1)
    for group, stage in (("mesh", "mesh"), ("anatomy", "anatomy"), ("field", "field")):
        for variable in PATIENT_LAYOUT[group]:
            if variable.stage_name not in arrays[stage]:
                continue  # the coordinate `surface`
            stored = tree[group][variable.name]
            assert stored.dims == variable.dims
            assert stored.attrs["units"] == variable.units
            assert np.array_equal(stored.values, arrays[stage][variable.stage_name])


def test_batches_and_scenarios_are_joined_in_order(stores):
    tree, arrays = open_dataset(stores[2]), stage_arrays(2)
    assert list(tree["leadfield"].electrode.values) == list(ELECTRODES)
    places = stage_arrays(2)["anatomy"]["site_points"][: len(ELECTRODES)]
    np.testing.assert_array_equal(tree["anatomy"].electrode_points.values, places)
    second = tree["leadfield"].lead_field.sel(electrode=list(ELECTRODES[6:])).values
    kept = tree["leadfield"].kept_nodes.values
    assert np.array_equal(second, arrays["leadfield_b1"]["lead_field"][:, kept])
    for number, scenario in enumerate(SCENARIOS):
        ours = tree["activation"].activation_time.sel(scenario=scenario).values
        assert np.array_equal(ours, arrays[f"activation_{scenario}"]["activation_time"])
        mine = tree["activation"].source_scenario.values == number
        nodes = tree["activation"].source_nodes.values[mine]
        assert np.array_equal(nodes, arrays[f"activation_{scenario}"]["source_nodes"])


def test_dataset_holds_each_patient_in_its_row(dataset):
    tree = open_dataset(dataset)
    assert list(tree.patient.values) == ["p0000", "p0001", "p0002"]
    assert list(tree.split.values) == ["train", "val", "test"]
    assert list(tree.sex.values) == ["female", "male", "unknown"]
    for index in range(3):
        arrays = stage_arrays(index)
        name = f"p{index:04d}"
        for group in ("sdf", "field", "ecg"):
            for variable in DATASET_LAYOUT[group]:
                if variable.dims[0] == "patient":
                    row = tree[group][variable.name].sel(patient=name).values
                    np.testing.assert_array_equal(row, arrays[group][variable.name], variable.name)


def test_features_are_found_by_scenario_and_name(dataset):
    ecg = open_group(dataset, "ecg")
    assert list(ecg.patient.values[ecg.sex.values == "male"]) == ["p0001"]
    t_wave = ecg.ecg_features.sel(feature="t_mv_v5", scenario="sinus").values
    np.testing.assert_allclose(t_wave, [0.4, 1.4, 2.4])
    assert np.isnan(ecg.ecg_features.sel(feature="t_mv_v5", scenario="lbbb").values).all()
    units = ecg.feature_units
    assert units.dims == ("feature",) and str(units.sel(feature="qrs_ms").values) == "ms"


def test_dataset_attributes_tell_config_and_exclusions(dataset):
    attrs = open_dataset(dataset).attrs
    assert json.loads(attrs["config"]) == CONFIG
    assert attrs["excluded"] == ["p0003"]
    assert attrs["licence"] and attrs["title"] and attrs["einthoven_version"]


def test_same_stage_files_give_the_same_bytes(tmp_path, stores, dataset):
    again = [write_patient(tmp_path, index) for index in range(3)]
    for first, second in zip(stores, again):
        assert first.read_bytes() == second.read_bytes()
    consolidate(tmp_path / "again.zarr.zip", again, CONFIG, excluded=["p0003"])
    assert (tmp_path / "again.zarr.zip").read_bytes() == dataset.read_bytes()
    leftovers = [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]
    assert not leftovers


def test_plain_xarray_opens_it_lazily(dataset):
    data = xr.open_zarr(ZipStore(dataset, mode="r"), group="field")
    assert data.field_grad.chunks[0] == (1, 1, 1)
    assert data.field_grad.chunks[1] == (1,) * len(ELECTRODES)
    mean = float(data.field_grad.mean())
    arrays = np.stack([stage_arrays(i)["field"]["field_grad"] for i in range(3)])
    assert mean == pytest.approx(float(arrays.mean()), rel=1e-4)


def test_many_threads_read_one_archive(dataset):
    """fsspec's zip files mix up their reads; ours must not."""
    data = open_group(dataset, "field").field_grad
    want = data.isel(patient=0).values
    for _ in range(20):
        with dask.config.set(scheduler="threads", num_workers=8):
            assert np.array_equal(data.compute().values[0], want)


def test_open_group_selects_a_split(dataset):
    assert list(open_group(dataset, "ecg", split="val").patient.values) == ["p0001"]
    with pytest.raises(BadInput, match="no group 'lead'"):
        open_group(dataset, "lead")
    with pytest.raises(BadInput, match="no patient in split 'tset'"):
        open_group(dataset, "ecg", split="tset")


def test_both_stores_pass_their_check(stores, dataset):
    assert check_store(stores[0]).kind == "einthoven-patient"
    summary = check_store(dataset)
    assert summary.n_patients == 3
    assert summary.n_bytes == dataset.stat().st_size


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"fibers": {"f0": np.full((20, 3), np.nan)}}, "fibers: f0: holds NaN"),
        ({"fibers": {"uvc_z": np.zeros(5)}}, "uvc_z: heart_node has length 5, elsewhere 12"),
        (
            {"mesh": {"cell_tags": np.repeat([1, 300], [20, 30])}},
            "mesh: cell_tags: int64 does not fit int8",
        ),
        ({"mesh": {"points": np.zeros(3)}}, "mesh.npz: points: shape"),
        ({"ecg": {"ecg_features": np.full((2, 2), np.inf)}}, "ecg: ecg_features: holds NaN or inf"),
        ({"ecg": {"ecg_features": np.zeros((2, 3))}}, "feature has length 3, elsewhere 2"),
        ({"ecg": {"electrode_names": np.array(ELECTRODES[::-1])}}, "ecg: electrode names differ"),
    ],
)
def test_contradicting_stage_files_are_refused(tmp_path, changes, message):
    with pytest.raises(BadInput, match=message):
        write_patient(tmp_path, 0, changes)
    assert not list(tmp_path.glob("*.zip"))


def test_missing_variable_names_the_rule(tmp_path):
    arguments = write_stages(tmp_path, 0)
    arguments["stages"]["fibers"] = arguments["stages"]["sdf"]
    with pytest.raises(BadInput, match="lacks f0, s0, n0; re-run the rule fibers"):
        write_patient_store(tmp_path / "x.zarr.zip", **arguments)


def test_patients_of_different_configs_do_not_mix(tmp_path, stores):
    sdf = {"sdf_points": np.zeros((65, 3), np.float32), "sdf": np.zeros((65, 4), np.float32)}
    odd = write_patient(tmp_path, 5, {"sdf": sdf})
    with pytest.raises(BadInput, match=r"p0005.zarr.zip: sdf/sdf_points has shape \(65, 3\)"):
        consolidate(tmp_path / "d.zarr.zip", [*stores, odd], CONFIG)
    odd = write_patient(tmp_path, 6, {"ecg": {"feature_units": np.array(["s", "mV"])}})
    with pytest.raises(BadInput, match=r"p0006.zarr.zip: ecg/feature_units differs from the first"):
        consolidate(tmp_path / "d.zarr.zip", [*stores, odd], CONFIG)
    with pytest.raises(BadInput, match="p0000 given more than once"):
        consolidate(tmp_path / "d.zarr.zip", [stores[0], stores[0]], CONFIG)
    with pytest.raises(BadInput, match="not a patient store"):
        consolidate(tmp_path / "d.zarr.zip", [stores[0].parent / "einthoven.zarr.zip"], CONFIG)
    assert not (tmp_path / "d.zarr.zip").exists()


def test_consolidation_streams(tmp_path):
    """Peak memory stays near one patient's array, not all of them."""
    n_patients, n_points = 5, 12_000
    grad = np.ones((len(ELECTRODES), n_points, 3), np.float32)
    noise = np.random.default_rng(0)
    field = dict(
        field_points=noise.normal(size=(n_points, 3)).astype(np.float32),
        field_cell=np.zeros(n_points, int), field_tissue=np.ones(n_points, np.int8),
        field_sdf=np.zeros((n_points, 4), np.float32),
        field_fiber=np.zeros((n_points, 3), np.float32), field_grad=grad,
    )  # fmt: skip
    stores = [write_patient(tmp_path, i, {"field": field}) for i in range(n_patients)]
    tracemalloc.start()
    consolidate(tmp_path / "d.zarr.zip", stores, CONFIG)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.5 * grad.nbytes < n_patients * grad.nbytes


def test_stage_file_is_readable_without_the_store(tmp_path):
    write_stages(tmp_path, 0)
    assert load_arrays(tmp_path / "mesh.npz").attrs["patient"] == "p0000"


def test_the_lead_field_is_kept_in_the_heart_around_it_and_on_the_skin(tmp_path):
    line = np.arange(20.0)[:, None] * [4.0, 0.0, 0.0]  # nodes 4 mm apart, the first 5 are the heart
    facets = np.array([[17, 18, 19], [4, 5, 6]])
    tags = np.array([Surface.SKIN, Surface.EPI])
    none = np.zeros((0, 4), np.int32)
    mesh = TetMesh(patient="p0000", points=line, cells=none, cell_tags=none[:, 0], facets=facets,
                   facet_tags=tags, n_heart_nodes=5, n_heart_cells=0)  # fmt: skip
    kept = region_of_interest(mesh)
    assert kept.tolist() == [0, 1, 2, 3, 4, 5, 6, 17, 18, 19]
    path = tmp_path / "all.zarr.zip"
    write_patient_store(path, **write_stages(tmp_path, 1), whole_body=True)
    whole = open_dataset(path)["leadfield"]
    assert np.array_equal(whole.kept_nodes.values, np.arange(whole.sizes["kept_node"]))
    assert whole.sizes["kept_node"] == len(stage_arrays(1)["mesh"]["points"])
