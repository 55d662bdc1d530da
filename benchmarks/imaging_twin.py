"""The digital twin on simulated beats of given hearts: correlation, error of the map, seconds.

    python benchmarks/imaging_twin.py results/patients/p0005 results/patients/p0013 --json OUT

Each heart plays beats with drawn speeds, conductivities and action potentials, by its
finite-element lead fields. The twin knows heart and lead fields, the ECG and when it begins; its
Purkinje trees are grown anew from another seed. Processor time on one core.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from einthoven.base.config import Config
from einthoven.base.core.files import write_json
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_parameters import BeatParameters
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.inputs.lead_fields import lead_fields_of
from einthoven.imaging.twin.heart_twin import TwinMaker
from einthoven.physics.ecg.intervals import qrs_window
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree

Z_90 = 1.645
BEFORE_MS, AFTER_MS = 40, 10
"""Rest before the beat, to find its QRS; record after it."""
OTHER_SEED = 77


def twin_figures(folders: Sequence[str | Path], n_beats: int = 1) -> dict[str, float]:
    """Means over `n_beats` beats of each patient.

    Returns:
        twin_correlation and twin_correlation_least, twin_seconds, twin_map_error_ms and
        searched_map_error_ms at the 75 points, twin_coverage_90, twin_n_beats.
    """
    rows = [row for folder in folders for row in _of_patient(Patient.open(folder), n_beats)]
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: float(values.mean()) for name, values in table.items()} | {
        "twin_correlation_least": float(table["twin_correlation"].min()),
        "twin_n_beats": len(rows),
    }


def _of_patient(patient: Patient, n_beats: int) -> list[dict[str, float]]:
    config = Config()
    grad = lead_fields_of(patient, config.leadfield, ("fem",))
    simulator = Simulator.of(patient, grad, config.activation)
    tree = grow_tree(patient, config.purkinje.model_copy(update={"seed": OTHER_SEED}))
    maker = TwinMaker.of(patient.with_stages(tree), grad["fem"], config)
    rows = []
    for k in range(n_beats):
        rng = generator(config.imaging.seed, patient.name, "benchmark of the twin", k)
        beat = simulator.simulate(BeatParameters.draw(config.imaging, rng))
        ecg = twelve_lead(STANDARD_ELECTRODES, beat.potentials["fem"])
        end = _qrs_end(ecg)
        start = time.process_time()
        found = maker.fit(ecg[:, :end], np.arange(float(end)))
        seconds = time.process_time() - start
        error = np.abs(found.times - beat.activation_time)
        searched = np.abs(found.candidates[0].times - beat.activation_time)
        rows.append({"twin_correlation": found.twin.correlation, "twin_seconds": seconds,
                     "twin_map_error_ms": error.mean(), "searched_map_error_ms": searched.mean(),
                     "twin_coverage_90": (error < Z_90 * found.sds).mean()})  # fmt: skip
        told = {name: round(float(value), 4) for name, value in rows[-1].items()}
        print(patient.name, beat.case.pattern, found.candidates[0].case.pattern, told, flush=True)
    return rows


def _qrs_end(ecg: np.ndarray) -> int:
    """Samples of a simulated beat [12, time] mV until shortly after its QRS."""
    rest = np.pad(ecg, ((0, 0), (BEFORE_MS, 0)))
    time_ms = np.arange(-BEFORE_MS, ecg.shape[1], dtype=float)
    return int(np.ceil(qrs_window(rest, time_ms)[1])) + AFTER_MS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patients", type=Path, nargs="+", help="folders with stages of patients")
    parser.add_argument("--beats", type=int, default=1, help="per patient")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = twin_figures(args.patients, args.beats)
    print(found)
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
