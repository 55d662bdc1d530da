"""Imported patients in the workflow's plan: their own jobs, and no training because of them."""

import pytest
from helpers_workflow import CI, copy_project, planned, snakemake

from einthoven.config import load
from einthoven.run.plan import planned_jobs

pytestmark = pytest.mark.workflow
HEADER = "patient,heart,torso,electrodes,unit,axes,tags"
SHEET_PATH = "clinic/sheet.csv"
SHEET = ("--config", f"imported={{sheet: {SHEET_PATH}}}")
PER_PATIENT = ("mesh", "fibers", "purkinje", "sdf_samples", "field_samples", "ecg", "patient_store")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("imported") / "project")
    (folder / "clinic").mkdir()
    for name in ("h.vtp", "t.stl", "e.csv"):
        (folder / "clinic" / name).touch()
    write_sheet(folder, "anna", "bo-2")
    return folder


def write_sheet(folder, *patients):
    lines = [f"{name},h.vtp,t.stl,e.csv,mm,LPS," for name in patients]
    (folder / "clinic/sheet.csv").write_text("\n".join([HEADER, *lines]) + "\n")


def test_a_sheet_adds_its_patients_and_nothing_else(copy, monkeypatch):
    without, with_imported = planned(copy, *CI), planned(copy, *CI, *SHEET)
    added = {rule: n - without.get(rule, 0) for rule, n in with_imported.items()}
    del added["all"]
    assert (
        "import_patient" not in without and added["import_patient"] == added["imported_code"] == 2
    )
    assert all(added[rule] == 2 for rule in PER_PATIENT)
    assert added["activation"] == 2 * 2 and added["reconstruct"] == 2
    assert added["predict"] == 2 * 2  # two models, of the code that has one for them
    for rule in ("cohort", "anatomy", "recipe", "encoder", "surrogate", "evaluate", "report"):
        assert added[rule] == 0
    monkeypatch.chdir(copy)
    config = load("config/ci.yaml")
    counted = planned_jobs(
        config.model_copy(update={"imported": type(config.imported)(sheet=SHEET_PATH)})
    )
    assert all(counted[rule] == n for rule, n in with_imported.items() if rule != "all")


def test_an_excluded_imported_patient_is_left_out(copy):
    jobs = planned(copy, *CI, *SHEET, "dataset={exclude: [anna]}")
    assert jobs["import_patient"] == 1
    done = snakemake(copy, *CI, *SHEET, "--dry-run", "--config", "dataset={exclude: [ana, p12]}")
    assert done.returncode and "dataset.exclude: ana, p12: neither p0000" in done.stderr


@pytest.mark.parametrize(
    "line, message",
    [
        ("p0001,h.vtp,t.stl,e.csv,mm,LPS,", "belong to virtual patients"),
        ("eva,h.vtp,t.stl,e.csv,,LPS,", "line 2: unit missing"),
    ],
)
def test_a_bad_sheet_ends_before_any_job(copy, line, message):
    (copy / "clinic/bad.csv").write_text(f"{HEADER}\n{line}\n")
    done = snakemake(copy, "--dry-run", "--config", "imported={sheet: clinic/bad.csv}")
    lines = [text for text in done.stderr.splitlines() if text.startswith("einthoven:")]
    assert done.returncode == 2 and len(lines) == 1 and message in lines[0]


def test_a_bad_patient_tells_its_reason(copy):
    target = "results/patients/anna/anatomy.npz"
    done = snakemake(copy, *CI, *SHEET, "--", target)
    assert done.returncode != 0
    assert "anna: " in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr
