"""Recordings of simulated beats: what goes in comes out, through files and the readers."""

from dataclasses import replace

import numpy as np
import pytest

from einthoven.base.config.recording import RecordingSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS, STANDARD_ELECTRODES
from einthoven.data.dataset.loaders import open_dataset
from einthoven.data.dataset.sample import sample
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.recorded import RecordedEcg
from einthoven.data.patient.stages import Activation, Ecg
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.features import EcgSample, feature_row
from einthoven.physics.ecg.leads import lead_matrix, twelve_lead
from einthoven.physics.ecg.recorder.measured_noise import NoiseMeasures, electrode_levels, typical
from einthoven.physics.ecg.recorder.record import record_ecg
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording
from einthoven.physics.ecg.recordings.recording import Recording

SILENT = {"wander_uv": 0.0, "muscle_uv": 0.0, "mains_uv": 0.0}
REGULAR = {"sdnn_ms": 0.0}
UNFILTERED = {"high_pass_hz": 0.0, "low_pass_hz": 0.0, "rate_hz": 1000, "lsb_uv": 0.5}


def activation(scenario, cycle_ms=1000.0):
    none = np.zeros(0)
    return Activation(
        patient="p0000", scenario=scenario, activation_time=none, source_nodes=none.astype(int),
        source_times=none, cycle_length_ms=cycle_ms,
    )  # fmt: skip


@pytest.fixture(scope="module")
def patient():
    """The first patient of the sample: sinus and LBBB, the latter also as a premature beat."""
    ecg = open_dataset(sample())["ecg"].isel(patient=0)
    names = [str(name) for name in ecg.electrode.values]
    potential = ecg.electrode_potential.values
    stage = Ecg(
        patient="p0000", time=ecg.time.values, scenario=np.array(["sinus", "lbbb"]),
        electrode_names=np.array(names), lead=np.array(LEADS), electrode_potential=potential,
        ecg=twelve_lead(names, potential).astype(np.float32),
    )  # fmt: skip
    return Patient.of(stage, activation("sinus"), activation("lbbb", 900.0))


def record(patient, scenario="sinus", **settings):
    return record_ecg(patient, scenario, RecordingSettings(**settings))


def in_memory(recorded):
    leads = dict(zip(LEADS, recorded.recorded_ecg.astype(float)))
    return Recording.of_leads("p0000", leads, recorded.rate_hz)


def test_without_noise_filters_and_variability_the_beat_comes_back(patient):
    """Sample by sample, up to half a count; at 1000 ms the record of 600 ms does not overlap."""
    recorded = record(patient, **SILENT, **REGULAR, **UNFILTERED)
    ecg, n_whole = patient.ecg, 0
    assert np.array_equal(np.diff(recorded.beat_time), np.full(len(recorded.beat_time) - 1, 1000.0))
    for onset in recorded.beat_time.astype(int):
        first = onset + int(ecg.time[0])
        part = recorded.recorded_ecg[:, max(first, 0) : first + len(ecg.time)]
        if part.shape[1] == len(ecg.time):
            n_whole += 1
            # derived leads are rounded from two rounded ones
            np.testing.assert_allclose(part, ecg.ecg[0], atol=0.00101)
            np.testing.assert_allclose(part[6:], ecg.ecg[0][6:], atol=0.000251)
    assert n_whole >= 9


@pytest.mark.parametrize("settings", [{}, {"lsb_uv": 1.0}, {"notch": True, "zero_phase": True}])
def test_stored_leads_obey_einthoven_and_goldberger(patient, settings):
    rows = dict(zip(LEADS, record(patient, **settings).counts.astype(int)))
    assert np.array_equal(rows["I"] + rows["III"], rows["II"])
    assert np.abs(rows["aVR"] + rows["aVL"] + rows["aVF"]).max() <= 1


@pytest.mark.parametrize("settings", [{}, {"rate_hz": 250, "low_pass_hz": 40.0}, {"lsb_uv": 1.0}])
def test_files_hold_what_was_recorded(patient, tmp_path, settings):
    recorded = record(patient, **settings)
    recorded.save(tmp_path / "recording_sinus.npz")
    recorded.write_wfdb(tmp_path / "p0000.hea")
    stage = RecordedEcg.load(tmp_path / "recording_sinus.npz")
    read = read_recording(tmp_path / "p0000.hea")
    assert np.array_equal(stage.recorded_ecg, recorded.recorded_ecg)
    assert stage.settings["seed"] == 1 and stage.rate_hz == read.rate_hz
    np.testing.assert_allclose(read.ecg, recorded.recorded_ecg, atol=1e-6)
    assert read.notes == () and read.person.sex is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "p0000.dat", "p0000.hea", "recording_sinus.npz"
    ]  # fmt: skip


def test_the_header_states_the_sex(patient, tmp_path):
    record_ecg(patient, "sinus", RecordingSettings(), "female").write_wfdb(tmp_path / "a.hea")
    assert read_recording(tmp_path / "a.hea").person.sex == "female"


def test_the_same_seed_gives_the_same_bytes(patient, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        recorded = record(patient, seed=seed)
        recorded.save(tmp_path / f"{name}.npz")
        (tmp_path / name).mkdir()
        recorded.write_wfdb(tmp_path / name / "p0000.hea")
    for one, other, equal in (("a", "b", True), ("a", "c", False)):
        files = [(f"{one}.npz", f"{other}.npz"), (f"{one}/p0000.dat", f"{other}/p0000.dat")]
        for first, second in files:
            same = (tmp_path / first).read_bytes() == (tmp_path / second).read_bytes()
            assert same == equal
    assert (tmp_path / "a/p0000.hea").read_bytes() == (tmp_path / "b/p0000.hea").read_bytes()


def test_patients_and_scenarios_have_their_own_noise_and_rhythm(patient):
    sinus, lbbb = (record(patient, name, regular=[]) for name in ("sinus", "lbbb"))
    assert len(sinus.beat_time) < len(lbbb.beat_time)
    assert not np.allclose(np.diff(sinus.beat_time)[:5], np.diff(lbbb.beat_time)[:5] / 0.9, atol=3)


def test_a_clean_recording_is_delineated_as_the_stored_beat(patient):
    """Within 2 ms and 0.02 mV, through file-like rounding, detection and averaging."""
    settings = {"lsb_uv": 1.0, "rate_hz": 1000, "high_pass_hz": 0.0, "low_pass_hz": 0.0}
    recorded = record(patient, **SILENT, **settings)
    beat = aligned_beat(in_memory(recorded))
    stored = EcgSample.of_ecg(patient.ecg).beats["sinus"]
    expected, found = delineate(stored.ecg, stored.time), beat.delineation
    assert found.qrs_ms == pytest.approx(expected.qrs_ms, abs=2.0)
    again = feature_row(EcgSample("a", {"recording": beat.source}), "recording").values
    truth = feature_row(EcgSample("a", {"sinus": stored}), "sinus").values
    for name in ("qrs_ms", "qt_ms", "r_ms_v5", "t_peak_ms_v3"):
        if name in truth and np.isfinite(truth[name]):
            assert again[name] == pytest.approx(truth[name], abs=2.0), name
    amplitudes = [name for name in truth if "_mv" in name and np.isfinite(truth[name])]
    assert len(amplitudes) > 40
    for name in amplitudes:
        assert again[name] == pytest.approx(truth[name], abs=0.02), name


def test_intervals_vary_as_sdnn_says(patient):
    """Sixty seconds; a fixed level without spread, half of it with respiration."""
    recorded = record(patient, sdnn_ms=50.0, sdnn_spread=0.0, duration_s=60.0)
    assert np.std(np.diff(recorded.beat_time)) == pytest.approx(50.0, rel=0.25)
    rate = record(patient, heart_rate_per_min=75.0, duration_s=60.0, **REGULAR)
    assert np.array_equal(np.unique(np.diff(rate.beat_time)), [800.0])


def test_intervals_follow_respiration(patient):
    settings = {"sinus_arrhythmia": 1.0, "sdnn_ms": 50.0, "sdnn_spread": 0.0, "duration_s": 60.0,
                "respiration_per_min": 12.0, "respiration_spread": 0.0}  # fmt: skip
    times = record(patient, **settings).beat_time / 1000.0
    cycles, at = np.diff(times), times[:-1]
    waves = np.stack([np.sin(0.4 * np.pi * at), np.cos(0.4 * np.pi * at), np.ones(len(at))], axis=1)
    left = cycles - waves @ np.linalg.lstsq(waves, cycles, rcond=None)[0]
    assert left.std() < 0.01 * cycles.std()


def test_a_paced_rhythm_is_regular(patient):
    settings = RecordingSettings(regular=["lbbb"])
    assert set(np.diff(record_ecg(patient, "lbbb", settings).beat_time)) == {900.0}
    assert len(set(np.diff(record_ecg(patient, "sinus", settings).beat_time))) > 3
    assert RecordingSettings().is_regular("crt") and not RecordingSettings().is_regular("sinus")


def test_a_person_has_a_rhythm_of_its_own(patient):
    person = patient.with_stages(replace(patient.ecg, cycle_length_ms=[850.0, 850.0]))
    assert set(np.diff(record(person, **REGULAR).beat_time)) == {850.0}


def test_premature_beats_come_early_and_are_left_out_of_the_mean_beat(patient):
    settings = {"ectopic": "lbbb", "n_ectopic": 2, **REGULAR}
    recorded = record(patient, **settings)
    early = np.flatnonzero(recorded.beat_scenario == "lbbb")
    cycles = np.diff(recorded.beat_time)
    assert len(early) == 2
    assert np.array_equal(cycles[early - 1], [600.0, 600.0])
    assert np.array_equal(cycles[early], [1400.0, 1400.0]), "the pause is compensatory"
    beat = aligned_beat(in_memory(recorded))
    assert beat.source.n_others == 2
    peaks = np.concatenate([kind.peaks_ms for kind in beat.source.others])
    gaps = np.abs(peaks[:, None] - recorded.beat_time[early][None]).min(axis=1)
    assert gaps.max() < 150.0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ectopic": "lbbb", "n_ectopic": 9}, "at most 4"),
        ({"ectopic": "lbbb", "heart_rate_per_min": 150.0, "coupling": 0.5}, "refractory"),
        ({"ectopic": "pvc-lv"}, "no ECG of 'pvc-lv'; there are sinus, lbbb; add it"),
    ],
)
def test_impossible_premature_beats_are_refused(patient, settings, words):
    with pytest.raises(BadInput, match=words):
        record(patient, **REGULAR, **settings)


def test_a_missing_electrode_is_named(patient):
    ecg = patient.ecg
    keep = [k for k, name in enumerate(ecg.electrode_names) if name != "V3"]
    fields = {"electrode_names": ecg.electrode_names[keep],
              "electrode_potential": ecg.electrode_potential[:, keep]}  # fmt: skip
    with pytest.raises(BadInput, match="no electrode V3"):
        record(patient.with_stages(replace(ecg, **fields)))


@pytest.mark.parametrize(
    ("level", "band", "low"),
    [("wander_uv", None, 30.0), ("muscle_uv", "20 to 100 Hz", 7.5), ("mains_uv", "mains", 2.0)],
)
def test_noise_is_measured_as_it_was_made(patient, level, band, low):
    """The measured SD or amplitude follows the setting; nothing is measured without noise."""
    fixed = dict.fromkeys(("wander_spread", "muscle_spread", "mains_spread"), 0.0)

    def measured(value):
        settings = fixed | SILENT | {level: value, "lsb_uv": 0.5}
        found = NoiseMeasures.of(in_memory(record(patient, **settings)))
        return found.mains_uv if band == "mains" else found.sd_uv(band)

    none, quiet, loud = (measured(value) for value in (0.0, low, 3.0 * low))
    assert none.max() < 1.0
    assert np.median(loud / quiet) == pytest.approx(3.0, rel=0.1)
    assert measured(low).shape == (8,)


def test_percentiles_of_measures_are_named_with_their_unit(patient):
    found = typical([NoiseMeasures.of(in_memory(record(patient, seed=k))) for k in range(3)])
    assert {name.split(", ")[-1] for name in found} == {"uV", "ms"}
    assert all(low <= middle <= high for low, middle, high in found.values())


def test_levels_of_electrodes_come_back_from_the_covariance_of_leads():
    levels = np.arange(1.0, 10.0)
    weights = lead_matrix(STANDARD_ELECTRODES)[INDEPENDENT_ROWS]
    found, explained = electrode_levels(weights @ np.diag(levels**2) @ weights.T)
    np.testing.assert_allclose(found, levels, rtol=1e-6)
    assert explained == pytest.approx(1.0)
