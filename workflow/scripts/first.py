"""The first picture of a run: activation and Purkinje trees of one patient."""

from einthoven.app.report.patient_page import tree_figure
from einthoven.app.run.job import run
from einthoven.base.core.files import atomic
from einthoven.data.patient.patient import Patient


def main(input, output, params, log):
    patient = Patient.of_files(
        mesh=input.mesh, purkinje=input.purkinje, activation=[input.activation]
    )
    with atomic(output[0]) as temporary:
        tree_figure(patient).savefig(temporary, format="png", dpi=120)
    log.info("%s", patient.name)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
