"""Activation map of the ventricles from a recorded 12-lead ECG, with its uncertainty.

Takes a WFDB header (.hea), a CSV table whose first line names the leads, an array of twelve leads
(.npy) or a CardioSoft file (.xml). Research only: read what it prints.
"""

import argparse
from pathlib import Path

from einthoven.app.cli.numbers import positive


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add, shown = command.add_argument, "default: %(default)s"
    add("ecg", metavar="ECG", type=Path)
    add("--to", metavar="FOLDER", type=Path, default=Path("imaged"), help=shown)
    add("--rate-hz", metavar="HZ", type=positive, help="where the file does not say it")
    add("--unit", choices=["mV", "uV", "V"], help="where the file does not say it; default: mV")
    add("--patient", metavar="FOLDER", type=Path, help="stage files with anatomy, mesh and fibers: "
        "the model is told the body's measures, and maps are drawn on this heart")  # fmt: skip
    add("--model", metavar="FOLDER", help="default: the shipped model")


def run(arguments: argparse.Namespace) -> None:
    """Write activation.csv, .json, .npz and pictures; print one line and the warnings."""
    from einthoven.data.patient.patient import Patient
    from einthoven.imaging.inputs.heart_surface import RecordedHeart
    from einthoven.imaging.inputs.measures import clinical_measures
    from einthoven.imaging.model.imaging_model import SHIPPED, ImagingModel
    from einthoven.imaging.model.pictures import figures_of, write_figures
    from einthoven.physics.ecg.recordings.aligned import aligned_beat
    from einthoven.physics.ecg.recordings.read import read_recording
    from einthoven.physics.ecg.recordings.recording import Declared

    declared = Declared(arguments.rate_hz, arguments.unit)
    recording = read_recording(arguments.ecg, declared)
    model = ImagingModel.load(arguments.model or SHIPPED)
    patient = Patient.open(arguments.patient) if arguments.patient else None
    measures = clinical_measures(patient) if patient else None
    found = model.image(aligned_beat(recording), measures)
    heart = RecordedHeart.of(patient) if patient else model.heart
    whose = patient.name if patient else "a heart of the training"
    found.write(arguments.to)
    write_figures(figures_of(found, heart, whose), arguments.to)
    print(found.line())
    for warning in found.warnings:
        print(f"  {warning}")
