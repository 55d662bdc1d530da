"""The judge of realism from files: sheets of people, cycle lengths, the command."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.dataset import SCENARIOS, write_patient
from helpers.ecg import T_MV, synthetic_beat, synthetic_leads, time_axis
from helpers.imported_hearts import data_file

from einthoven.app.cli import main
from einthoven.app.evaluation.realism import classifiers, judge
from einthoven.app.evaluation.realism.cycles import cycle_lengths
from einthoven.app.evaluation.realism.reading import GroupChoice, judge_patients, read_people
from einthoven.app.evaluation.realism.sheets import (
    healthy_adults,
    is_of_test,
    one_per_patient,
    read_listed,
    sheet_of,
)
from einthoven.app.report.realism import realism_section
from einthoven.app.run.plan import Plan
from einthoven.base.config import Config, validate
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.stages import Ecg

TIME = time_axis()
PTB_XL = "patient_id,sex,age,scp_codes,filename_hr"
LUDB = ("ID,Sex,Age,Rhythms,Conduction abnormalities,Extrasystolies,Hypertrophies,Cardiac pacing,"
        "Ischemia,Non-specific repolarization abnormalities,Other states")  # fmt: skip


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


# --- sheets


def test_a_sheet_of_ptb_xl(tmp_path):
    codes = [{"NORM": 80.0, "SBRAD": 0.0}, {"NORM": 79.0}, {"NORM": 100.0, "LAFB": 0.0},
             {"NORM": 100.0}, {"NORM": 100.0, "SR": 0.0}, {"SR": 0.0}]  # fmt: skip
    people = [(1, "0", "56"), (2, "1", "30"), (3, "1", "30"), (4, "1", "17"), (1, "0", "300"),
              (5, "1", "")]  # fmt: skip
    lines = [
        f'{patient}.0,{sex},{age},"{code}",records500/{k}_hr'
        for k, (code, (patient, sex, age)) in enumerate(zip(codes, people))
    ]
    sheet = write(tmp_path / "b.csv", PTB_XL, *lines)
    write(tmp_path / "a.csv", "statement,description", "NORM,normal")
    assert sheet_of(tmp_path) == sheet
    rows = read_listed(sheet, tmp_path)
    assert [row.healthy for row in rows] == [True, False, False, False, True, False]
    assert (rows[0].patient, rows[0].sex, rows[0].age_years) == ("1", "male", 56.0)
    assert rows[0].file == tmp_path / "records500/0_hr.hea"
    assert rows[4].age_years is None and rows[5].age_years is None and rows[1].sex == "female"
    assert [row.file.stem for row in one_per_patient(rows, True, "b.csv")] == ["0_hr"]
    assert len(one_per_patient(rows, False, "b.csv")) == 5
    with pytest.raises(BadInput, match="no row of a healthy adult"):
        one_per_patient(rows[1:3], True, "b.csv")


def test_a_sheet_of_ludb(tmp_path):
    rows = ["1,M,30,Sinus rhythm,,,,,,,", "3,F,30,Sinus rhythm,,,Left atrial hypertrophy,,,,",
            "5,F,30,Atrial fibrillation,,,,,,,", "7,F,17,Sinus arrhythmia,,,,,,,"]  # fmt: skip
    listed = read_listed(write(tmp_path / "ludb.csv", LUDB, *rows), tmp_path)
    assert [row.healthy for row in listed] == [True, False, False, False]
    assert listed[1].sex == "female" and listed[3].file == tmp_path / "7.hea"


def test_a_plain_sheet_and_wrong_ones(tmp_path):
    sheet = write(tmp_path / "s.csv", "file,patient,sex,age_years,healthy", "a.hea,x,Female,40,yes",
                  "b.hea,,M,,no", "c.hea,z,,16,1", "d.hea,w,m,50,")  # fmt: skip
    rows = read_listed(sheet, tmp_path)
    assert [row.healthy for row in rows] == [True, False, False, None]
    assert [row.patient for row in rows] == ["x", "b.hea", "z", "w"]
    with pytest.raises(BadInput, match="columns statement; expected those of PTB-XL's or LUDB's"):
        read_listed(write(tmp_path / "t.csv", "statement", "NORM"), tmp_path)
    with pytest.raises(BadInput, match="u.csv: line 2 cannot be read"):
        read_listed(write(tmp_path / "u.csv", PTB_XL, "1,0,50,NORM 100,a"), tmp_path)
    with pytest.raises(BadInput, match="no such sheet"):
        read_listed(tmp_path / "none.csv", tmp_path)
    assert sheet_of(tmp_path / "s.csv") is None


def test_healthy_adults_of_the_real_sheets():
    """The numbers of the README beside the data, and of a count by hand."""
    sheet = data_file("ptb-xl/ptbxl_database.csv")
    rows = read_listed(sheet, sheet.parent)
    assert len(rows) == 258 and sum(bool(row.healthy) for row in rows) == 145
    assert all(row.file.exists() for row in rows)
    chosen = one_per_patient(rows, True, sheet.name)
    assert len({row.patient for row in chosen}) == len(chosen) < 145


# --- cycle lengths


def test_cycle_lengths_of_stores_and_folders(tmp_path):
    stores = [write_patient(tmp_path, k, {}) for k in range(2)]
    assert cycle_lengths(stores, SCENARIOS[0]) == {"p0000": 1000.0, "p0001": 1000.0}
    assert cycle_lengths(stores, SCENARIOS[-1]) == {"p0000": 600.0, "p0001": 600.0}
    fast = {"kind": "rhythm", "cycle_length_ms": 600}
    config = {"scenarios": {"defined": {"fast": fast}}}
    consolidate(tmp_path / "all.zarr.zip", stores, config)
    assert cycle_lengths([tmp_path / "all.zarr.zip"], "fast") == {"p0000": 600.0, "p0001": 600.0}
    assert cycle_lengths([tmp_path / "all.zarr.zip"], "sinus")["p0001"] == 1000.0
    assert cycle_lengths([tmp_path / "all.zarr.zip"], "unknown") == {}
    assert cycle_lengths([tmp_path / "none"], "sinus") == {}


# --- the command


def simulated(folder, n=12):
    """Patients' folders whose T waves are far too high."""
    rng, electrodes = np.random.default_rng(0), np.array(STANDARD_ELECTRODES)
    potential = np.zeros((1, len(electrodes), len(TIME)), np.float32)
    for k in range(n):
        tall = {lead: 3.0 * v * rng.normal(1, 0.05) for lead, v in T_MV.items()}
        signal = synthetic_beat(TIME, t_mv=tall).astype(np.float32)[None]
        stage = Ecg(
            patient=f"p{k:04d}", time=TIME, scenario=np.array(["sinus"]), lead=np.array(LEADS),
            electrode_names=electrodes, ecg=signal, ecg_pseudo=signal,
            electrode_potential=potential, electrode_potential_pseudo=potential,
            source_energy=np.ones(1), qrs_duration=np.array([90.0]),
            qrs_amplitude=np.ones((1, 12)),
        )  # fmt: skip
        stage.save(folder / "patients" / f"p{k:04d}" / "ecg.npz")
        person = PatientParameters(f"p{k:04d}", "test", sex=("female", "male")[k % 2])
        person.save(folder / "cohort" / f"p{k:04d}.json")
    return folder


def recorded(folder, n=24):
    """Tables of single beats with a sheet; the last person has two, one of them is ill."""
    rng, rows = np.random.default_rng(1), ["file,patient,sex,age_years,healthy"]
    folder.mkdir()
    for k in range(n + 2):
        t_mv = {lead: v * rng.normal(1, 0.2) for lead, v in T_MV.items()}
        leads = synthetic_leads(TIME, t_mv=t_mv)
        with (folder / f"r{k}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["time_ms", *leads])
            writer.writerows(zip(TIME, *leads.values()))
        patient = min(k, n)
        rows.append(f"r{k}.csv,x{patient},{'fm'[k % 2]},40,{'no' if k == 0 else 'yes'}")
    write(folder / "people.csv", *rows)
    return folder


def test_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(classifiers, "N_TREES", 10)
    monkeypatch.setattr(judge, "N_HALVES", 2)
    ours, theirs = simulated(tmp_path / "run"), recorded(tmp_path / "people")
    out, picture = tmp_path / "out/realism.json", tmp_path / "out/realism.png"
    call = ["realism", str(ours), "--against", str(theirs)]
    assert main([*call, "--healthy", "--json", str(out), "--figure", str(picture)]) == 0
    text = capsys.readouterr().out
    assert "people.csv lists 26 recordings of 25 people; 24 healthy adults" in text
    assert "matched by sex: 12 of simulated and 24 of real, 2 to each" in text
    assert "rate not: not stated by simulated" in text
    assert "einthoven explain PATIENT --leads" in text
    found = read_json(out)
    assert found["n_simulated"] == 12 and found["n_real"] == 24 and found["auc_control"] is None
    assert found["auc_features"] > 0.95 and found["mmd_p"] < 0.01
    assert "T: repolarisation" in found["telling"][0]
    json.dumps(found, allow_nan=False)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main([*call, "--figure", str(tmp_path / "realism.docx")]) == 2
    assert main([*call, "--scenario", "crt"]) == 2
    errors = capsys.readouterr().err
    assert "a picture must end in .png" in errors
    assert "no ECG of scenario 'crt'; there are sinus" in errors


def test_the_sheet_is_found_given_or_missed(tmp_path):
    folder = recorded(tmp_path / "people", 10)
    everyone = read_people([folder], "real", GroupChoice())
    assert len(everyone.people) == 11 and "--healthy takes these alone" in everyone.notes[0]
    assert everyone.people.ages[0] == 40 and everyone.people.sexes[1] == "male"
    sheet = (folder / "people.csv").rename(tmp_path / "elsewhere.csv")
    with pytest.raises(BadInput, match="no sheet says who is healthy"):
        read_people([folder], "real", GroupChoice(healthy=True))
    assert len(read_people([folder], "real", GroupChoice()).people) == 12
    assert len(read_people([folder], "real", GroupChoice(sheet=sheet, healthy=True)).people) == 10
    (folder / "r3.csv").unlink()
    missing = read_people([folder], "real", GroupChoice(sheet=sheet))
    assert list(missing.left_out.values()) == ["no such file"] and len(missing.people) == 10
    with pytest.raises(BadInput, match="none of its 11 recordings lies in"):
        read_people([tmp_path], "real", GroupChoice(sheet=sheet))


def test_the_report_compares_all_patients_if_the_config_names_recordings(tmp_path, monkeypatch):
    monkeypatch.setattr(classifiers, "N_TREES", 10)
    monkeypatch.setattr(judge, "N_HALVES", 2)
    ours, theirs = simulated(tmp_path / "run"), recorded(tmp_path / "people")
    files = sorted(ours.glob("patients/*/ecg.npz"))[:11]  # the last one is not asked for
    audit = {"recordings": str(theirs)}
    plan = Plan.of(validate({"audit": audit}))
    assert plan.beside_people == plan.patients and not Plan.of(Config()).beside_people
    judged = judge_patients(files, plan.config.audit)
    assert (len(judged.everyone.one), len(judged.everyone.other)) == (11, 24)
    section = realism_section(judged)
    assert section.title == "Electrocardiograms beside those of people"
    assert len(section.content) == 3 and "matched by sex: 11 of simulated" in section.text
    assert judge_patients([], Config().audit) is None
    with pytest.raises(BadInput, match="audit.recordings needs sinus in ecg.scenarios"):
        validate({"audit": audit, "ecg": {"scenarios": ["lbbb"]}, "inverse": {"scenarios": None}})
    few = {"n_patients": 9, "block_size": 9, "val_per_block": 1, "test_per_block": 1}
    with pytest.raises(BadInput, match="audit.recordings needs cohort.n_patients >= 10"):
        validate({"audit": audit, "cohort": few})


@pytest.mark.parametrize("name", ["ludb", "ptb-xl"])
def test_people_of_real_data(name):
    """Rate, age and sex of healthy people are read, and nearly all are measured."""
    found = read_people([data_file(f"{name}/LICENSE.txt").parent], name, GroupChoice(healthy=True))
    group = found.people
    assert len(found.left_out) <= 0.02 * len(group) and set(group.sexes) == {"female", "male"}
    assert 55 < np.median(group.rates) < 85 and np.isfinite(group.ages).mean() > 0.95


def test_people_of_the_test_are_every_third_of_ptb_xl(tmp_path):
    folder = data_file("ptb-xl/LICENSE.txt").parent
    test = read_people([folder], "real", GroupChoice(healthy=True, part="test"))
    listed = [row for row in healthy_adults(folder) if is_of_test(row)]
    assert len(test.people) + len(test.left_out) == len(listed) > 40
    assert "healthy adults of the test" in test.notes[0]
    fit = read_people([folder], "real", GroupChoice(healthy=True, part="fit"))
    assert not set(fit.people.names) & set(test.people.names)
    assert len(fit.people) + len(fit.left_out) == len(healthy_adults(folder)) - len(listed)
    with pytest.raises(BadInput, match="patient 'a': not a number, as those of PTB-XL are"):
        is_of_test(replace(listed[0], patient="a"))
