"""The audit: limits by sex, shares and differences that are known, files of ours and of others."""

import csv

import numpy as np
import pytest
from helpers.dataset import ELECTRODES, SCENARIOS, write_patient
from helpers.ecg import T_MV, synthetic_beat, synthetic_leads, time_axis

from einthoven.app.cli import main
from einthoven.app.evaluation.audit import Judged, audit, cohort_audit, table, worst_first
from einthoven.app.evaluation.ecg_files import ReadOptions, read_samples
from einthoven.app.evaluation.limits import TABLE, limits_for
from einthoven.app.evaluation.sexes import SMALLER_IN_WOMEN
from einthoven.app.report.audit import audit_sections
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, write_json
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Ecg
from einthoven.physics.ecg.beats import AveragedBeat
from einthoven.physics.ecg.features import (
    FEATURES,
    EcgSample,
    FeatureRow,
    feature_table,
    label_of,
    measured,
    unit_of,
)

TIME = time_axis()


def test_every_limit_has_a_source_and_its_order():
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert row["sex"] in ("male", "female", "any")
        assert row["kind"] in ("percentile", "clinical")
        assert row["link"].startswith("https://") or "[S]" in row["source"]
        assert bool(row["low"]) == bool(row["high"])
        if row["low"]:
            assert float(row["low"]) <= float(row["high"])
        assert row["low"] or row["centre"]
    known = feature_table(
        [EcgSample("a", {"sinus": AveragedBeat(synthetic_beat(TIME), TIME, None, 1)})]
    )[0]
    assert {row["feature"] for row in rows} <= set(known[0].values)


def test_limits_of_a_sex_go_before_those_of_all():
    assert limits_for("qrs_ms", "female").bounds == (70, 104)
    assert limits_for("qrs_ms", "male").bounds == (82, 120)
    assert limits_for("qrs_ms", "female").middle == 86
    assert limits_for("qrs_ms", "male").middle == 101
    assert limits_for("qrs_ms", None).bounds == (78, 118)
    assert limits_for("qrs_ms", None).middle == 93.5
    # only women's are published: they stand for those whose sex is not known, not for men
    assert limits_for("t_peak_to_end_ms", "male").bounds is None
    assert limits_for("t_peak_to_end_ms", None).bounds == (63, 112)
    assert limits_for("st60_mv_v2", None) is None
    # the SD of a normal distribution with these percentiles
    assert limits_for("qt_ms", None).spread == pytest.approx((452 - 325) / 2 / 2.0537)


def test_r_wave_in_v1_is_the_rule():
    low, high = limits_for("r_mv_v1", "male").bounds
    assert not low <= 0.0 <= high and low <= 0.1 <= high
    assert limits_for("r_mv_v1", None).kind == "clinical"


def rows_of(values, sexes, feature="qrs_ms"):
    return [
        FeatureRow(f"p{k}", "sinus", {feature: value}, sex, np.zeros((12, 3)))
        for k, (value, sex) in enumerate(zip(values, sexes))
    ]


def test_share_and_difference_of_known_values():
    sexes = ["female"] * 4 + ["male"] * 4
    judged = Judged.of("qrs_ms", rows_of([69, 70, 104, 105, 82, 120, 121, np.nan], sexes))
    assert judged.inside("percentile").tolist() == [False, True, True, False, True, True, False]
    assert len(judged.inside("clinical")) == 0
    same = Judged.of("qrs_ms", rows_of([86, 101], ["female", "male"]))
    assert same.standardised_difference() == 0
    # all women one published SD above the centre, without spread: 8.1 / sqrt(8.1^2 / 2)
    off = Judged.of("qrs_ms", rows_of([86 + 8.1] * 3, ["female"] * 3))
    assert off.standardised_difference() == pytest.approx(np.sqrt(2))
    assert Judged.of("qrs_ms", rows_of([70, 104], ["female"] * 2)).positions()[1] == 0.5


def samples(n=6):
    """Beats that grow; women are even."""
    return [
        EcgSample(f"p{k:04d}",
               {"sinus": AveragedBeat((0.7 + 0.1 * k) * synthetic_beat(TIME), TIME, None, 1)},
               "female" if k % 2 == 0 else "male")
        for k in range(n)
    ]  # fmt: skip


def test_audit_of_synthetic_beats():
    rows, failed = feature_table(samples())
    found = audit(rows, "sinus", failed)
    assert found["n"] == 6 and found["n_by_sex"] == {"female": 3, "male": 3}
    assert found["r_v1_share"] == found["t_concordant_share"] == found["axis_normal_share"] == 1.0
    assert found["qrs_ms"]["male"]["sinus"]["n"] == 3
    assert found["by_feature"]["qrs_ms"]["share_inside"] == 1.0
    assert set(found["sex_differences"]) == set(SMALLER_IN_WOMEN)
    # even ones, which are women, are smaller: factors 0.7, 0.9, 1.1 against 0.8, 1.0, 1.2
    difference = found["sex_differences"]["t_mv_v5"]["difference"]
    assert difference == pytest.approx(-0.1 * T_MV["V5"], rel=0.02)
    assert found["by_feature"]["r_mv_v1"]["median"] == pytest.approx(0.2 * 0.95, abs=0.005)
    assert 0 <= found["share_inside"] <= 1
    judged = [e for e in found["by_feature"].values() if e["share_inside"] is not None]
    by_hand = sum(e["share_inside"] * e["n"] for e in judged if e["kind"] == "percentile" and
                  set(e["limits"]) == {"female", "male"})  # fmt: skip
    women = sum(e["share_inside"] * 3 for e in judged if e["kind"] == "percentile" and
                set(e["limits"]) == {"female"})  # fmt: skip
    assert found["share_inside"] * found["n_pairs"] == pytest.approx(by_hand + women)
    shares = [entry["share_inside"] for entry in worst_first(found).values()]
    known = [share for share in shares if share is not None]
    assert known == sorted(known)
    header, lines = table(found)
    assert all(len(line) == len(header) for line in lines)
    assert [line[0] for line in lines] == list(map(label_of, worst_first(found)))
    upside_down = [EcgSample("a", {"sinus": AveragedBeat(-synthetic_beat(TIME), TIME, None, 1)})]
    worse = audit(feature_table(upside_down)[0], "sinus")
    assert worse["r_v1_share"] == worse["t_concordant_share"] == worse["axis_normal_share"] == 0
    assert worse["share_inside"] < found["share_inside"]


def test_features_as_an_array_are_those_of_the_table():
    beats = np.stack([synthetic_beat(TIME), np.zeros((12, len(TIME)))])
    found = measured(beats, TIME)
    row = feature_table([EcgSample("a", {"sinus": AveragedBeat(beats[0], TIME, None, 1)})])[0][0]
    assert tuple(row.values) == FEATURES and len(set(FEATURES)) == len(FEATURES)
    np.testing.assert_array_equal(found[0], list(row.values.values()))
    assert np.isnan(found[1]).all()
    units = {name: unit_of(name) for name in FEATURES}
    assert units["qrs_ms"] == units["t_peak_to_end_ms_v5"] == units["q_ms_avf"] == "ms"
    assert units["t_mv_v5"] == units["st60_mv_v2"] == units["sokolow_lyon_mv"] == "mV"
    assert units["qrs_axis_deg"] == "deg"
    bare = {name for name, unit in units.items() if unit == "1"}
    assert {name.rpartition("_")[0] or name for name in bare} == {"transition", "r_fraction"}


def test_every_feature_has_words_with_its_lead_and_unit():
    labels = {name: label_of(name) for name in FEATURES}
    assert labels["t_peak_ms_v2"] == "T peak in V2, ms"
    assert labels["t_peak_to_end_ms"] == "T peak to T end, ms"
    assert labels["r_fraction_avl"] == "R / (R + S) in aVL"
    assert labels["qrs_axis_deg"] == "QRS axis, deg"
    assert len(set(labels.values())) == len(FEATURES)
    assert not [label for label in labels.values() if "_" in label]


def test_what_cannot_be_delineated_is_named():
    flat = EcgSample("flat", {"sinus": AveragedBeat(np.zeros((12, len(TIME))), TIME, None, 1)})
    rows, failed = feature_table([*samples(2), flat])
    assert len(rows) == 2 and list(failed) == ["flat, sinus"]
    assert "flat in all leads" in audit(rows, "sinus", failed)["failed"]["flat, sinus"]
    with pytest.raises(BadInput, match="no ECG of scenario 'lbbb'; there are sinus"):
        audit(rows, "lbbb", failed)


def stage(name):
    names = np.array(STANDARD_ELECTRODES)
    signal = synthetic_beat(TIME).astype(np.float32)[None]
    return Ecg(
        patient=name, time=TIME, scenario=np.array(["sinus"]), lead=np.array(LEADS),
        electrode_names=names, ecg=signal, ecg_pseudo=signal,
        electrode_potential=np.zeros((1, len(names), len(TIME)), np.float32),
        electrode_potential_pseudo=np.zeros((1, len(names), len(TIME)), np.float32),
        source_energy=np.ones(1), qrs_duration=np.array([90.0]), qrs_amplitude=np.ones((1, 12)),
    )  # fmt: skip


def test_folders_of_patients_and_the_sexes_of_their_sheets(tmp_path):
    for name, sex in (("p0000", "female"), ("p0001", "male")):
        stage(name).save(tmp_path / "patients" / name / "ecg.npz")
        PatientParameters(name, "test", sex=sex).save(tmp_path / "cohort" / f"{name}.json")
    found, failed = read_samples([tmp_path], ReadOptions())
    assert [(s.name, s.sex) for s in found] == [("p0000", "female"), ("p0001", "male")]
    assert not failed
    one, _ = read_samples([tmp_path / "patients/p0001"], ReadOptions())
    assert [(s.name, s.sex) for s in one] == [("p0001", "male")]
    (tmp_path / "patients/p0001/ecg.npz").write_bytes(b"no arrays")
    found, failed = read_samples([tmp_path / "patients"], ReadOptions(sex="male"))
    assert [s.name for s in found] == ["p0000"] and len(failed) == 1
    patients = [Patient.of(stage("p0000"))]
    judged = cohort_audit(patients, [tmp_path / "cohort/p0000.json"])
    assert judged["n_by_sex"] == {"female": 1, "male": 0}
    assert cohort_audit(patients, [tmp_path / "cohort/p0000.json"], "crt")["n"] == 0


def test_section_of_the_report(tmp_path):
    rows = feature_table(samples())[0]
    found = audit(rows, "sinus")
    write_json(tmp_path / "metrics.json", {"ecg_audit": found})
    section = audit_sections(read_json(tmp_path / "metrics.json"), rows)[0]
    assert section.title == "Electrocardiograms against published limits"
    mean, listed, limits, sexes = section.content
    assert [row[0] for row in sexes.rows] == list(map(label_of, sorted(SMALLER_IN_WOMEN)))
    assert sexes.caption.startswith("At equal conduction the QRS of women is shorter: ")
    assert [row[0] for row in listed.rows] == list(map(label_of, worst_first(found)))
    assert len(mean.png) > 1000 and len(limits.png) > 1000
    women = audit(rows[::2], "sinus")
    assert women["sex_differences"] == {}
    assert len(audit_sections({"ecg_audit": women}, rows[::2])[0].content) == 3
    assert audit_sections({}, []) == audit_sections({"ecg_audit": {"n": 0}}, []) == []


def test_command(tmp_path, capsys):
    leads = synthetic_leads(TIME)
    lines = [",".join(["time_ms", *leads])]
    lines += [",".join(map(str, row)) for row in zip(TIME, *leads.values())]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    (tmp_path / "bad.csv").write_text("I,II\n1,x\n")
    out, picture, features = (tmp_path / f"out/audit.{kind}" for kind in ("json", "png", "csv"))
    arguments = ["audit", str(tmp_path), "--sex", "female", "--json", str(out)]
    arguments += ["--features", str(features)]
    assert main([*arguments, "--figure", str(picture)]) == 0
    text = capsys.readouterr().out
    assert "left out" in text and "bad.csv" in text and "angle of QRS and T, deg" in text
    found = read_json(out)
    assert found["n"] == 1 and found["scenario"] == "recording"
    assert found["n_by_sex"]["female"] == 1
    with features.open(newline="") as file:
        row = next(csv.DictReader(file))
    assert (row["patient"], row["scenario"], row["sex"]) == ("mine", "recording", "female")
    assert float(row["r_mv_v5"]) == pytest.approx(1.5, abs=0.01)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main([*arguments, "--figure", str(tmp_path / "audit.docx")]) == 2
    assert main(["audit", str(tmp_path / "mine.csv"), "--scenario", "sinus"]) == 2
    assert "there are recording" in capsys.readouterr().err


def test_stores_of_one_and_of_all_patients(tmp_path):
    signal = np.stack([synthetic_beat(TIME), 0.8 * synthetic_beat(TIME)]).astype(np.float32)
    potential = np.zeros((len(SCENARIOS), len(ELECTRODES), len(TIME)), np.float32)
    change = {"ecg": {
        "time": TIME, "ecg": signal, "ecg_pseudo": signal, "electrode_potential": potential,
        "electrode_potential_pseudo": potential,
    }}  # fmt: skip
    stores = [write_patient(tmp_path, k, change) for k in range(2)]
    consolidate(tmp_path / "all.zarr.zip", stores, {})
    one, _ = read_samples(stores, ReadOptions())
    everyone, _ = read_samples([tmp_path / "all.zarr.zip"], ReadOptions())
    assert [s.name for s in one] == [s.name for s in everyone] == ["p0000", "p0001"]
    assert [s.sex for s in one] == [s.sex for s in everyone] == ["female", "male"]
    for a, b in zip(feature_table(one)[0], feature_table(everyone)[0], strict=True):
        assert (a.name, a.scenario, list(a.values)) == (b.name, b.scenario, list(b.values))
        np.testing.assert_array_equal(list(a.values.values()), list(b.values.values()))
