"""Lead fields, ECG and out-of-distribution check of one patient by a trained model, no solving."""

import argparse
from pathlib import Path

from einthoven.cli.numbers import natural, positive_int


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    command.add_argument("source", metavar="FOLDER|SHEET", type=Path,
                         help="stage files (at least anatomy.npz), or a sheet as of `import`; mesh "
                         "and fibers are made if they are missing (fibers need a finite-element "
                         "solver: fem.laplace)")  # fmt: skip
    command.add_argument("patient", metavar="PATIENT", nargs="?", help="which one of a sheet")
    command.add_argument("--to", metavar="FOLDER", type=Path, default=Path("predicted"),
                         help="default: %(default)s")  # fmt: skip
    command.add_argument("--electrodes", metavar="CSV", type=Path,
                         help="name,x,y,z in mm, patient frame; default: the nine of the ECG and "
                         "the patient's grid")  # fmt: skip
    command.add_argument("--grid", metavar="N", type=natural, default=100,
                         help="number of electrodes of the grid; default: %(default)s")  # fmt: skip
    command.add_argument("--model", metavar="FOLDER", help="default: the shipped model")
    command.add_argument("--threads", metavar="N", type=positive_int, default=1)
    command.add_argument("--fast", action="store_true", help="layers in bfloat16: less than 0.1 "
                         "degree off; half the time on processors that multiply it")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Write prediction.npz, out_of_distribution.json and pictures; print the check."""
    from einthoven.prediction.apply import draw_prediction, predict_body
    from einthoven.prediction.body import read_body
    from einthoven.prediction.pretrained import SHIPPED, Pretrained

    model, to = Pretrained.load(arguments.model or SHIPPED), arguments.to
    body = read_body(arguments.source, arguments.patient, to, model.config,
                     electrodes=arguments.electrodes, n_grid=arguments.grid)  # fmt: skip
    checked = predict_body(model, body, to, arguments.threads, arguments.fast)
    draw_prediction(body, to)
    for key, value in checked.values.items():
        print(f"  {key:18s} {value:6.2f}  limit {checked.limits[key]:6.2f}")
    words = "in distribution" if checked.in_distribution else "OUT OF DISTRIBUTION"
    scenarios = ", ".join(body.activation) or "none: no activation_*.npz beside the anatomy"
    print(f"{body.name}: {words}; {len(body.electrodes)} electrodes, ECG of {scenarios}; {to}")
