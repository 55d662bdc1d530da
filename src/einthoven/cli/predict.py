"""Lead fields, ECG and out-of-distribution check of one patient by a trained model, no solving."""

import argparse
from pathlib import Path

from einthoven.cli.numbers import natural, positive_int


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add, shown = command.add_argument, "default: %(default)s"
    add("source", metavar="FOLDER|SHEET", type=Path,
        help="stage files (at least anatomy.npz), or a sheet as of `import`; mesh and fibers are "
        "made if they are missing (fibers need a finite-element solver: fem.laplace)")  # fmt: skip
    add("patient", metavar="PATIENT", nargs="?", help="which one of a sheet")
    add("--to", metavar="FOLDER", type=Path, default=Path("predicted"), help=shown)
    add("--electrodes", metavar="CSV", type=Path, help="name,x,y,z in mm, patient frame; default: "
        "the nine of the ECG and the patient's grid")  # fmt: skip
    add("--grid", metavar="N", type=natural, default=100, help=f"electrodes of the grid; {shown}")
    add("--model", metavar="FOLDER", help="default: the shipped model")
    add("--code", metavar="FILE", type=Path, help="of `einthoven encode`; default: found here")
    add("--threads", metavar="N", type=positive_int, default=1)
    add("--fast", action="store_true", help="layers in bfloat16: less than 0.1 degree off; half "
        "the time on processors that multiply it")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Write prediction.npz, out_of_distribution.json and pictures; print the check."""
    from einthoven.prediction.new_patient import predict_new, write_prediction
    from einthoven.prediction.prepare import chosen_electrodes, prepared
    from einthoven.prediction.pretrained import SHIPPED, Pretrained
    from einthoven.training.machine import Machine

    model, to = Pretrained.load(arguments.model or SHIPPED), arguments.to
    patient = prepared(arguments.source, to, model.config, arguments.patient)
    electrodes = chosen_electrodes(patient.anatomy, arguments.grid, arguments.electrodes)
    machine = Machine(n_threads=arguments.threads)
    found = predict_new(model, patient, electrodes, arguments.code, machine, arguments.fast)
    write_prediction(found, patient, to)
    check = found.out_of_distribution or {}
    for key, value in check["values"].items():
        print(f"  {key:18s} {value:6.2f}  limit {check['limits'][key]:6.2f}")
    words = "in distribution" if check["in_distribution"] else "OUT OF DISTRIBUTION"
    none = "none: no activation_*.npz beside the anatomy"
    scenarios = none if found.scenarios is None else ", ".join(found.scenarios)
    print(f"{patient.name}: {words}; {len(electrodes.names)} electrodes, ECG of {scenarios}; {to}")
