"""Imaging from the 12-lead ECG: errors of trained networks, and the cost of a simulation.

    python benchmarks/imaging.py RESULTS --json OUT [--patient FOLDER ...]

RESULTS is results/imaging of a run of `snakemake imaging`, or has the same folders: simulations/
with a file per patient, networks/NETWORK_SPLIT/. Reported per network and test: errors, parameters,
seconds of the training, beats and hearts it learned from, and in words what was trained and tested
on what (`imaging.splits`). With FOLDERs, of patients with mesh, fibres, Purkinje trees and lead
fields, also the seconds of a beat of the first (`imaging_simulation`), and the digital twin of a
beat of each (`imaging_twin`): take hearts that no training held.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imaging_simulation import simulation_seconds
from imaging_twin import twin_figures

from einthoven.base.config import load
from einthoven.base.core.files import write_json
from einthoven.imaging.corpus.simulations import read_corpus
from einthoven.imaging.networks.error_table import evaluated, table


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
        yield from simulation_seconds(options.patient[0]).items()
        yield from twin_figures(options.patient).items()


def main() -> None:
    """Print the table, and write all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder with simulations/ and networks/")
    parser.add_argument("--patient", type=Path, nargs="+", help="folders of patients, to time a "
                        "simulation and a digital twin")  # fmt: skip
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = dict(measurements(options))
    if options.json:
        write_json(options.json, found)


if __name__ == "__main__":
    main()
