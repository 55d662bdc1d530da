"""Scripts are thin, importable, and tell the user's mistakes in one line."""

import importlib.util
import logging
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.dataset import SCENARIOS, write_patient, write_patient_store, write_stages

from einthoven.base.config.load import as_params
from einthoven.base.config.models import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, write_json
from einthoven.data.dataset.checker import check_store
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.dataset.store import open_store

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
RULES = dict(
    re.findall(
        r"^rule (\w+):\n((?:    .*\n|\n)*)",
        "\n".join(p.read_text() for p in sorted((ROOT / "workflow/rules").glob("*.smk"))),
        re.MULTILINE,
    )
)
# snakefmt's order
ORDER = "input output log benchmark priority conda threads resources params message script".split()
ONLY_REASONS = {"patient_store": {"scenarios"}, "report": {"dataset"}}
"""Parameters that no script reads; a change of them is a reason to run."""
LOG = logging.getLogger("test")


def load(name):
    spec = importlib.util.spec_from_file_location(
        f"script_{name}", ROOT / f"workflow/scripts/{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_rule_has_its_script_and_every_script_its_rule():
    assert {script.stem for script in SCRIPTS} == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_rule_has_all_parts_in_order(name):
    parts = re.findall(r"^    (\w+):", RULES[name], re.MULTILINE)
    required = [p for p in ORDER if p not in ("input", "conda", "priority")]
    assert set(required) <= set(parts)
    assert sorted(parts, key=ORDER.index) == parts
    assert "mem_mb=" in RULES[name] and "runtime=" in RULES[name]
    # fits have a fingerprint by method: `source_of_fit`
    assert re.search(rf'source=source(\("{name}"\)|_of_{name.split("_")[-1]}),', RULES[name])


@pytest.mark.parametrize("name", sorted(RULES))
def test_script_uses_every_parameter_of_its_rule(name):
    """Defaults of the library are those of most configs, so that results would not tell."""
    block = re.search(r"^    params:\n((?:        .*\n)+)", RULES[name], re.MULTILINE)
    named = set(re.findall(r"^        (\w+)=", block[1], re.MULTILINE)) - {"source"}
    named -= ONLY_REASONS.get(name, set())
    text = (ROOT / f"workflow/scripts/{name}.py").read_text()
    assert named <= set(re.findall(r"params\.(\w+)", text))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_script_is_thin(script):
    text = script.read_text()
    assert "def main(input, output, params, log)" in text
    assert 'if "snakemake" in globals():' in text
    assert len(text.splitlines()) <= 30


def test_cohort_script_does_not_depend_on_the_size_of_the_cohort(tmp_path):
    section = dict(
        seed=1, block_size=4, val_per_block=1, test_per_block=1,
        n_heart_modes=10, n_torso_modes=10, range_sd=1.0,
    )  # fmt: skip
    script = load("cohort")
    params = SimpleNamespace(section=section, patient="p0005")
    script.main(SimpleNamespace(), [tmp_path / "p0005.json"], params, LOG)
    from einthoven.base.config.models import CohortSettings
    from einthoven.body.anatomy.population.cohort import draw_patient

    assert read_json(tmp_path / "p0005.json") == vars(draw_patient(5, CohortSettings(**section)))


def test_store_scripts_make_stores_that_pass_their_check(tmp_path):
    stores = []
    for index in range(3):
        files = write_stages(tmp_path / str(index), index)
        job = SimpleNamespace(
            cohort=files["cohort"], **files["stages"],
            activation=list(files["activation"].values()), leadfield=files["leadfield"],
            substrate=[], beat=[],
        )  # fmt: skip
        stores.append(tmp_path / f"p{index:04d}.zarr.zip")
        params = SimpleNamespace(scenarios=list(SCENARIOS), lead_field="heart")
        load("patient_store").main(job, [stores[-1]], params, LOG)
    params = SimpleNamespace(physics={}, section={"exclude": ["p0009"]})
    load("consolidate").main(stores, [tmp_path / "all.zarr.zip"], params, LOG)
    assert check_store(tmp_path / "all.zarr.zip").n_patients == 3
    with open_store(tmp_path / "all.zarr.zip") as root:
        assert root.attrs["excluded"] == ["p0009"]


def test_the_script_of_a_published_folder_refuses_what_is_damaged(tmp_path, monkeypatch):
    """Its check sees what was written: a byte that changes on the way to the disk ends the job."""
    (tmp_path / "patients").mkdir()
    stores = [write_patient(tmp_path / "patients", index) for index in range(3)]
    consolidate(tmp_path / "einthoven.zarr.zip", stores, as_params(Config()))
    (tmp_path / "Snakefile").write_text("rule all:\n")
    write_json(tmp_path / "metrics.json", {"methods": {}})
    job = SimpleNamespace(
        store=tmp_path / "einthoven.zarr.zip", patients=stores, metrics=tmp_path / "metrics.json"
    )
    params = SimpleNamespace(
        section={"sample_patients": 1},
        sources={"provenance/workflow/Snakefile": str(tmp_path / "Snakefile")},
    )
    script = load("published")
    whole = script.publish_folder

    def damaged(*arguments):
        about, file = whole(*arguments), arguments[-1] / "patients/p0002.zarr.zip"
        file.write_bytes(file.read_bytes()[:-1])
        return about

    monkeypatch.setattr(script, "publish_folder", damaged)
    with pytest.raises(BadInput, match="p0002"):
        script.main(job, [tmp_path / "published"], params, LOG)


def test_the_script_of_the_consolidated_store_refuses_what_is_damaged(tmp_path, monkeypatch):
    stores = [write_patient(tmp_path, index) for index in range(3)]
    script, params = load("consolidate"), SimpleNamespace(physics={}, section={"exclude": []})
    whole = script.consolidate

    def damaged(path, *arguments):
        whole(path, *arguments)
        path.write_bytes(path.read_bytes()[:-1])

    monkeypatch.setattr(script, "consolidate", damaged)
    with pytest.raises(BadInput, match="truncated"):
        script.main(stores, [tmp_path / "all.zarr.zip"], params, LOG)


def test_a_recipe_names_settings_code_and_samples(tmp_path):
    """Surrogates are trained again when, and only when, this file changes."""

    def recipe(section, trainer, sample):
        (tmp_path / "field.npz").write_bytes(sample)
        job = SimpleNamespace(samples=[str(tmp_path / "field.npz")])
        params = SimpleNamespace(section=section, trainer=trainer)
        load("recipe").main(job, [tmp_path / "recipe.json"], params, LOG)
        return (tmp_path / "recipe.json").read_bytes()

    usual = {"epochs": 3}, "0123", b"gradients"
    first = recipe(*usual)
    assert recipe(*usual) == first
    for change in (({"epochs": 4}, *usual[1:]), (usual[0], "4567", usual[2]), (*usual[:2], b"x")):
        assert recipe(*change) != first


def test_activation_script_plays_each_scenario_by_its_settings(monkeypatch):
    script, played = load("activation"), []
    monkeypatch.setattr(script.Patient, "of_files", lambda **files: "patient")

    def activate(patient, scenario, config):
        played.append((patient, scenario, config.capture))
        return SimpleNamespace(save=lambda path: played.append(path), total_ms=100.0)

    monkeypatch.setattr(script, "activate", activate)
    site = {"at": "apex", "surface": "epi"}
    definitions = {"mine": {"kind": "paced", "sites": [site]}, "lbbb": {"kind": "rhythm"}}
    params = SimpleNamespace(
        section={"capture": True}, scenarios=["mine", "lbbb"], definitions=definitions
    )
    job = SimpleNamespace(mesh="m", fibers="f", purkinje="p", anatomy=[], substrate=[], beat=[])
    script.main(job, ["a.npz", "b.npz"], params, LOG)
    assert played[1::2] == ["a.npz", "b.npz"]
    for (patient, scenario, capture), name in zip(played[::2], params.scenarios):
        assert patient == "patient" and capture and scenario.name == name
        assert scenario.settings.kind == definitions[name]["kind"]


def test_encoder_script_hands_on_all_that_it_learns_from(monkeypatch, tmp_path):
    script, given = load("encoder"), []
    monkeypatch.setattr(script, "train_encoder", lambda *arguments: given.extend(arguments))
    job = SimpleNamespace(samples=["a.npz", "s.npz"], shapes=["c00.npz", "c01.npz"])
    output = SimpleNamespace(model=tmp_path / "deepsdf/model.safetensors")
    params = SimpleNamespace(encoder="deepsdf", section={"epochs": 7})
    script.main(job, output, params, LOG)
    assert given[0] == "deepsdf" and given[1].epochs == 7
    assert given[2:5] == [job.samples, tmp_path / "deepsdf", job.shapes]


def test_operator_script_learns_from_training_patients_with_the_conductivities(
    monkeypatch, tmp_path
):
    script, given = load("operator_train"), {}
    monkeypatch.setattr(script.Patient, "group", lambda files: files)
    monkeypatch.setattr(script, "operator_sample", lambda p, sigma: (p, sigma.sigma_torso_s_per_m))

    def train(config, train, validation, folder, machine):
        given.update(config=config, train=train, validation=validation, folder=folder)
        return None, [{"loss": 1.0}]

    monkeypatch.setattr(script, "train_operator", train)
    job = SimpleNamespace(train=["p0000", "p0003"], validation=["p0001"])
    output = SimpleNamespace(model=tmp_path / "operator/member1/model.safetensors")
    params = SimpleNamespace(section={"seed": 4}, conductivity={"sigma_torso_s_per_m": 0.11})
    script.main(job, output, params, LOG)
    assert given["config"].seed == 4 and given["folder"] == tmp_path / "operator/member1"
    assert given["train"] == [("p0000", 0.11), ("p0003", 0.11)]
    assert given["validation"] == [("p0001", 0.11)]


JOB = """
from types import SimpleNamespace
from einthoven.base.core.errors import StepFailed
from einthoven.app.run.job import run

def main(input, output, params, log):
    log.info("begin")
    print("chatter of a library")
    {body}

run(main, SimpleNamespace(input=[], output=[], params=None, log=[{log!r}]))
"""


@pytest.mark.parametrize(
    "body, status, last",
    [
        ("pass", 0, "chatter of a library"),
        ("raise StepFailed('p0001: no place; lower range_sd')", 1, "StepFailed: p0001: no place"),
        ("1 / 0", 1, "ZeroDivisionError"),
    ],
)
def test_step_writes_everything_to_its_log(tmp_path, body, status, last):
    log = tmp_path / "job.log"
    code = JOB.format(body=body, log=str(log))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == status
    assert done.stdout == done.stderr == ""
    text = log.read_text()
    assert "begin" in text and "chatter" in text and last in text
    assert ("Traceback" in text) == ("1 / 0" in body)


def test_einthoven_check_names_unfinished_patients(tmp_path, capsys):
    from einthoven.app.cli import main

    write_patient_store(
        tmp_path / "dataset/patients/p0000.zarr.zip", **write_stages(tmp_path / "s", 0)
    )
    for name in ("p0000", "p0001"):
        write_json(tmp_path / f"cohort/{name}.json", {})
    assert main(["check", str(tmp_path)]) == 0
    assert "without a store: p0001; to go on without them: dataset.exclude: [p0001]" in (
        capsys.readouterr().out
    )
    assert main(["check", str(tmp_path / "cohort")]) == 2
    assert "holds no .zarr.zip store" in capsys.readouterr().err
