"""Measured cases: files of others, and what is found wrong with them."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.recordings import RATE_HZ, beat_of_a_dipole, ellipsoid, heart_and_torso, write_pts_fac
from scipy.io import savemat

from einthoven.base.core.errors import BadInput
from einthoven.inverse.measured.case import Preparation, prepare
from einthoven.inverse.measured.electrodes import MeasuredElectrodes, read_electrodes
from einthoven.inverse.measured.recording import ChannelRecording, detect_reference
from einthoven.inverse.measured.smoothness import Smoothness
from einthoven.inverse.measured.surface_files import (
    closed_mesh,
    raise_if_outside,
    read_closed_surface,
)
from einthoven.inverse.measured.tables import Stated, read_recording
from einthoven.inverse.problem.mean_reference import less_area_mean, transfer_to_mean

RNG = np.random.default_rng(3)
(HEART, TORSO) = (
    closed_mesh(part, *surface, part)
    for part, surface in zip(("heart", "torso"), heart_and_torso())
)
NODES = np.sort(RNG.permutation(len(TORSO.points))[:64])
NAMES = tuple(f"E{k:02d}" for k in range(64))
ELECTRODES = MeasuredElectrodes.at_nodes(NAMES, NODES)
POTENTIALS = beat_of_a_dipole(TORSO.points[NODES], RNG, n_beats=2)
RECORDING = ChannelRecording.of("rec", POTENTIALS, "mV", RATE_HZ, NAMES)


def case_of(change, how=Preparation()):  # noqa: B008
    """The case after `change` of a copy of the potentials."""
    values = POTENTIALS.copy()
    change(values)
    return prepare(HEART, TORSO, ELECTRODES, replace(RECORDING, potentials=values), how)


def test_a_good_case_loses_nothing():
    case = case_of(lambda values: None)
    assert not case.bad_leads and case.electrodes.channels == NAMES
    assert case.beat.n_beats == 2 and case.beat.baseline_ms is not None
    qrs, t_end = 150.0 - 35.0, 380.0 + 60.0
    assert 0 <= case.beat.start_ms < case.beat.baseline_ms[1] <= qrs
    assert t_end < case.beat.end_ms < 600.0 + 115.0
    np.testing.assert_allclose(np.diff(case.time), 1000.0 / RATE_HZ)


def test_offsets_are_taken_off_and_drift_is_told():
    offsets = RNG.normal(0, 2.0, (64, 1))
    case = case_of(lambda values: np.add(values, offsets, out=values))
    np.testing.assert_allclose(case.potentials, case_of(lambda values: None).potentials, atol=0.01)
    ramp = RNG.normal(0, 0.3, (64, 1)) * np.linspace(0, 1, POTENTIALS.shape[1])
    drifting = case_of(lambda values: np.add(values, ramp, out=values))
    assert any("drifts" in note for note in drifting.notes)
    kept = case_of(lambda v: np.add(v, 0.1, out=v), Preparation(baseline="none"))
    assert kept.potentials.mean() > 0.09


def set_row(row, values):
    def change(potentials):
        potentials[row] = values(potentials[row])

    return change


FAULTS = {
    "NaN": lambda row: np.where(np.arange(len(row)) == 80, np.nan, row),
    "flat": lambda row: np.full_like(row, 0.3),
    "saturated": lambda row: np.minimum(row, 0.3 * row.max()),
    "not as its neighbours": lambda row: -row,
}


@pytest.mark.parametrize("reason", FAULTS)
def test_bad_leads_are_named_and_dropped_or_interpolated(reason):
    worst = int(np.abs(POTENTIALS).max(axis=1).argmax())
    change = set_row(worst, FAULTS[reason])
    case = case_of(change)
    assert list(case.bad_leads) == [NAMES[worst]] and reason in case.bad_leads[NAMES[worst]]
    assert NAMES[worst] not in case.electrodes.channels and len(case.potentials) == 63
    filled = case_of(change, Preparation(bad_leads="interpolate")).potentials[worst]
    true = case_of(lambda values: None).potentials[worst]
    n = min(len(filled), len(true))
    assert np.corrcoef(filled[:n], true[:n])[0, 1] > 0.9


def test_the_order_of_electrodes_is_judged():
    def permuted(values):
        values[:] = values[RNG.permutation(64)]

    with pytest.raises(BadInput, match="order of the electrodes"):
        case_of(permuted)
    along = np.lexsort((TORSO.points[NODES, 0], np.round(TORSO.points[NODES, 2] / 40)))
    electrodes = MeasuredElectrodes.at_nodes(NAMES, NODES[along])
    shifted = replace(RECORDING, potentials=np.roll(POTENTIALS[along], 1, axis=0))
    with pytest.raises(BadInput, match="row after its own"):
        prepare(HEART, TORSO, electrodes, shifted)


def test_two_swapped_leads_are_found():
    low, high = POTENTIALS[:, 85].argmin(), POTENTIALS[:, 85].argmax()

    def swap(values):
        values[[low, high]] = values[[high, low]]

    assert set(case_of(swap).bad_leads) >= {NAMES[low], NAMES[high]}


def test_roughness_is_one_for_the_mean_of_random_orders():
    smoothness = Smoothness(TORSO, ELECTRODES)
    orders = [RNG.permutation(64) for _ in range(200)]
    mean = np.mean([smoothness.roughness(POTENTIALS[order, 80:81]) for order in orders])
    assert mean == pytest.approx(1.0, abs=0.02)
    assert smoothness.roughness(POTENTIALS[:, 60:110]) < 0.2


def test_interpolation_is_exact_for_what_bends_least():
    """Leaving an electrode out of its own interpolant gives that of the others: (S y)_i / S_ii."""
    smoothness = Smoothness(TORSO, ELECTRODES)
    values = POTENTIALS[:, 85:86]
    missing = np.arange(64) == 7
    np.testing.assert_allclose(smoothness.filled(values, missing)[7],
                               smoothness.predicted(values)[7], rtol=1e-8)  # fmt: skip
    np.testing.assert_allclose(smoothness.filled(np.ones((64, 1)), missing), 1.0, rtol=1e-4)


def test_units_are_found_or_refused():
    assert ChannelRecording.of("r", POTENTIALS * 1e3).unit == "uV"
    assert ChannelRecording.of("r", POTENTIALS).unit == "mV"
    np.testing.assert_allclose(
        ChannelRecording.of("r", POTENTIALS * 1e3, "uV").potentials, POTENTIALS
    )
    for values, unit, guess in ((1e3, "mV", "are they uV"), (1e-3, "mV", "are they V")):
        with pytest.raises(BadInput, match=guess):
            ChannelRecording.of("r", POTENTIALS * values, unit)
    with pytest.raises(BadInput, match="none of mV, uV, V"):
        ChannelRecording.of("r", POTENTIALS, "counts")
    with pytest.raises(BadInput, match="flat or NaN"):
        ChannelRecording.of("r", np.full((4, 9), np.nan))


def test_references():
    body = POTENTIALS[:, 40:]
    assert detect_reference(body, NAMES) == "unknown"
    assert detect_reference(body - body.mean(axis=0), NAMES) == "mean of the electrodes"
    limbs = ("RA", "LA", "LL", *NAMES[3:])
    assert detect_reference(body - body[:3].mean(axis=0), limbs) == "Wilson's central terminal"


def test_any_reference_gives_the_same_case_and_fixes_the_constant():
    """A' u = y' where u has zero mean over the area, whatever was subtracted from y."""
    transfer = RNG.random((20, 30))
    transfer /= transfer.sum(axis=1, keepdims=True)
    areas, heart = RNG.random(30) + 0.5, RNG.normal(size=(30, 5))
    referenced, recorded = transfer_to_mean(transfer, areas), transfer @ heart + RNG.normal(size=5)
    body, free = recorded - recorded.mean(axis=0), less_area_mean(heart, areas)
    np.testing.assert_allclose(referenced @ free, body, atol=1e-12)
    np.testing.assert_allclose(referenced.sum(axis=1), 1.0)


def test_surfaces_are_read_and_put_right(tmp_path):
    points, faces = HEART.points, HEART.faces
    file = write_pts_fac(tmp_path / "heart", points, faces[:, ::-1])
    found = read_closed_surface(file, "heart")
    np.testing.assert_array_equal(np.sort(found.faces, axis=1), np.sort(faces, axis=1))
    assert any("outwards" in note for note in found.notes)
    savemat(tmp_path / "heart.mat", {"geom": {"node": points.T, "face": faces.T + 1}})
    np.testing.assert_array_equal(read_closed_surface(tmp_path / "heart.mat", "heart").faces, faces)


def test_faces_from_one_are_known_by_their_edges():
    """The last point of the mesh is unused in the wrong numbering; both are closed."""
    points = np.concatenate([HEART.points, HEART.points[:1] + 5.0])
    with pytest.raises(BadInput, match="belong to no triangle"):
        closed_mesh("heart", points, HEART.faces + 1, "heart")
    found = closed_mesh("heart", HEART.points, HEART.faces + 1, "heart")
    np.testing.assert_array_equal(found.faces, HEART.faces)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda p, f: (p / 1000, f), "is it in m"),
        (lambda p, f: (p, f[1:]), "not closed"),
        (lambda p, f: (p, np.r_[f[:1, ::-1], f[1:]]), "both ways"),
        (lambda p, f: (p, f + 7), "faces name points"),
        (lambda p, f: (np.r_[p, p + 200], np.r_[f, f + len(p)]), "2 pieces|mm long"),
    ],
)
def test_bad_surfaces(change, message):
    with pytest.raises(BadInput, match=message):
        closed_mesh("heart", *change(HEART.points, HEART.faces), "heart")


def test_a_heart_outside_the_torso():
    for shift, cause in ((500.0, "another frame"), (110.0, "another pose")):
        moved = replace(HEART, points=HEART.points + [shift, 0, 0])
        with pytest.raises(BadInput, match=cause):
            raise_if_outside(moved, TORSO)


def test_electrodes_of_all_formats(tmp_path):
    (tmp_path / "e.channels").write_text("3 leads\n 5 11\n 7 12\n 9 13\n")
    (tmp_path / "e.leadlinks").write_text(" 3 leads\n 11 5\n 12 7\n 13 9\n")
    np.savetxt(tmp_path / "e.pts", TORSO.points[[4, 6, 8]])
    (tmp_path / "n.csv").write_text("name,node\n11,5\n12,7\n13,9\n")
    rows = [f"{k},{x},{y},{z}" for k, (x, y, z) in zip((11, 12, 13), TORSO.points[[4, 6, 8]] / 10)]
    (tmp_path / "p.csv").write_text("\n".join(["name,x,y,z", *rows]))
    for name, unit in (("e.channels", "mm"), ("e.leadlinks", "mm"), ("e.pts", "mm"),
                       ("n.csv", "mm"), ("p.csv", "cm")):  # fmt: skip
        found = read_electrodes(tmp_path / name, TORSO, unit)
        assert found.channels == (("1", "2", "3") if name == "e.pts" else ("11", "12", "13"))
        places = found.of_torso(TORSO.points)
        np.testing.assert_allclose(places, TORSO.points[[4, 6, 8]], atol=1e-3)
    with pytest.raises(BadInput, match="are they in cm"):
        read_electrodes(tmp_path / "p.csv", TORSO)
    (tmp_path / "e.channels").write_text("0 1\n 5 2\n")
    with pytest.raises(BadInput, match="count from 0"):
        read_electrodes(tmp_path / "e.channels", TORSO)


def test_an_electrode_between_nodes_takes_the_linear_interpolation():
    middle = TORSO.points[TORSO.faces[10]].mean(axis=0)
    found = ELECTRODES.of_torso(TORSO.points)
    np.testing.assert_allclose(found, TORSO.points[NODES])
    from einthoven.base.geometry.barycentric import attach

    one = MeasuredElectrodes(("x",), attach(TORSO.points, TORSO.faces, middle[None]))
    np.testing.assert_allclose(one.of_torso(TORSO.points)[0], middle, atol=1e-9)


def test_recordings_of_all_formats(tmp_path):
    values = POTENTIALS[:5].astype(np.float64)
    time = np.arange(values.shape[1]) * 2.0
    run = {"potvals": values * 1e3, "unit": "uV", "samplefrequency": RATE_HZ,
           "leadinfo": [0, 0, 1, 0, 0]}  # fmt: skip
    savemat(tmp_path / "r.mat", {"ts": run, "label": "x"})
    savemat(tmp_path / "bare.mat", {"y": values})
    np.save(tmp_path / "r.npy", values)
    np.savez(tmp_path / "r.npz", potentials=values, time=time, unit="mV", channels=list("abcde"))
    table = np.column_stack([time, values.T])
    np.savetxt(tmp_path / "r.csv", table, delimiter=",", header="time_ms,a,b,c,d,e", comments="")
    for name in ("r.mat", "bare.mat", "r.npy", "r.npz", "r.csv"):
        knows_rate = name in ("r.mat", "r.npz", "r.csv")
        found = read_recording(tmp_path / name, Stated(rate_hz=None if knows_rate else RATE_HZ))
        np.testing.assert_allclose(found.potentials, values, rtol=1e-6)
        assert found.rate_hz == pytest.approx(RATE_HZ)
    assert read_recording(tmp_path / "r.mat").flagged == ("3",)
    assert read_recording(tmp_path / "r.csv").channels == tuple("abcde")


def test_matlab_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "r.mat"
    savemat(path, {"a": {"potvals": POTENTIALS}, "b": {"potvals": POTENTIALS}})
    with pytest.raises(BadInput, match="2 time signals; .* a, b"):
        read_recording(path)
    assert read_recording(path, Stated(entry="b", unit="mV")).unit == "mV"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    with pytest.raises(BadInput, match=r"not readable as .mat of version 7\.3"):
        read_recording(path)
    path.write_bytes(b"no mat file at all" * 20)
    with pytest.raises(BadInput, match="not readable"):
        read_recording(path)


def test_missing_rows_and_rates():
    with pytest.raises(BadInput, match="no channel E99"):
        RECORDING.rows_of(["E99"])
    with pytest.raises(BadInput, match="sampling rate"):
        prepare(HEART, TORSO, ELECTRODES, replace(RECORDING, rate_hz=None))
    with pytest.raises(BadInput, match="dead"):
        case_of(lambda values: np.copyto(values[:40], 0.0))


def test_ellipsoids_of_the_helper_are_closed_and_outward():
    assert not closed_mesh("torso", *ellipsoid(1, (100, 90, 80)), "torso").notes
