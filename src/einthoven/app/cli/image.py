"""Activation map of the ventricles from a recorded 12-lead ECG, with its uncertainty.

ECG is a recording of twelve leads: WFDB (.hea), CSV, MUSE, aECG, DICOM, EDF and others
(docs/how-to/my-recordings.md). It says whether the ECG is like those of healthy people, whether
simulations are like it, and by which pattern it came about (sinus, a bundle branch block, paced),
where labelled recordings allow it. It also says how likely an infarct is, and of which segments of
the left ventricle. For research only: not a medical device.

    einthoven image recording.hea --to imaged
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from einthoven.app.cli.options import add_folder, add_recording

if TYPE_CHECKING:
    from einthoven.data.patient.patient import Patient


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_recording(command)
    add_folder(command, "imaged")
    add = command.add_argument
    add("--patient", metavar="FOLDER", type=Path, help="stage files with anatomy, mesh and fibers: "
        "gives the model the body's measures, and the heart on which maps are drawn")  # fmt: skip
    add("--model", metavar="FOLDER", help="packed imaging model; default: the shipped one")
    add("--pictures", action="store_true", help="also draw bull's-eyes, isochrones, V_m and the "
        "beat, which takes longer than the answer")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Write activation.csv, .json, .npz, infarct.json; print a line, pattern, infarct, warnings."""
    from einthoven.base.core.log import step
    from einthoven.data.patient.patient import Patient
    from einthoven.imaging.infarct.infarct_model import InfarctModel
    from einthoven.imaging.inputs.heart_surface import RecordedHeart
    from einthoven.imaging.model.imaging_model import SHIPPED, ImagingModel
    from einthoven.physics.ecg.recordings.aligned import aligned_beat
    from einthoven.physics.ecg.recordings.read import read_recording
    from einthoven.physics.ecg.recordings.recording import Declared

    recording = read_recording(arguments.ecg, Declared(arguments.rate_hz, arguments.unit))
    model = ImagingModel.load(arguments.model or SHIPPED)
    patient = Patient.open(arguments.patient) if arguments.patient else None
    beat = aligned_beat(recording)
    imaged = model.image(beat, _measures(patient) if patient else None)
    infarct = InfarctModel.load().report(beat)
    imaged.write(arguments.to)
    infarct.write(arguments.to)
    lines = [imaged.line(), imaged.recorded.note, infarct.line(), *imaged.warnings]
    print("\n  ".join(lines), flush=True)
    if arguments.pictures:
        step("drawing")
        from einthoven.base.plots.style import write_figures  # VTK: the answer does not wait for it
        from einthoven.imaging.infarct.infarct_picture import infarct_figure
        from einthoven.imaging.model.pictures import figures_of

        heart = RecordedHeart.of(patient) if patient else model.heart
        name = patient.name if patient else "a heart of the training"
        figures = figures_of(imaged, heart, name)
        figures["infarct.png"] = infarct_figure(infarct, recording.name)
        write_figures(figures, arguments.to)


def _measures(patient: "Patient") -> dict[str, float]:
    """Measures of a body; their room imports a compiler, for which a recording alone need not wait.

    Raises:
        BadInput: a stage is missing.
    """
    from einthoven.imaging.inputs.measures import clinical_measures

    return clinical_measures(patient)
