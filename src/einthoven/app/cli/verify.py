"""Verify theorems that the lead fields of one patient obey: reciprocity, symmetry.

Needs a finished patient of a run; prints a line per theorem.

    einthoven verify results/dataset/patients/p0000.zarr.zip
"""

import argparse

from einthoven.app.cli.options import add_run_config


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    command.add_argument("store", metavar="STORE", help="results/dataset/patients/p0000.zarr.zip")
    add_run_config(command)


def run(arguments: argparse.Namespace) -> None:
    """Print a line per theorem; raise BadInput if one is violated."""
    from einthoven.app.analysis.reciprocity import verify
    from einthoven.base.config import load
    from einthoven.base.core.errors import BadInput
    from einthoven.data.patient.patient import Patient

    patient = Patient.open(arguments.store)
    broken = []
    for found in verify(patient, load(arguments.config).leadfield):
        line = f"{found.theorem}: off by {found.deviation:.1e}, limit {found.limit:.0e}"
        print(f"{'holds ' if found.holds else 'BROKEN'}  {line}", flush=True)
        broken += [] if found.holds else [f"{arguments.store}: {line}"]
    if broken:
        cure = "made with another config (see --config)? otherwise run its leadfield rule again"
        raise BadInput("\n".join([*broken, cure]))
