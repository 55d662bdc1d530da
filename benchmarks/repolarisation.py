"""Cost of the ECG of a heart of many durations against that of one: the same patients, same run.

    python benchmarks/repolarisation.py results/patients/p0000 ... --json OUT

Times `reference_ecg` (finite elements and pseudo lead field, all scenarios at hand, all
electrodes) with `repolarisation.field` homogeneous and gradients.
"""

import argparse
import statistics
import time
from pathlib import Path

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core.files import write_json
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.simulate import SimulationSettings, reference_ecg

SETTINGS = {
    "homogeneous": RepolarisationSettings(field="homogeneous"),
    "gradients": RepolarisationSettings(
        field="gradients", mean_ms=280.0, apex_to_base_ms=40.0, anterior_to_posterior_ms=20.0,
        rv_to_lv_ms=30.0, endo_to_epi_ms=-30.0,
    ),
}  # fmt: skip


def seconds(folder: Path, repolarisation: RepolarisationSettings, n_repeats: int) -> float:
    """The least time of some repeats, CPU seconds; reading the files is not in it."""
    taken = []
    for _ in range(n_repeats):
        patient = Patient.open(folder)
        stages = patient.fibers, patient.coordinates, patient.lead_fields
        activations = list(patient.activations.values())
        start = time.process_time()
        settings = SimulationSettings(EcgSettings(), LeadFieldSettings(), repolarisation)
        reference_ecg(patient, stages[2], activations, settings)
        taken.append(time.process_time() - start)
    return min(taken)


def main() -> None:
    """Print seconds per patient and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patients", nargs="+", type=Path, help="folders with all stages")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    for settings in SETTINGS.values():  # imports, compilation and tables are nobody's cost
        seconds(args.patients[0], settings, 1)
    found = {
        name: [seconds(folder, settings, args.repeats) for folder in args.patients]
        for name, settings in SETTINGS.items()
    }
    ratio = statistics.median(b / a for a, b in zip(found["homogeneous"], found["gradients"]))
    for name, values in found.items():
        print(f"{name:12s} {statistics.mean(values):.2f} s per patient")
    print(f"ratio {ratio:.2f}")
    if args.json:
        write_json(args.json, {"seconds_per_patient": found, "ratio": ratio})


if __name__ == "__main__":
    main()
