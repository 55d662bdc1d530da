"""Purkinje trees of one patient."""

from einthoven.config.purkinje import Purkinje
from einthoven.electrophysiology.purkinje.tree import grow_tree
from einthoven.patient.patient import Patient
from einthoven.run.job import run


def main(input, output, params, log):
    patient = Patient.of_files(mesh=input.mesh, fibers=input.fibers)
    tree = grow_tree(patient, Purkinje.model_validate(params.section))
    tree.save(output[0])
    log.info("%d junctions", len(tree.pmj_nodes))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
