"""Compute how much a patient's ECG changes with electrodes, conductivities and fibre angles.

Needs a finished patient of a run; prints a table with one row per change.

    einthoven sensitivity results/dataset/patients/p0000.zarr.zip --electrodes V1 V2
"""

import argparse

from einthoven.app.cli import verify
from einthoven.app.cli.options import config_of, positive


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    verify.add_arguments(command)
    add = command.add_argument
    add("--electrodes", metavar="NAME", nargs="+", help="electrodes to move; default: V1 to V6")
    add("--shift-mm", metavar="MM", type=positive, default=10.0,
        help="how far each is moved along the skin, mm")  # fmt: skip
    add("--scenario", metavar="NAME", default="sinus", help="scenario of the activation")


def run(arguments: argparse.Namespace) -> None:
    """Print a table with one row per change."""
    from tabulate import tabulate

    from einthoven.app.analysis.sensitivity import Chain
    from einthoven.base.core.names import PRECORDIAL_ELECTRODES
    from einthoven.data.patient.patient import Patient

    config = config_of(arguments.config)
    chain = Chain(Patient.open(arguments.store), config, arguments.scenario)
    names = arguments.electrodes or list(PRECORDIAL_ELECTRODES)
    rows = [*chain.of_electrodes(names, arguments.shift_mm), *chain.of_conductivities(1.1),
            *chain.of_fibers(10.0)]  # fmt: skip
    headers = ["change", "lead that moves most", "its change (rel.)", "its peak (mV)", "all leads"]
    print(tabulate([vars(row).values() for row in rows], headers, floatfmt=".3f"))
