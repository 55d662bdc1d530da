"""Digital twin: an activation of a given heart whose QRS is that of a recorded 12-lead ECG.

Reads the recordings that `einthoven image` reads. PATIENT should be the recorded person: the fit
compensates for another geometry. For research only: not a medical device.

    einthoven twin recording.hea --patient results/patients/p0000 --to twin
"""

import argparse
from pathlib import Path

from einthoven.app.cli.options import add_folder, add_recording


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_recording(command)
    add_folder(command, "twin")
    add = command.add_argument
    add("--patient", metavar="FOLDER", type=Path, required=True, help="stage files with anatomy, "
        "mesh, fibers and purkinje, and lead fields if they were solved")  # fmt: skip
    add("--model", metavar="FOLDER", help="packed imaging model: it checks the ECG, and draws of "
        "its posterior begin the search; default: the shipped one")  # fmt: skip
    add("--config", metavar="FILE", type=Path,
        help="config with speeds and conductivities; default: built in")  # fmt: skip


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
    model = ImagingModel.load(arguments.model or SHIPPED)
    twin = fit_recorded_twin(recording, Patient.open(arguments.patient), config, model)
    twin.write(arguments.to)
    print("\n  ".join([twin.line(), *twin.warnings]))
