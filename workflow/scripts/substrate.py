"""Scar or ischaemia of one patient."""

from einthoven.app.run.job import run
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.substrate.make import make_substrate


def main(input, output, params, log):
    patient = Patient.of_files(mesh=input.mesh, fibers=input.fibers)
    substrate = make_substrate(patient, SubstrateSettings.model_validate(params.section))
    substrate.save(output[0])
    log.info("%s: core %.1f ml, %.1f %% of the LV", substrate.region or "healthy",
             substrate.core_ml, substrate.lv_percent)  # fmt: skip


if "snakemake" in globals():
    run(main, globals()["snakemake"])
