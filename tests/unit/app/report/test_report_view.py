"""The 3-D page: what is packed comes back within half a step, fits, and needs nothing else."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from helpers.view import SLOPES, TURN_DEG, prediction_of, seen_patient, turned, with_scar
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from einthoven.app.cli import main
from einthoven.app.report.report import write_run_view
from einthoven.app.report.run import FinishedRun
from einthoven.app.report.viewer import viewer_page as page_module
from einthoven.app.report.viewer.methods import shown_methods
from einthoven.app.report.viewer.packing import Packed
from einthoven.app.report.viewer.scene import OHM, PATIENT_BYTES, scene_of
from einthoven.app.report.viewer.surface import HeartShown, thinned
from einthoven.app.report.viewer.viewer_page import write_scene, write_view
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.geometry.triangles import unique_edges
from einthoven.data.patient.stage import Stage

NUMBERS = arrays_of.arrays(
    float, arrays_of.array_shapes(max_dims=3), elements=st.floats(-1e6, 1e6, width=32)
)


@pytest.fixture(scope="module")
def patient():
    return seen_patient()


@pytest.fixture(scope="module")
def scene(patient, tmp_path_factory):
    path = prediction_of(patient, tmp_path_factory.mktemp("view") / "prediction.npz")
    return scene_of(patient, shown_methods(patient, path))


def unpacked(packed: Packed) -> np.ndarray:
    """Values as the page computes them."""
    return packed.low + packed.step * packed.stored


@settings(max_examples=40, deadline=None)
@given(NUMBERS, st.sampled_from([np.uint8, np.uint16]))
def test_packed_numbers_come_back_within_half_a_step(values, dtype) -> None:
    packed = Packed.of(values, dtype)
    rounding = 1e-12 * np.abs(values).max()
    assert (
        np.abs(packed.low + packed.step * packed.stored - values).max()
        <= packed.step / 2 + rounding
    )
    assert packed.step <= max(np.ptp(values) / np.iinfo(dtype).max, 1e-300) or not np.ptp(values)
    sent = packed.to_json()
    bytes_ = np.frombuffer(base64.b64decode(sent["data"]), np.dtype(sent["type"]).newbyteorder("<"))
    received = sent["low"] + sent["step"] * bytes_.reshape(sent["shape"])
    np.testing.assert_array_equal(received, packed.low + packed.step * packed.stored)


def test_what_cannot_be_packed_is_refused() -> None:
    with pytest.raises(BadInput, match="1 of 2 values are NaN"):
        Packed.of(np.array([1.0, np.nan]))
    with pytest.raises(BadInput, match="none to pack"):
        Packed.of(np.array([]))
    ids = np.array([[0, 65_535]])
    np.testing.assert_array_equal(Packed.of_ids(ids).stored, ids)
    with pytest.raises(BadInput, match="not 0 to 65535"):
        Packed.of_ids(ids + 1)


def test_a_thinned_surface_keeps_topology_and_places(patient) -> None:
    heart = patient.heart
    whole = HeartShown.of(heart, len(heart.points))
    n_most = len(whole.nodes) // 2
    few = HeartShown.of(heart, n_most)
    assert len(few.nodes) <= 1.02 * n_most and set(few.nodes) <= set(whole.nodes)
    for shown in (whole, few):
        edges, count = np.unique(
            np.sort(np.concatenate([shown.outer, shown.endocardium])[:, [[0, 1], [1, 2], [2, 0]]]
                    .reshape(-1, 2), axis=1), axis=0, return_counts=True,
        )  # fmt: skip
        assert (count == 2).all()  # closed
        n_faces = len(shown.outer) + len(shown.endocardium)
        assert len(shown.nodes) - len(edges) + n_faces == 2  # a ball with two dents
    kept, faces, origin = thinned(heart.points, whole.outer, len(heart.points))
    assert (kept == np.arange(len(heart.points))).all() and faces is whole.outer
    assert len(unique_edges(few.outer)[0]) < len(unique_edges(whole.outer)[0])


def test_the_page_holds_what_the_stages_say(patient, scene) -> None:
    arrays, heart = scene.arrays, patient.heart
    nodes = HeartShown.of(heart, 10**6).nodes
    tau = patient.activation("sinus").activation_time
    time = arrays["activation_time"]
    assert np.abs(unpacked(time)[0] - tau[nodes]).max() <= time.step / 2 + 1e-9 and time.step < 0.01
    points = arrays["heart_points"]
    assert np.abs(unpacked(points) - heart.points[nodes]).max() <= points.step / 2 + 1e-9
    length = np.log10(OHM * np.linalg.norm(SLOPES, axis=1))
    magnitude = arrays["magnitude"]
    away = unpacked(magnitude) - length[None, :, None]
    assert np.abs(away).max() <= magnitude.step / 2 + 1e-6
    angle = arrays["angle"]
    assert np.abs(unpacked(angle) - TURN_DEG).max() <= angle.step / 2 + 1e-3
    for surface in ("outer", "endocardium"):
        arrows = arrays[f"{surface}_arrows"]
        for found, truth in zip(unpacked(arrows), (SLOPES, turned(SLOPES))):
            unit = truth / np.linalg.norm(truth, axis=1, keepdims=True)
            assert np.abs(found - unit[:, None]).max() <= arrows.step / 2 + 1e-6
        own = np.unique(arrays[f"{surface}_faces"].stored)
        assert set(arrays[f"{surface}_places"].stored) <= set(own)
    ecg = unpacked(arrays["ecg"])
    np.testing.assert_allclose(1.1 * ecg[0], ecg[1], atol=1.1 * arrays["ecg"].step)
    kept = np.isin(patient.ecg.time, np.rint(unpacked(arrays["time"])))
    exact = patient.ecg.ecg[0][:, kept]
    assert np.abs(ecg[0, 0] - exact).max() <= arrays["ecg"].step / 2 + 1e-9
    np.testing.assert_allclose(scene.about["mean_angle_deg"], TURN_DEG, atol=1e-3)
    turn = 2 * np.sin(np.radians(TURN_DEG) / 2)
    np.testing.assert_allclose(scene.about["mean_magnitude_rel"], turn, atol=1e-3)


class _Addresses(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [(tag, k, v) for k, v in attrs if k in ("src", "href", "action", "data")]
        self.found += [(tag, k, v) for k, v in attrs if tag == "script" and v == "module"]


def test_a_scar_is_a_layer_of_hearts_that_have_one(patient, scene, tmp_path) -> None:
    assert "substrate" not in scene.arrays and "substrate" not in scene.about
    sick = scene_of(with_scar(patient), shown_methods(patient))
    x = unpacked(sick.arrays["heart_points"])[:, 0]
    level = unpacked(sick.arrays["substrate"])
    np.testing.assert_allclose(level, np.clip(x / 10.0, 0, 1), atol=0.01)
    assert sick.about["substrate"] == "scar"
    write_scene(tmp_path / "heart.html", sick)
    assert "scar: core red, border zone orange" in (tmp_path / "heart.html").read_text()


def test_the_page_loads_nothing_and_is_small(scene, tmp_path) -> None:
    size = write_scene(tmp_path / "heart.html", scene)
    page = (tmp_path / "heart.html").read_text()
    assert size.viewer + size.patient == len(page.encode())
    assert size.viewer <= 100_000 and size.patient <= 1_000_000
    parser = _Addresses()
    parser.feed(page)
    assert not parser.found
    assert not re.search(
        r"https?://|@import|\bimport\b *[({'\"*]|\bfetch\(|XMLHttp|WebSocket", page
    )
    assert "Unlicense" in page
    write_scene(tmp_path / "again.html", scene)
    assert (tmp_path / "again.html").read_bytes() == page.encode()


def test_names_in_the_page_cannot_end_its_script(patient, tmp_path) -> None:
    scene = scene_of(patient, shown_methods(patient))
    bad = type(scene)(scene.arrays, {**scene.about, "patient": "</script><b>"})
    write_scene(tmp_path / "heart.html", bad)
    assert "</script><b>" not in (tmp_path / "heart.html").read_text()


def test_a_large_heart_fits(monkeypatch, tmp_path) -> None:
    large = seen_patient(("sinus", "lbbb", "rbbb"))
    prediction = prediction_of(large, tmp_path / "prediction.npz")
    scene = scene_of(large, shown_methods(large, prediction))
    monkeypatch.setattr("einthoven.app.report.viewer.scene.PATIENT_BYTES", 240_000)
    smaller = scene_of(large, shown_methods(large, prediction))
    n, fewer = (s.arrays["heart_points"].stored.shape[0] for s in (scene, smaller))
    assert fewer < n and write_scene(tmp_path / "heart.html", smaller).patient <= 240_000
    monkeypatch.setattr("einthoven.app.report.viewer.scene.PATIENT_BYTES", 180_000)
    with pytest.raises(BadInput, match="3 scenarios: leave room for .* show fewer"):
        scene_of(large, shown_methods(large, prediction))
    assert PATIENT_BYTES == 1_000_000 and page_module.VIEWER_BYTES == 100_000


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"attrs": {"patient": "p0007"}}, "of patient p0007, not ideal"),
        ({"ecg": None}, "lacks ecg; predict with an activation"),
        ({"electrode_names": np.array([f"A{k}" for k in range(9)])}, "lacks electrodes RA"),
        ({"heart_grad": np.zeros((9, 5, 3))}, "heart_grad"),
        ({"scenario": np.array(["lbbb"])}, "no scenario has an activation and ECGs of all"),
    ],
)
def test_predictions_that_do_not_belong_are_refused(patient, tmp_path, changed, words) -> None:
    path = prediction_of(patient, tmp_path / "prediction.npz", **changed)
    with pytest.raises(BadInput, match=words):
        write_view(tmp_path / "heart.html", patient, path)
    assert not (tmp_path / "heart.html").exists()


def test_the_command_writes_the_page_of_a_folder(patient, tmp_path, capsys) -> None:
    for stage in ("mesh", "lead_fields", "ecg"):
        name = {"lead_fields": "leadfield_b0"}.get(stage, stage)
        getattr(patient, stage).save(tmp_path / f"{name}.npz")
    Stage.save(patient.anatomy, tmp_path / "anatomy.npz")  # has no heart, so it is not closed
    patient.activation("sinus").save(tmp_path / "activation_sinus.npz")
    page = tmp_path / "out.html"
    assert main(["view", str(tmp_path), "--to", str(page)]) == 0
    assert re.search(r"out.html: viewer \d+ kB, patient \d+ kB", capsys.readouterr().out)
    assert "Heart of ideal" in page.read_text() and "angle" not in scene_arrays(page)
    (tmp_path / "leadfield_b0.npz").unlink()
    assert main(["view", str(tmp_path), "--to", str(page)]) == 2
    assert "no solved lead fields" in capsys.readouterr().err


def test_the_report_of_a_run_shows_its_example(patient, tmp_path) -> None:
    found = load_arrays(prediction_of(patient, tmp_path / "prediction.npz"))
    none = dict.fromkeys(("curves", "population", "cohort", "anatomies", "beats"), {})
    run = FinishedRun(
        metrics={"methods": {"operator": {}, "pca-mlp": {}}},
        example=patient,
        predictions={"operator": found},
        repolarisation=RepolarisationSettings(),
        **none,
    )
    size = write_run_view(tmp_path / "heart.html", run)
    assert size.patient > 50_000 and {"angle"} < scene_arrays(tmp_path / "heart.html")


def scene_arrays(page) -> set[str]:
    text = re.search(r'id="patient">(.*?)</script>', page.read_text(), re.S).group(1)
    return set(json.loads(text)["arrays"])
