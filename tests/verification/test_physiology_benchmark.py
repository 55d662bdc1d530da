"""The benchmark of physiology: one small patient, made once, and again only where it must be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from physiology_goals import GOALS

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "cohort": {"range_sd": 0.5},
    "electrodes": {"n_grid": 2, "n_refined": 2},
    "mesh": {"torso_edge_mm": 30.0, "electrode_edge_mm": 12.0},
    "ecg": {"scenarios": ["sinus", "pvc-lv"]},
}
ISSUED = {"n", "share_inside", "by_feature", "qrs_ms", "r_v1_share", "t_concordant_share",
          "seconds_per_patient"}  # fmt: skip
EARLY = ("anatomy", "mesh", "fibers", "leadfield_b0")
LATE = ("purkinje", "activation_rbbb", "ecg")


def run(folder, config, *more):
    """Stage file -> when it was written; what was found."""
    (folder / "config.yaml").write_text(json.dumps(config))
    command = [sys.executable, str(ROOT / "benchmarks/physiology.py"), "--n", "1", "--jobs", "1"]
    command += ["--config", str(folder / "config.yaml"), "--work", str(folder / "work")]
    command += ["--json", str(folder / "found.json"), *more]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    written = {path.stem: path.stat().st_mtime_ns
               for path in (folder / "work/patients/p0000").glob("*.npz")}  # fmt: skip
    return written, json.loads((folder / "found.json").read_text())


@pytest.mark.slow
def test_a_patient_is_made_once_and_again_where_settings_changed(tmp_path):
    first, found = run(tmp_path, SMALL)
    assert set(found) >= ISSUED
    assert set(found["goals"]) == {goal.name for goal in GOALS}
    assert found["n"] == 1 and sum(found["n_by_sex"].values()) == 1 and not found["failed"]
    assert set(found["qrs_ms"]["all"]) == {"sinus", "lbbb", "rbbb", "crt", "pvc-lv"}
    assert all(seconds > 0 for seconds in found["seconds_per_patient"].values())
    again, same = run(tmp_path, SMALL)
    assert again == first and same == found
    slower = SMALL | {"activation": {"cv_fiber_mm_per_ms": 0.35}}
    changed, other = run(tmp_path, slower)
    assert all(changed[stage] == first[stage] for stage in EARLY)
    assert all(changed[stage] > first[stage] for stage in LATE)
    assert other["qrs_ms"]["all"]["sinus"]["median"] > found["qrs_ms"]["all"]["sinus"]["median"]
    assert other["seconds_per_patient"]["mesh"] == found["seconds_per_patient"]["mesh"]
    elsewhere, another = run(tmp_path, SMALL, "--seed", "7")
    assert all(elsewhere[stage] > changed[stage] for stage in first)
    assert another["qrs_ms"] != found["qrs_ms"]
