"""Write an interactive 3-D page of a patient: heart in torso, lead fields, activation and ECG.

It is one HTML file for a browser, without server or network. With a prediction of the same patient
(`einthoven predict`), it compares finite elements, surrogate and error. For a folder with surfaces
and electrodes alone (anatomy.npz), the rest is made and predicted first (extra `learn`).

    einthoven view results/patients/p0000 --to heart.html
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from einthoven.app.report.viewer.viewer_page import PageSize


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("patient", metavar="FOLDER|STORE", help="results/patients/p0000, a patient's store, or a "
        "folder with anatomy.npz")  # fmt: skip
    add("--prediction", metavar="FILE", type=Path, help="prediction.npz of the same patient")
    add("--to", metavar="FILE", type=Path, default=Path("heart.html"), help="output")


def run(arguments: argparse.Namespace) -> None:
    """Write the page and print its path and size."""
    from einthoven.app.report.viewer.viewer_page import write_view
    from einthoven.data.patient.patient import Patient

    patient = Patient.open(arguments.patient)
    if arguments.prediction is None and not patient.has("activations") and patient.has("anatomy"):
        size = _view_of_surfaces(arguments)
        print(f"{arguments.patient}: no activation; the page shows what the shipped model predicts")
    else:
        size = write_view(arguments.to, patient, arguments.prediction)
    print(f"{arguments.to}: {size.line}")


def _view_of_surfaces(arguments: argparse.Namespace) -> "PageSize":
    """Page of a patient with surfaces alone: all else is made and predicted, as by `predict`."""
    from tempfile import TemporaryDirectory

    from einthoven.app.report.viewer.viewer_page import write_view
    from einthoven.base.core.errors import extras_named

    with extras_named("einthoven view of surfaces alone", "learn"):
        from einthoven.learning.prediction.new_patient import predict_new
        from einthoven.learning.prediction.prepare import prepared
        from einthoven.learning.prediction.pretrained import Pretrained

        model = Pretrained.load()
    with TemporaryDirectory(prefix="einthoven-view-") as folder:
        to = Path(folder)
        made = prepared(Path(arguments.patient), to, model.config, model.stages)
        electrodes = made.patient.anatomy.twelve_lead_electrodes
        found = predict_new(model, made.patient, electrodes, made.config)
        found.save(to / "prediction.npz")
        return write_view(arguments.to, made.patient, to / "prediction.npz")
