"""Purkinje trees of one patient."""

from einthoven.app.run.job import run
from einthoven.base.config.electrophysiology import PurkinjeSettings
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree


def main(input, output, params, log):
    patient = Patient.of_files(mesh=input.mesh, fibers=input.fibers)
    tree = grow_tree(patient, PurkinjeSettings.model_validate(params.section))
    tree.save(output[0])
    log.info("%d junctions", len(tree.pmj_nodes))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
