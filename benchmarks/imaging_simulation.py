"""Time of one simulated beat: activation, potentials at 75 points, ECGs by all forward models.

    python benchmarks/imaging_simulation.py results/patients/p0000 --json OUT

Processor time on one core; `at_once_seconds` is what a heart takes before its first beat, lead
fields by the operator included.
"""

import argparse
import time
from pathlib import Path

from einthoven.base.config import Config
from einthoven.base.core.files import write_json
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_parameters import draw_beats
from einthoven.imaging.corpus.simulations import Simulations
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.inputs.lead_fields import lead_fields_of


def simulation_seconds(folder: str | Path, n: int = 20) -> dict[str, float]:
    """Mean seconds of `n` beats of a patient, after the same beats once to fill tables.

    Returns:
        simulation_seconds, at_once_seconds, n_forward_models, n_heart_nodes.
    """
    config, patient = Config(), Patient.open(folder)
    lead_fields_of(patient, config.leadfield, ("operator",))  # loads and compiles
    start = time.process_time()
    fields = lead_fields_of(patient, config.leadfield, config.imaging.forward_models)
    simulator = Simulator.of(patient, fields, config.activation)
    at_once = time.process_time() - start
    cases = draw_beats(config.imaging, patient.name, n)
    Simulations.of(simulator, cases, "train", {})
    start = time.process_time()
    Simulations.of(simulator, cases, "train", {})
    return {
        "simulation_seconds": (time.process_time() - start) / n,
        "at_once_seconds": at_once,
        "n_forward_models": len(fields),
        "n_heart_nodes": len(patient.heart.points),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patient", type=Path, help="folder with the stages of a patient")
    parser.add_argument("--beats", type=int, default=20)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = simulation_seconds(args.patient, args.beats)
    print(found)
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
