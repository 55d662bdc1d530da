"""Digital twin: an activation of a heart whose QRS is that of a recorded 12-lead ECG.

Reads the recordings that `einthoven image` reads. With --patient the heart is given and should be
the recorded person's. Without it the ECG chooses among the bodies of --patients: the anatomy is
inferred, and the map is one of several. For research only: not a medical device.

    einthoven twin recording.hea --patient results/patients/p0000 --to twin
    einthoven twin recording.hea --patients results/patients --to twin
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from einthoven.app.cli.options import add_folder, add_recording

if TYPE_CHECKING:
    from einthoven.base.config import Config
    from einthoven.imaging.twin.inferred_twin import InferredRecording
    from einthoven.imaging.twin.recorded_twin import RecordedTwin
    from einthoven.physics.ecg.recordings.recording import Recording

USUAL_PATIENTS = Path("results/patients")
BANK = "twin_bank.npz"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_recording(command)
    add_folder(command, "twin")
    add = command.add_argument
    given = command.add_mutually_exclusive_group()
    given.add_argument("--patient", metavar="FOLDER", type=Path, help="the recorded person: stage "
        "files with anatomy, mesh, fibers and purkinje, and lead fields if they were "
        "solved")  # fmt: skip
    given.add_argument("--patients", metavar="FOLDER", type=Path, default=None,
        help="virtual patients with solved lead fields, a folder each, among whose bodies the ECG "
        f"chooses; default: {USUAL_PATIENTS}")  # fmt: skip
    add("--bank", metavar="FILE", type=Path, help="keeps simulated beats of these bodies; "
        f"made at first use, default: {BANK} beside the folder of --patients")  # fmt: skip
    add("--model", metavar="FOLDER", help="with --patient: packed imaging model that checks the "
        "ECG, and draws of its posterior begin the search; default: the shipped one")  # fmt: skip
    add("--config", metavar="FILE", type=Path,
        help="config with speeds and conductivities; default: built in")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Write twin.csv, .json and .npz; print one line and the warnings."""
    twin = _given(arguments) if arguments.patient else _inferred(arguments)
    twin.write(arguments.to)
    print("\n  ".join([twin.line(), *twin.warnings]))


def _read(arguments: argparse.Namespace) -> "tuple[Recording, Config]":
    """The recording and the settings."""
    from einthoven.base.config import Config, load
    from einthoven.physics.ecg.recordings.read import read_recording
    from einthoven.physics.ecg.recordings.recording import Declared

    recording = read_recording(arguments.ecg, Declared(arguments.rate_hz, arguments.unit))
    return recording, load(arguments.config) if arguments.config else Config()


def _given(arguments: argparse.Namespace) -> "RecordedTwin":
    """The twin on a given heart."""
    from einthoven.data.patient.patient import Patient
    from einthoven.imaging.model.imaging_model import SHIPPED, ImagingModel
    from einthoven.imaging.twin.recorded_twin import fit_recorded_twin

    recording, config = _read(arguments)
    model = ImagingModel.load(arguments.model or SHIPPED)
    return fit_recorded_twin(recording, Patient.open(arguments.patient), config, model)


def _inferred(arguments: argparse.Namespace) -> "InferredRecording":
    """The twin on bodies that the ECG chooses."""
    from einthoven.imaging.twin.body_bank import BodyBank
    from einthoven.imaging.twin.inferred_twin import infer_recorded_twin

    recording, config = _read(arguments)
    patients = arguments.patients or USUAL_PATIENTS
    bank = BodyBank.kept(patients, config, arguments.bank or patients.parent / BANK)
    return infer_recorded_twin(recording, bank)
