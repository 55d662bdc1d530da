"""What re-runs after which edit: the table of docs/re-runs.md, row by row, on a finished run."""

import os
import random
import shutil

import pytest
import yaml
from helpers_workflow import CI, ROOT, copy_project, planned, snakemake

pytestmark = pytest.mark.workflow

PATIENT_STAGES = {"anatomy", "sdf_samples", "mesh", "fibers", "purkinje", "activation", "leadfield",
                  "field_samples", "ecg", "patient_store"}  # fmt: skip
TRAINING = {"recipe", "encoder", "surrogate"}
FAN_IN = {"consolidate", "evaluate", "report"}
MODELS = TRAINING | {"reconstruct", "predict"}
ALL = PATIENT_STAGES | FAN_IN | MODELS | {"shapes"}
SURFACES = {"anatomy", "sdf_samples", "shapes", "encoder", "reconstruct"}
"""What surfaces alone decide."""

JUDGE = {"evaluate": 1, "report": 1}
SURROGATES = {"recipe": 4, "surrogate": 4, "predict": 4} | JUDGE
ECGS = {"ecg": 4, "patient_store": 4, "consolidate": 1, "predict": 4} | JUDGE
FIELDS = {"leadfield": 8, "field_samples": 4} | ECGS | SURROGATES
ENCODER = {"recipe": 1, "encoder": 1, "reconstruct": 1, "surrogate": 2, "predict": 2} | JUDGE
EDITS = {
    "refraction.learning_rate=0.003": {"recipe": 2, "surrogate": 2, "predict": 2} | JUDGE,
    "deepsdf.learning_rate=0.003": ENCODER,
    "leadfield.sigma_torso_s_per_m=0.07": FIELDS,
    "leadfield.gradient=raw": {"field_samples": 4} | ECGS | SURROGATES,
    "activation.cv_fiber_mm_per_ms=0.7": {"activation": 8} | ECGS,
    "ecg.scenarios=[sinus,lbbb,crt]": {"activation": 4} | ECGS,
    "electrodes.n_grid=5": FIELDS | {"leadfield": 4},
    "electrodes.n_grid=10": FIELDS | {"leadfield": 8},
    "learning.models=[mlp]": JUDGE,
    "dataset.exclude=[p0000]": {"consolidate": 1, "encoder": 2, "reconstruct": 1} | SURROGATES
                               | {"recipe": 6},
    "fibers.alpha_endo_deg=45": dict.fromkeys(ALL - SURFACES - {"mesh"}),
    "mesh.grading=0.4": dict.fromkeys(ALL - SURFACES),
    "deepsdf.n_shapes=32": {"shapes": 1} | ENCODER,
    "deepsdf.shape_points=500": {"shapes": 1} | ENCODER,
    "cohort.range_sd=0.6": dict.fromkeys(ALL | {"cohort"}),
}  # fmt: skip
"""Edit -> rules that run, with their number of jobs; None: any number."""

MODULES = {
    "anatomy/electrodes.py": ALL,
    "mesh/sliver.py": ALL - SURFACES,
    "fibers/ldrb.py": ALL - SURFACES - {"mesh"},
    "conduction/growth.py": {"purkinje", "activation", "ecg", "patient_store", "predict"} | FAN_IN,
    "conduction/hopf_lax.py": {"activation", "ecg", "patient_store", "predict"} | FAN_IN,
    "leadfield/neumann.py": {"leadfield", "field_samples", "ecg", "patient_store", "surrogate",
                             "predict", "recipe"} | FAN_IN,
    "leadfield/pseudo.py": {"ecg", "patient_store", "predict"} | FAN_IN,
    "ecg/leads.py": {"ecg", "patient_store", "predict"} | FAN_IN,
    "dataset/checker.py": {"consolidate"},
    "encoders/chamfer.py": {"reconstruct", "evaluate", "report"},
    "encoders/auto_decoder.py": MODELS | {"evaluate", "report"},
    "surrogate/refraction.py": {"recipe", "surrogate", "predict", "evaluate", "report"},
    "evaluation/metrics.py": {"evaluate", "report"},
    "plots/scene.py": {"report"},
    "core/recovery.py": {"field_samples", "ecg", "patient_store", "recipe", "surrogate",
                         "predict"} | FAN_IN,
    "core/files.py": ALL | {"cohort", "calibration"},
    "anatomy/measures.py": {"calibration", "report"},
    "cli.py": set(),
    "step.py": set(),
    "core/log.py": set(),
    "fem/laplace.py": ALL - SURFACES - {"mesh"},
}  # fmt: skip
"""Edited module -> rules that run."""


def edited(tmp_path, **changes):
    """A copy of config/ci.yaml with some values changed; returns the arguments that use it."""
    config = yaml.safe_load((ROOT / "config/ci.yaml").read_text())
    for key, value in changes.items():
        section, _, name = key.partition(".")
        config[section][name] = value
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return "--configfile", str(path)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_config_runs_what_it_touches(finished, tmp_path, edit):
    key, _, value = edit.partition("=")
    jobs = planned(finished, *edited(tmp_path, **{key: yaml.safe_load(value)}))
    jobs.pop("all")
    assert set(jobs) == set(EDITS[edit])
    for rule, count in EDITS[edit].items():
        assert count is None or jobs[rule] == count, rule


def test_more_patients_run_the_new_ones_and_the_fan_in(finished, tmp_path):
    jobs = planned(finished, *edited(tmp_path, **{"cohort.n_patients": 6}))
    jobs.pop("all")
    per_patient = dict.fromkeys(PATIENT_STAGES | {"cohort"}, 2) | {"activation": 4, "leadfield": 4}
    assert {rule: jobs[rule] for rule in per_patient} == per_patient
    assert set(jobs) - set(per_patient) == FAN_IN | MODELS


def test_fewer_patients_run_the_fan_in_only(tmp_path_factory, tmp_path):
    """Six made-up patients with the metadata of a run, then four."""
    folder = copy_project(tmp_path_factory.mktemp("fewer") / "project")
    six = edited(tmp_path, **{"cohort.n_patients": 6})
    for line in snakemake(folder, *six, "--summary").stdout.splitlines()[1:]:
        path = folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made up")
    assert snakemake(folder, *six, "--touch", "--forceall").returncode == 0
    assert planned(folder, *six) == {}
    jobs = planned(folder, *edited(tmp_path, **{"cohort.n_patients": 4}))
    assert set(jobs) - {"all"} == FAN_IN | MODELS


def test_style_of_the_config_and_the_machine_change_nothing(finished, tmp_path):
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
    assert planned(finished, "--configfile", str(path), *machine, "--") == {}


@pytest.mark.parametrize("module", MODULES)
def test_an_edited_module_runs_the_rules_that_depend_on_it(finished, module):
    path = finished / "src/einthoven" / module
    original = path.read_text()
    try:
        path.write_text(original + "\nEDITED = True\n")
        jobs = planned(finished, *CI)
    finally:
        path.write_text(original)
    assert set(jobs) - {"all"} == MODULES[module]


def test_comments_and_docstrings_of_modules_change_nothing(finished):
    path = finished / "src/einthoven/core/files.py"
    original = path.read_text()
    try:
        path.write_text(original.replace('"""', '"""Said otherwise. ', 1) + "\n# a comment\n")
        assert planned(finished, *CI) == {}
    finally:
        path.write_text(original)


def test_touched_files_change_nothing(finished):
    files = [p for p in finished.rglob("*") if p.is_file() and ".snakemake" not in p.parts]
    times = {path: path.stat().st_mtime_ns for path in files}
    random.Random(1).shuffle(files)
    for path in files:
        path.touch()
    try:
        assert planned(finished, *CI) == {}
    finally:
        for path, time in times.items():
            os.utime(path, ns=(time, time))


def test_a_fresh_clone_over_existing_results_changes_nothing(finished, tmp_path):
    clone = copy_project(tmp_path / "clone", finished)
    for kept in ("results", ".snakemake/metadata"):
        shutil.copytree(finished / kept, clone / kept, copy_function=shutil.copy)  # new times
    assert planned(clone, *CI) == {}
    assert "mesh" in planned(clone, *edited(tmp_path, **{"mesh.grading": 0.4}))


def test_results_without_their_metadata_are_taken_with_a_warning(finished, tmp_path):
    clone = copy_project(tmp_path / "clone", finished)
    shutil.copytree(finished / "results", clone / "results")
    for path in (clone / "results").rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))  # none is newer than another
    done = snakemake(clone, *CI, "--dry-run")
    assert "without .snakemake/metadata" in done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr
