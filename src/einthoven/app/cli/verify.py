"""Verify theorems that the lead fields of one patient obey: reciprocity, symmetry.

Needs a finished patient of a run; prints a line per theorem.

    einthoven verify results/dataset/patients/p0000.zarr.zip
"""

import argparse

from einthoven.app.cli.options import add_run_config, config_of


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    command.add_argument("store", metavar="STORE", help="results/dataset/patients/p0000.zarr.zip")
    add_run_config(command)


def run(arguments: argparse.Namespace) -> None:
    """Print a line per theorem; raise BadInput if one is violated."""
    from einthoven.app.analysis.reciprocity import verify
    from einthoven.base.core.errors import BadInput
    from einthoven.data.patient.patient import Patient

    patient = Patient.open(arguments.store)
    broken = []
    for finding in verify(patient, config_of(arguments.config).leadfield):
        line = f"{finding.theorem}: off by {finding.deviation:.1e}, limit {finding.limit:.0e}"
        print(f"{'holds ' if finding.holds else 'BROKEN'}  {line}", flush=True)
        broken += [] if finding.holds else [f"{arguments.store}: {line}"]
    if broken:
        cure = "made with another config (see --config)? otherwise run its leadfield rule again"
        raise BadInput("\n".join([*broken, cure]))
