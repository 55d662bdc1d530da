"""Config files, schema and command line: no drift, no surprise, one line for a wrong key."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from einthoven.app.cli import main
from einthoven.base.config import Config, as_params, load, validate
from einthoven.base.config.load import render, schema
from einthoven.base.core.errors import BadInput

ROOT = Path(__file__).resolve().parents[4]
CONFIGS = ("config", "paper", "fine", "ci", "any_body", "people", "landajuela")
REMEDY = "run: einthoven config > config/config.yaml; einthoven schema > config/schema.json"


def test_default_config_file_is_the_models_default():
    text = (ROOT / "config/config.yaml").read_text()
    title = text.partition("\n")[0].lstrip("# ")
    assert text == render(Config(), title), REMEDY


def test_schema_file_is_the_models_schema():
    assert (ROOT / "config/schema.json").read_text() == schema(), REMEDY


@pytest.mark.parametrize("name", CONFIGS)
def test_config_file_names_every_key(name):
    """Snakemake merges a --configfile over config.yaml: a missing key would come from there."""
    path = ROOT / f"config/{name}.yaml"
    data = yaml.safe_load(path.read_text())
    assert data == load(path).model_dump(mode="json"), f"einthoven config {path} --full"


def test_paper_config_has_the_papers_sizes():
    paper = load(ROOT / "config/paper.yaml")
    assert paper.cohort.n_patients == 110
    assert 9 + paper.electrodes.n_grid == 109
    assert (paper.anatomy.heart_edge_mm, paper.mesh.heart_edge_mm) == (2.2, 1.9)
    assert paper.field_samples.n_points == 2**16
    assert (paper.deepsdf.epochs, paper.deepsdf.batch_patients) == (2000, 6)
    assert (paper.mlp.epochs, paper.mlp.batch_patients) == (800, 10)
    assert paper.mlp.halve_after_epochs == 400


def test_equal_configs_are_equal_as_text():
    """Snakemake compares params by their text."""
    forward = validate({"mesh": {"heart_edge_mm": 5.0, "grading": 0.3}, "mlp": {"epochs": 3}})
    backward = validate({"mlp": {"epochs": 3}, "mesh": {"grading": 0.3, "heart_edge_mm": 5.0}})
    assert repr(as_params(forward)) == repr(as_params(backward))
    keys = list(as_params(forward)["mesh"])
    assert keys == sorted(keys)


def test_rendered_floats_stay_floats():
    """YAML reads 1e-06 as text."""
    config = validate({"deepsdf": {"lambda_lipschitz": 1e-06}})
    assert yaml.safe_load(render(config, "x"))["deepsdf"]["lambda_lipschitz"] == 1e-06


BAD = [
    ({"mesh": {"heart_edge": 4.0}}, "mesh.heart_edge: unknown key; did you mean 'heart_edge_mm'?"),
    ({"msh": {}}, "msh: unknown key; did you mean 'mesh'?"),
    ({"deepsdf": {"learning_rate": "1e-3"}}, "'1e-3' is text, not a number"),
    ({"cohort": {"n_patients": 0}}, "cohort.n_patients: "),
    ({"cohort": {"bmi": [20, 30]}}, "bmi needs cohort.sex"),
    ({"cohort": {"sex": "both", "height_cm": [180, 160]}}, "height_cm: 180 is more than 160"),
    ({"cohort": {"sex": "male", "height_cm": [1.6, 1.8]}}, "cohort.height_cm.0: "),
    ({"leadfield": {"sigma_il_s_per_m": 3.0}}, "as in mS/cm (1 mS/cm = 0.1 S/m)?"),
    ({"activation": {"cv_fiber_mm_per_ms": 60.0}}, "is this m/s (= mm/ms) or cm/s?"),
    ({"learning": {"encoders": ["pcb"]}}, "learning.encoders"),
    ({"learning": {"encoders": []}}, "of the models mlp, refraction needs one; operator needs"),
    ({"dataset": {"exclude": ["7"]}}, "dataset.exclude"),
    ({"ecg": {"scenarios": ["sinus", "pvc"]}}, "ecg.scenarios: unknown pvc; known are sinus, lbbb"),
    ({"ecg": {"scenarios": ["../x"]}}, "ecg.scenarios.0: "),
    ({"scenarios": {"defined": {"sinus": {"kind": "rhythm"}}}}, "sinus: these names are built in"),
    ({"scenarios": {"defined": {"A_b": {"kind": "rhythm"}}}}, "scenarios.defined.A_b"),
    ({"scenarios": {"defined": {"a": {"kind": "rythm"}}}}, "'rhythm', 'paced', 'crt'"),
    ({"scenarios": {"defined": {"a": {"kind": "rhythm", "block": []}}}}, "block: unknown key"),
    ({"scenarios": {"defined": {"a": {"kind": "paced", "sites": []}}}}, "sites: "),
]


@pytest.mark.parametrize("data, message", BAD)
def test_bad_config_is_refused_in_one_line(data, message, tmp_path, capsys):
    with pytest.raises(BadInput) as error:
        validate(data)
    assert message in str(error.value) and "\n" not in str(error.value)
    (tmp_path / "bad.yaml").write_text(json.dumps(data))
    assert main(["config", str(tmp_path / "bad.yaml")]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and message in captured.err and not captured.out


def test_command_line_schema_and_full_config(tmp_path, capsys):
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == (ROOT / "config/schema.json").read_text()
    (tmp_path / "small.yaml").write_text("# Mine.\ncohort:\n  n_patients: 5\n")
    assert main(["config", str(tmp_path / "small.yaml"), "--full"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Mine.\n")
    assert yaml.safe_load(printed) == validate({"cohort": {"n_patients": 5}}).model_dump(
        mode="json"
    )


def test_a_defined_scenario_survives_the_completed_config():
    site = {"at": "segment", "surface": "epi", "segment": "basal anterior"}
    slow = {"kind": "rhythm", "blocks": ["right-bundle"], "tree_speed_factor": 0.5}
    data = {"defined": {"pvc-1": {"kind": "paced", "sites": [site]}, "slow": slow}}
    config = validate({"scenarios": data, "ecg": {"scenarios": ["pvc-1", "sinus"]}})
    assert validate(yaml.safe_load(render(config, "x"))) == config
    assert config.known_scenarios["slow"].blocks == ["right-bundle"]


def test_wrong_use_exits_with_2(tmp_path):
    for arguments in (["check", "nowhere"], ["config", "nowhere.yaml"], ["nonsense"]):
        done = subprocess.run(
            [sys.executable, "-m", "einthoven.app.cli", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert done.stderr.strip()
