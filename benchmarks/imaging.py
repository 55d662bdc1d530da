"""Imaging from the 12-lead ECG: errors of trained networks, and the cost of a simulation.

    python benchmarks/imaging.py RESULTS --json OUT [--patient FOLDER]

RESULTS is results/imaging of a run of `snakemake imaging`, or has the same folders: simulations/
with a file per patient, networks/NETWORK_SPLIT/. Reported per network and test: errors, parameters,
seconds of the training, beats and hearts it learned from, and in words what was trained and tested
on what (`imaging.splits`). `simulation_seconds` is a beat of 500 ms at 75 points with its ECGs on
one core, lead fields at hand, in FOLDER, a patient with mesh, fibres, Purkinje trees and lead
fields.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from einthoven.config import Config, load
from einthoven.core.files import write_json
from einthoven.imaging.cases import draw_cases
from einthoven.imaging.lead_fields import lead_fields_of
from einthoven.imaging.simulations import read_corpus
from einthoven.imaging.simulator import Simulator
from einthoven.imaging.trainings import evaluated, table
from einthoven.patient.patient import Patient

N_TIMED = 10


def simulation(patient: Patient, config: Config) -> Iterator[tuple[str, Any]]:
    """Processor seconds of a beat, and of what a patient needs before the first."""
    started = time.process_time()
    fields = lead_fields_of(patient, config.leadfield, config.imaging.forward_models)
    simulator = Simulator.of(patient, fields)
    cases = draw_cases(config.imaging, patient.name, N_TIMED + 1)
    simulator.simulate(cases[0])
    yield "simulation_start_seconds", time.process_time() - started
    started = time.process_time()
    for case in cases[1:]:
        simulator.simulate(case)
    yield "simulation_seconds", (time.process_time() - started) / N_TIMED


def measurements(options: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """Key -> value of the report."""
    config = load(options.config)
    corpus = read_corpus(options.results / "simulations")
    yield "n_simulations", len(corpus)
    folders = sorted(path.parent for path in options.results.glob("networks/*/card.json"))
    found = evaluated(corpus, config.imaging_training, folders)
    print(table(found))
    yield from found.items()
    if options.patient:
        yield from simulation(Patient.open(options.patient), config)


def main() -> None:
    """Print the table, and write all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder with simulations/ and networks/")
    parser.add_argument("--patient", type=Path, help="folder of a patient, to time simulations")
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = dict(measurements(options))
    if options.json:
        write_json(options.json, found)


if __name__ == "__main__":
    main()
