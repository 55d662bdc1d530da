"""Cost of lead fields, against both ways in which a DOLFINx user would write them.

One patient of the cohort is meshed to the number of nodes asked for. Every case then runs in a
process of its own (leadfield_cases.py), one after another. Ratios compare processor seconds of
one-threaded processes, which a busy machine changes least; wall seconds are printed too. The
alternatives are timed for a few electrodes and scaled linearly.

Usage: python benchmarks/leadfield.py [--json OUT] [--nodes N] [--quick] [--patient FOLDER]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from leadfield_mesh import build_patient

from einthoven.data.patient.patient import Patient

CASES = Path(__file__).with_name("leadfield_cases.py")
LEADS = 109
OPTIONAL = {"pardiso": "pypardiso", "cholmod": "sksparse"}
WALL, PROCESSOR = 0, 1


def run_case(case: str, patient: str | Path, n_electrodes: int, *options: str) -> dict:
    """One case in a process of its own."""
    command = [sys.executable, str(CASES), case, str(patient), str(n_electrodes), *options]
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def naive_seconds(way: dict, n_electrodes: int, clock: int) -> float:
    """The cost of the set-up and of all electrodes, each at the median."""
    return way["once"][clock] + n_electrodes * float(np.median(way["each"], axis=0)[clock])


def main() -> None:
    """Run all cases, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--nodes", type=int, default=117_000)
    parser.add_argument("--quick", action="store_true", help="20 k nodes, few electrodes")
    parser.add_argument("--patient", help="folder of an earlier run, or for the files of this one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        patient = Path(options.patient or f"{folder}/patient")
        if not (patient / "fibers.npz").exists():
            build_patient(20_000 if options.quick else options.nodes, patient)
        result = measure(patient, 200 if options.quick else 1000, f"{folder}/stored.npz")
    for name, value in result.items():
        if not isinstance(value, dict):
            print(f"{name:38s} {value:.4g}" if isinstance(value, float) else f"{name:38s} {value}")
    for name, case in result["cases"].items():
        times = " + ".join("{:.2f} ({:.2f})".format(*case[part]) for part in ("solve", "store"))
        print(f"{name:38s} {times} s wall (processor), {case['peak_gb']:.2f} GB")
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")


def measure(folder: Path, many: int, stored: str) -> dict:
    """All figures of one patient."""
    store = ["--store", stored]
    cases = {f"auto_{k}": run_case("ours", folder, k, *store) for k in (1, 9, LEADS, many)}
    for name, package in {"mumps": "petsc4py", "amg": "petsc4py", **OPTIONAL}.items():
        if find_spec(package):
            counts = (LEADS,) if name == "amg" else (LEADS, many)
            for k in counts:
                cases[f"{name}_{k}"] = run_case("ours", folder, k, "--solver", name, *store)
    fresh, shared = run_case("fresh", folder, 3), run_case("shared", folder, 10)
    expected, found = fresh.pop("check"), cases["auto_1"].pop("check")
    leads, most = cases[f"auto_{LEADS}"], cases[f"auto_{many}"]
    mesh = Patient.open(folder).mesh
    result = {
        "nodes": len(mesh.points),
        "tets": len(mesh.cells),
        "leads": LEADS,
        "total_seconds": _total(leads, WALL),
        "total_processor_seconds": _total(leads, PROCESSOR),
        "seconds_per_further_electrode": _slope(leads, most, "solve", many),
        "seconds_to_store_one_more": _slope(leads, most, "store", many),
        "peak_gb": leads["peak_gb"],
        f"processor_seconds_{many}": _total(most, PROCESSOR),
        f"solve_processor_seconds_{many}": most["solve"][PROCESSOR],
        f"peak_gb_{many}": most["peak_gb"],
        "residual_max": max(case["residual_max"] for case in cases.values()),
        "difference_to_dolfinx": float(
            np.linalg.norm(np.subtract(found, expected)) / np.linalg.norm(expected)
        ),
    }
    for suffix, clock in (("", PROCESSOR), ("_wall", WALL)):
        nine, all_leads = (cases[f"auto_{k}"]["solve"][clock] for k in (9, LEADS))
        result[f"ratio_naive_9{suffix}"] = naive_seconds(fresh, 9, clock) / nine
        result[f"ratio_naive_109{suffix}"] = naive_seconds(fresh, LEADS, clock) / all_leads
        result[f"ratio_shared_cg_109{suffix}"] = naive_seconds(shared, LEADS, clock) / all_leads
    for case in cases.values():
        case.pop("check", None)
    ways = {"naive_peak_gb": fresh["peak_gb"], "naive": fresh, "shared_cg": shared}
    return result | {"threads": _threads(), "load": leads["load"], **ways, "cases": cases}


def _total(case: dict, clock: int) -> float:
    return case["solve"][clock] + case["store"][clock]


def _slope(few: dict, many: dict, part: str, n_many: int) -> float:
    """Processor seconds of each electrode between the two cases."""
    return (many[part][PROCESSOR] - few[part][PROCESSOR]) / (n_many - LEADS)


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


if __name__ == "__main__":
    main()
