"""Digital twin: an activation of a given heart that has a recorded 12-lead ECG's QRS.

Reads the recordings that `einthoven image` reads. The geometry is what you give: it should be the
recorded person's. Research only: read what it prints.
"""

import argparse
from pathlib import Path

from einthoven.app.cli.numbers import positive


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add, shown = command.add_argument, "default: %(default)s"
    add("ecg", metavar="ECG", type=Path)
    add("--patient", metavar="FOLDER", type=Path, required=True, help="stage files with anatomy, "
        "mesh, fibers and purkinje, and lead fields if they were solved")  # fmt: skip
    add("--to", metavar="FOLDER", type=Path, default=Path("twin"), help=shown)
    add("--rate-hz", metavar="HZ", type=positive, help="where the file does not say it")
    add("--unit", choices=["mV", "uV", "V"], help="where the file does not say it; default: mV")
    add("--model", metavar="FOLDER", help="of imaging: its check of the ECG is told, and draws "
        "of a posterior begin the search; default: the shipped model")  # fmt: skip
    add("--config", metavar="FILE", type=Path, help="speeds and conductivities; default: built in")


def run(arguments: argparse.Namespace) -> None:
    """Write twin.csv, .json and .npz; print one line and the warnings."""
    from einthoven.base.config import Config, load
    from einthoven.data.patient.patient import Patient
    from einthoven.imaging.model.imaging_model import SHIPPED, ImagingModel
    from einthoven.imaging.twin.recorded_twin import fit_recorded_twin
    from einthoven.physics.ecg.recordings.read import read_recording
    from einthoven.physics.ecg.recordings.recording import Declared

    recording = read_recording(arguments.ecg, Declared(arguments.rate_hz, arguments.unit))
    config = load(arguments.config) if arguments.config else Config()
    patient = Patient.open(arguments.patient)
    model = ImagingModel.load(arguments.model or SHIPPED)
    found = fit_recorded_twin(recording, patient, config, model)
    found.write(arguments.to)
    print(found.line())
    for warning in found.warnings:
        print(f"  {warning}")
