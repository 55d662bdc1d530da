"""Stage files from one process equal the workflow's; what cannot be built is reported."""

import shutil
import sys
from pathlib import Path

import pytest

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.files import read_json

sys.path.insert(0, str(Path(__file__).parents[2] / "studies"))
import any_body_patients as study

CI = Path(__file__).parents[2] / "config/ci.yaml"


def make(monkeypatch, results, *words):
    monkeypatch.setattr(sys, "argv", ["any_body_patients.py", str(CI), str(results), *words])
    study.main()


@pytest.mark.workflow
def test_files_have_the_bytes_of_the_workflow(finished, monkeypatch, tmp_path):
    """Files of the test patient: trees and activation are copied, all else is made again."""
    workflow = finished / "results"
    name = min(p.stem for p in (workflow / "predictions/pca-refraction").glob("p000*.npz"))
    ours = tmp_path / "patients" / name
    ours.mkdir(parents=True)
    for path in (workflow / "patients" / name).glob("[ap]*_*.npz"):
        shutil.copy(path, ours)
    shutil.copy(workflow / "patients" / name / "purkinje.npz", ours)
    number = int(name[1:])
    make(monkeypatch, tmp_path, "--patients", str(number), str(number + 1))
    made = {path.name for path in ours.iterdir()}
    assert made >= {f"{stage}.npz" for stage in ("anatomy", "mesh", "leadfield_b1", "field", "ecg")}
    for file in made:
        theirs = workflow / "patients" / name / file
        assert (ours / file).read_bytes() == theirs.read_bytes(), file
    cohort = f"cohort/{name}.json"
    assert (tmp_path / cohort).read_bytes() == (workflow / cohort).read_bytes()
    costs = (tmp_path / "costs.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in costs] == [
        "cohort", "anatomy", "mesh", "fibers", "leadfield", "field_samples", "ecg"
    ]  # fmt: skip


class Pretended:
    """Scripts that write a word, and one that fails."""

    def __init__(self, name):
        self.name, self.fails = name, name == "mesh"

    def main(self, files, output, params, log):
        if self.fails and "p0001" in output[0]:
            raise StepFailed("1 cells are worse than min_quality")
        Path(output[0]).write_text(self.name)


def test_failures_are_told_once_and_large_files_deleted(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "script", Pretended)
    make(monkeypatch, tmp_path, "--patients", "0", "2")
    found = {
        n: {p.stem for p in (tmp_path / f"patients/{n}").iterdir()} for n in ("p0000", "p0001")
    }
    assert found == {"p0000": {"anatomy", "field"}, "p0001": {"anatomy", "failed"}}
    failed = tmp_path / "patients/p0001/failed.json"
    assert read_json(failed) == {
        "stage": "mesh", "cause": "StepFailed: 1 cells are worse than min_quality"
    }  # fmt: skip
    costs = (tmp_path / "costs.csv").read_text()
    make(monkeypatch, tmp_path, "--patients", "0", "2")
    assert (tmp_path / "costs.csv").read_text() == costs
    monkeypatch.setattr(Pretended, "main", lambda self, f, output, *_: Path(output[0]).touch())
    failed.unlink()
    make(monkeypatch, tmp_path, "--patients", "0", "2", "--keep")
    assert (failed.parent / "mesh.npz").exists()


def test_further_conductivities_of_those_to_learn_from(monkeypatch, tmp_path):
    """On the mesh that is there: only lead fields and samples are made again."""
    made = {}

    class Noted(Pretended):
        def main(self, files, output, params, log):
            Path(output[0]).touch()
            made[Path(output[0]).stem] = params

    monkeypatch.setattr(study, "script", Noted)
    config = str(CI.with_name("any_body.yaml"))
    words = [config, str(tmp_path), "--patients", "0", "2", "--conductivities", "2"]
    monkeypatch.setattr(sys, "argv", ["any_body_patients.py", *words, "--splits", "train"])
    study.main()
    left = {p.stem for p in (tmp_path / "patients/p0000").iterdir()}
    assert left == {"anatomy", "field", "field_2"}
    first, second = (made[name].section for name in ("leadfield_b0", "leadfield_2"))
    drawn = {key for key in first if first[key] != second[key]}
    assert drawn >= {f"sigma_{name}_s_per_m" for name in ("il", "it", "el", "et", "torso", "blood")}
    assert made["field"].section == made["field_2"].section  # the same points
    with pytest.raises(SystemExit):
        make(monkeypatch, tmp_path, "--patients", "0", "2", "--conductivities", "2")
