"""Rules re-run by an edit: the table of docs/reference/re-runs.md, row by row, on a finished
run."""

import os
import random
import shutil

import pytest
import yaml
from helpers.workflow import CI, ROOT, copy_project, planned, snakemake

pytestmark = pytest.mark.workflow

PATIENT_STAGES = {"anatomy", "sdf_samples", "mesh", "fibers", "purkinje", "activation", "leadfield",
                  "field_samples", "ecg", "patient_store"}  # fmt: skip
TRAINING = {"recipe", "encoder", "surrogate", "operator_train"}
FAN_IN = {"consolidate", "evaluate", "report"}
MODELS = TRAINING | {"reconstruct", "predict", "operator_predict"}
ALL = PATIENT_STAGES | FAN_IN | MODELS | {"shapes"}
SURFACES = {"anatomy", "sdf_samples", "shapes", "encoder", "reconstruct"}
"""Rules that depend on surfaces alone."""

SHEET = {"cohort_sheet": 1}
JUDGE = {"evaluate": 1, "report": 1}
OPERATOR = {"operator_train": 1, "operator_predict": 1} | JUDGE
SURROGATES = {"recipe": 2, "surrogate": 2, "predict": 2} | OPERATOR
ECGS = {"ecg": 4, "patient_store": 4, "consolidate": 1, "predict": 2, "operator_predict": 1} | JUDGE
FIELDS = {"leadfield": 8, "field_samples": 4} | ECGS | SURROGATES
ENCODER = {"encoder": 1, "reconstruct": 1, "surrogate": 1, "predict": 1} | JUDGE
EDITS = {
    "refraction.learning_rate=0.003": {"recipe": 2, "surrogate": 2, "predict": 2} | JUDGE,
    "operator.learning_rate=0.002": OPERATOR,
    "deepsdf.learning_rate=0.003": ENCODER,
    "leadfield.sigma_torso_s_per_m=0.07": FIELDS,
    "leadfield.gradient=raw": {"field_samples": 4} | ECGS | SURROGATES,
    "activation.cv_fiber_mm_per_ms=0.7": {"activation": 4} | ECGS | SHEET,
    "variation.cv_fiber=0.15": {"activation": 4} | ECGS | SHEET,
    "variation.purkinje_speed=0.15": {"purkinje": 4, "activation": 4} | ECGS | SHEET,
    "ecg.scenarios=[sinus,lbbb,crt]": {"activation": 4} | ECGS,
    "activation.capture=false": {"activation": 4} | ECGS,
    "electrodes.n_grid=5": FIELDS | {"leadfield": 4},
    "electrodes.n_grid=10": FIELDS | {"leadfield": 8},
    "learning.models=[operator]": JUDGE,
    "learning.encoders=[pca]": JUDGE,
    "purkinje.seed=2": {"purkinje": 4, "activation": 4} | ECGS,
    "electrodes.n_refined=3": dict.fromkeys(ALL - SURFACES),
    "dataset.exclude=[p0000]": {"consolidate": 1, "encoder": 2, "reconstruct": 1} | SURROGATES
    | SHEET,
    "fibers.alpha_endo_deg=45": dict.fromkeys(ALL - SURFACES - {"mesh"}),
    "mesh.grading=0.4": dict.fromkeys(ALL - SURFACES),
    "deepsdf.n_shapes=32": {"shapes": 1} | ENCODER,
    "deepsdf.shape_points=500": {"shapes": 1} | ENCODER,
    "cohort.range_sd=0.6": dict.fromkeys(ALL | {"cohort", "cohort_sheet"}),
    "cohort.seed=2": dict.fromkeys(ALL | {"cohort", "cohort_sheet"}),
    "cohort.sex=both": dict.fromkeys(ALL | {"cohort", "cohort_sheet"}),
}  # fmt: skip
"""Edit -> rules that run, with their number of jobs; None: any number."""
CORNERS = {"refraction.learning_rate=0.003", "operator.learning_rate=0.002",
           "leadfield.gradient=raw", "electrodes.n_grid=10", "dataset.exclude=[p0000]",
           "deepsdf.n_shapes=32"}  # fmt: skip
"""One edit for each part of the graph; the others are slow tests."""


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory):
    """A copy of a finished run, in which files are touched and modules edited."""
    folder = tmp_path_factory.mktemp("incremental") / "project"
    return shutil.copytree(finished, folder, symlinks=True)


def corners_first(edits):
    return [e if e in CORNERS else pytest.param(e, marks=pytest.mark.slow) for e in edits]


def edited(tmp_path, **changes):
    """A copy of config/ci.yaml with some values changed; returns the arguments that use it."""
    config = yaml.safe_load((ROOT / "config/ci.yaml").read_text())
    for key, value in changes.items():
        section, _, name = key.partition(".")
        config[section][name] = value
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return "--configfile", str(path)


@pytest.mark.parametrize("edit", corners_first(EDITS))
def test_an_edit_of_the_config_runs_what_it_touches(project, tmp_path, edit):
    key, _, value = edit.partition("=")
    jobs = planned(project, *edited(tmp_path, **{key: yaml.safe_load(value)}))
    jobs.pop("all")
    assert set(jobs) == set(EDITS[edit])
    for rule, count in EDITS[edit].items():
        assert count is None or jobs[rule] == count, rule


def test_a_data_set_made_again_starts_no_training_unless_the_old_one_is_missing(project):
    """Snakemake takes a missing file for a changed one, be it `ancient` or not."""
    again = (*CI, "--forcerun", "consolidate")
    assert planned(project, *again) == {"consolidate": 1}
    store = project / "results/dataset/einthoven.zarr.zip"
    aside = store.rename(store.with_suffix(".aside"))
    try:
        behind = planned(project, *again)
    finally:
        aside.rename(store)
    assert behind == {"consolidate": 1, "surrogate": 2, "predict": 2, "all": 1} | JUDGE


def test_more_patients_run_the_new_ones_and_the_fan_in(project, tmp_path):
    jobs = planned(project, *edited(tmp_path, **{"cohort.n_patients": 6}))
    jobs.pop("all")
    per_patient = dict.fromkeys(PATIENT_STAGES | {"cohort"}, 2) | {"leadfield": 4}
    assert {rule: jobs[rule] for rule in per_patient} == per_patient
    assert set(jobs) - set(per_patient) == FAN_IN | MODELS | {"cohort_sheet"}


def test_style_of_the_config_and_the_machine_change_nothing(project, tmp_path):
    config = yaml.safe_load((ROOT / "config/ci.yaml").read_text())
    shuffled = {key: dict(reversed(config[key].items())) for key in reversed(config)}
    shuffled["mesh"]["heart_edge_mm"] = 4
    shuffled["leadfield"]["electrodes_per_job"] = 8
    text = yaml.safe_dump(shuffled, sort_keys=False).replace(
        "lambda_lipschitz: 1.0e-08", "lambda_lipschitz: 0.00000001  # a comment"
    )
    assert "a comment" in text
    path = tmp_path / "style.yaml"
    path.write_text("# another comment\n" + text)
    machine = ("--set-threads", "leadfield=2", "--set-resources", "mesh:mem_mb=9000")
    assert planned(project, "--configfile", str(path), *machine, "--") == {}


def test_an_edited_module_runs_the_rules_that_depend_on_it_and_what_follows(project):
    """Dependencies of scripts on modules are tested with the fingerprints."""
    path = project / "src/einthoven/physics/electrophysiology/purkinje/growth.py"
    original = path.read_text()
    try:
        path.write_text(original.replace('"""', '"""Said otherwise. ', 1) + "\n# a comment\n")
        assert planned(project, *CI) == {}
        path.write_text(original + "\nEDITED = True\n")
        jobs = planned(project, *CI)
    finally:
        path.write_text(original)
    assert set(jobs) - {"all"} == {"purkinje", "activation", "ecg", "patient_store",
                                   "predict", "operator_predict"} | FAN_IN  # fmt: skip


def test_touched_files_change_nothing(project):
    files = [p for p in project.rglob("*") if p.is_file() and ".snakemake" not in p.parts]
    times = {path: path.stat().st_mtime_ns for path in files}
    random.Random(1).shuffle(files)
    for path in files:
        path.touch()
    try:
        assert planned(project, *CI) == {}
    finally:
        for path, time in times.items():
            os.utime(path, ns=(time, time))


def test_a_fresh_clone_over_existing_results_changes_nothing(project, tmp_path):
    clone = copy_project(tmp_path / "clone", project)
    for kept in ("results", ".snakemake/metadata"):
        shutil.copytree(project / kept, clone / kept, copy_function=shutil.copy)  # new times
    assert planned(clone, *CI) == {}
    assert "mesh" in planned(clone, *edited(tmp_path, **{"mesh.grading": 0.4}))


@pytest.mark.slow
def test_results_without_their_metadata_are_taken_with_a_warning(project, tmp_path):
    clone = copy_project(tmp_path / "clone", project)
    shutil.copytree(project / "results", clone / "results")
    for path in (clone / "results").rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))  # none is newer than another
    done = snakemake(clone, *CI, "--dry-run")
    assert "without .snakemake/metadata" in done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr
