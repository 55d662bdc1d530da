"""Show which region of the heart makes which deflection of an ECG, and when it is activated.

The contributions of all regions add up to the lead exactly. Needs a patient with lead fields and
activation; prints tables and writes a picture.

    einthoven explain results/patients/p0000 --leads V1 --at 20 40
"""

import argparse
from pathlib import Path

from einthoven.app.cli.options import add_run_config, config_of, number, positive
from einthoven.base.core.names import LEADS

LEADS_SHOWN = ("I", "aVF", "V1", "V6")
MOMENTS_MS = (10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 50.0, 60.0, 70.0, 80.0)
AFTER_MS = 30.0
"""Time after the last activation at which the picture ends by default."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("patient", metavar="FOLDER|STORE", help="results/patients/p0000, or a patient's store")
    add("--scenario", metavar="NAME", default="sinus", help="scenario of the activation")
    add("--leads", metavar="LEAD", nargs="+", choices=LEADS, default=list(LEADS_SHOWN),
        help=f"leads to explain; default: {' '.join(LEADS_SHOWN)}")  # fmt: skip
    add("--at", metavar="MS", nargs="+", type=number, default=list(MOMENTS_MS),
        help="columns of the table, ms after the first activation; default: 10 to 80")  # fmt: skip
    add("--regions", default="coarse", choices=["coarse", "segments"],
        help="walls by level, or the 17 AHA segments and 13 of the RV")  # fmt: skip
    add("--until", metavar="MS", type=positive, help="end of the picture, ms; "
        f"default: {AFTER_MS:g} ms after the last activation")  # fmt: skip
    add("--out", metavar="FOLDER", type=Path, default=Path("explained"),
        help="folder of the picture")  # fmt: skip
    add_run_config(command)


def run(arguments: argparse.Namespace) -> None:
    """Print a table per lead and the activation times; draw the picture."""
    from einthoven.app.analysis.contributions import (
        activation_by_region,
        contributions,
        settings_of_run,
    )
    from einthoven.app.analysis.explanation import Explanation
    from einthoven.base.core.names import STANDARD_ELECTRODES
    from einthoven.data.patient.patient import Patient
    from einthoven.data.patient.segments import DIVISIONS

    config, patient = config_of(arguments.config), Patient.open(arguments.patient)
    activation = patient.activation(arguments.scenario)
    regions = DIVISIONS[arguments.regions](patient)
    fields = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
    settings = settings_of_run(config, patient)
    parts = contributions(patient, fields, activation, regions, settings)
    times = activation_by_region(patient.heart, activation, regions)
    explanation = Explanation(f"{patient.name}, {arguments.scenario}", parts, times)
    for lead in arguments.leads:
        print(explanation.lead_table(lead, arguments.at), end="\n\n")
    print(explanation.activation_table(), end="\n\n")
    if patient.has("ecg"):
        print(explanation.stored_line(patient.ecg, arguments.scenario))
    name = f"{patient.name}_{arguments.scenario}_{arguments.regions}.png"
    until = arguments.until or float(activation.activation_time.max()) + AFTER_MS
    print(explanation.write_picture(arguments.out / name, arguments.leads, until))
