"""Predict lead fields, ECG and out-of-distribution check of one patient by a trained model.

No finite elements are solved. Needs an anatomy; missing mesh, fibres and activation are made.
Writes prediction.npz (ECGs in mV, gradients in kOhm/mm), out_of_distribution.json and pictures.

    einthoven predict sheet.csv anna --to predicted
    einthoven predict results/patients/p0000 --check 9
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from einthoven.app.cli.options import add_folder, natural, positive_int

if TYPE_CHECKING:
    from einthoven.data.patient.patient import Patient
    from einthoven.learning.prediction.prediction import Prediction
    from einthoven.learning.prediction.prepare import Prepared


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("source", metavar="FOLDER|SHEET", type=Path,
        help="folder of stage files (at least anatomy.npz), or a sheet as for `import`; missing "
        "stages are made")  # fmt: skip
    add("patient", metavar="PATIENT", nargs="?",
        help="patient of the sheet; bodies drawn for it give the spread of its ECG")  # fmt: skip
    add_folder(command, "predicted")
    add("--electrodes", metavar="CSV", type=Path, help="name,x,y,z in mm, patient frame; default: "
        "the nine of the ECG and the patient's grid")  # fmt: skip
    add(
        "--grid",
        metavar="N",
        type=natural,
        default=100,
        help="number of electrodes of the grid on the skin",
    )
    add("--posterior", action="store_true", help="also V7 to V9, placed by rules on the back")
    add(
        "--fine",
        action="store_true",
        help="halve edges of the muscle above 3 mm in a new mesh: twice the time, a mesh of 4 mm "
        "gives nearly the ECG of 2.2 mm",
    )
    add(
        "--usual-beat",
        action="store_true",
        help="the sinus beat is the mean of healthy people's, fitted on this heart in half a "
        "minute to a minute; it says nothing of the patient's own",
    )
    add("--config", metavar="FILE", type=Path,
        help="config with conductivities, meshes, activation, time axis; default: that of the "
        "model's training")  # fmt: skip
    add("--check", metavar="N", type=positive_int,
        help="solve N of the electrodes by finite elements and report the true error")  # fmt: skip
    add("--bodies", metavar="FOLDER", type=Path, nargs="+", default=[],
        help="bodies with the same heart, written by `import`, for the SD of the ECG")  # fmt: skip
    add("--model", metavar="FOLDER", help="folder of a packed model; default: the shipped one")
    add("--code", metavar="FILE", type=Path,
        help="code from `einthoven encode`, for a model with a shape code; default: the code "
        "is found from the surfaces")  # fmt: skip
    add("--threads", metavar="N", type=positive_int, default=1, help="processor threads")


def run(arguments: argparse.Namespace) -> None:
    """Write prediction.npz, out_of_distribution.json and pictures; print the check."""
    from dataclasses import replace

    from einthoven.base.config import load
    from einthoven.base.core.files import write_json
    from einthoven.data.patient.anatomy import Anatomy
    from einthoven.learning.prediction.new_patient import BodyEcgs, predict_new, write_prediction
    from einthoven.learning.prediction.prepare import chosen_electrodes, prepared
    from einthoven.learning.prediction.pretrained import SHIPPED, Pretrained
    from einthoven.learning.prediction.solved_check import check_by_solving, spread_electrodes
    from einthoven.numerics.training.machine import Machine

    model, to = Pretrained.load(arguments.model or SHIPPED), arguments.to
    if arguments.usual_beat:
        _refuse_given_activations(arguments.source, to)
    config = load(arguments.config) if arguments.config else model.config
    made = prepared(
        arguments.source, to, config, model.stages, arguments.patient, fine=arguments.fine
    )
    chosen = arguments.grid, arguments.electrodes, arguments.posterior
    electrodes = chosen_electrodes(made.patient.anatomy, *chosen)
    if arguments.usual_beat:
        _refuse_without_the_nine(made.patient, electrodes.names.tolist())
    machine = Machine(n_threads=arguments.threads)
    found = predict_new(model, made.patient, electrodes, made.config, machine, arguments.code)
    if arguments.usual_beat:
        found, made = _with_usual_beat(found, made, to)
    found = replace(found, seconds=made.seconds | found.seconds)
    write_prediction(found, made.patient, to)
    print(_summary(found, made.patient.name))
    if arguments.check:
        rows = spread_electrodes(found.electrodes, arguments.check)
        check = check_by_solving(found, made.patient, rows, made.config)
        write_json(to / "check.json", check.to_json())
        print(check.line())
    if arguments.bodies or made.bodies:
        given = [Anatomy.load(folder / "anatomy.npz") for folder in arguments.bodies]
        ecgs = BodyEcgs.of(model, made.patient, [*made.bodies, *given], made.config, machine)
        ecgs.write(to)
        print(ecgs.line())


def _refuse_given_activations(source: Path, to: Path) -> None:
    """Refuse to replace activations that the user has."""
    from einthoven.base.core.errors import BadInput

    there = sorted(to.glob("activation_*.npz"))
    if there and source.is_dir() and source.resolve() == to.resolve():
        raise BadInput(f"{there[0]}: --usual-beat would replace it; give another folder with --to")


def _refuse_without_the_nine(patient: "Patient", names: list[str]) -> None:
    """Refuse, before anything is predicted, a patient that cannot have the usual beat."""
    from einthoven.base.core.errors import BadInput
    from einthoven.base.core.names import STANDARD_ELECTRODES
    from einthoven.imaging.twin.usual_beat import raise_if_it_has_its_own

    raise_if_it_has_its_own(patient)
    if not patient.has("activations") or not set(STANDARD_ELECTRODES) <= set(names):
        raise BadInput(f"{patient.name}: --usual-beat needs the nine electrodes of the ECG among "
                       "--electrodes, and ventricular coordinates")  # fmt: skip


def _with_usual_beat(
    found: "Prediction", made: "Prepared", to: Path
) -> tuple["Prediction", "Prepared"]:
    """Prediction and patient with the usual beat, whose stage files are written."""
    import time as clock
    from dataclasses import replace

    from einthoven.base.core.log import step
    from einthoven.imaging.twin.usual_beat import with_usual_beat
    from einthoven.learning.prediction.ecg import PredictedFields, with_ecg
    from einthoven.learning.surrogate.operator.inputs import conductivities_of
    from einthoven.physics.ecg.simulate import SimulationSettings

    patient, config, start = made.patient, made.config, clock.perf_counter()
    settings = SimulationSettings.of(config, conductivities_of(patient, config.leadfield))
    step(f"{patient.name}: usual beat")
    fields = PredictedFields.of(found, patient, settings)
    gradients = fields.gradients(fields.nine, found.heart_grad[fields.nine])
    patient = with_usual_beat(patient, gradients, config, made.sex)
    patient.beat.save(to / "beat.npz")
    for activation in patient.activations.values():
        activation.save(to / f"activation_{activation.scenario}.npz")
    found = with_ecg(found, patient, list(patient.activations.values()), settings)
    took = {"seconds_usual_beat": clock.perf_counter() - start}
    return replace(found, seconds=found.seconds | took), replace(made, patient=patient)


def _summary(found: "Prediction", name: str) -> str:
    """Lines with the check, the uncertainty, the scenarios and the times."""
    from einthoven.base.metrics.predicted_error import PredictedError

    check, sd = found.out_of_distribution or {}, found.heart_sd_deg
    lines = [
        f"  {key:18s} {value:6.2f}  limit {check['limits'][key]:6.2f}"
        for key, value in check["values"].items()
    ]
    words = "in distribution" if check["in_distribution"] else "OUT OF DISTRIBUTION"
    stated = "" if sd is None else f", stated SD of directions {sd.mean():.1f} degrees"
    if "expected" in check:
        expected = PredictedError(**check["expected"])
        stated += f"; angle error of the lead field: {expected.words('degrees')}"
    if found.expected_ecg is not None:
        expected = PredictedError(**found.expected_ecg).times(100)
        stated += f"; relative error of the ECG: {expected.words('%')}"
    none = "none: no activation_*.npz beside the anatomy, and no coordinates to make one"
    scenarios = none if found.scenarios is None else ", ".join(found.scenarios)
    n = len(found.heart_grad)
    lines.append(f"{name}: {words}{stated}; {n} electrodes, ECG of {scenarios}")
    took = {key.removeprefix("seconds_"): value for key, value in found.seconds.items()
            if not key.endswith("_lead")}  # fmt: skip
    parts = ", ".join(f"{step} {value:.1f}" for step, value in took.items())
    return "\n".join([*lines, f"  {sum(took.values()):.1f} s ({parts})"])
