"""Write an interactive 3-D page of a patient: heart in torso, lead fields, activation and ECG.

It is one HTML file for a browser, without server or network. With a prediction of the same patient
(`einthoven predict`), it compares finite elements, surrogate and error.

    einthoven view results/patients/p0000 --to heart.html
"""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("patient", metavar="FOLDER|STORE", help="results/patients/p0000, or a patient's store, "
        "with mesh and activation")  # fmt: skip
    add("--prediction", metavar="FILE", type=Path, help="prediction.npz of the same patient")
    add("--to", metavar="FILE", type=Path, default=Path("heart.html"), help="output")


def run(arguments: argparse.Namespace) -> None:
    """Write the page and print its path and size."""
    from einthoven.app.report.viewer.viewer_page import write_view
    from einthoven.data.patient.patient import Patient

    size = write_view(arguments.to, Patient.open(arguments.patient), arguments.prediction)
    print(f"{arguments.to}: {size.line}")
