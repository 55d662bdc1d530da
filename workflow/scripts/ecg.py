"""Electrode potentials and 12-lead ECG of one patient in all scenarios."""

import numpy as np

from einthoven.app.run.job import run
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.config.repolarisation import RepolarisationSettings
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.simulate import reference_ecg


def main(input, output, params, log):
    patient = Patient.of_files(
        anatomy=input.anatomy, mesh=input.mesh, fibers=input.fibers, activation=input.activation
    )
    electrodes = patient.anatomy.electrodes(0, params.n_electrodes)
    fields = LeadFields.gather(input.leadfield, electrodes)
    config = EcgSettings.model_validate(params.section)
    leadfield = LeadFieldSettings.model_validate(
        params.conductivity | {"gradient": params.gradient}
    )
    activations = [patient.activation(scenario) for scenario in config.scenarios]
    durations = RepolarisationSettings.model_validate(params.repolarisation)
    ecg = reference_ecg(patient, fields, activations, config, leadfield, durations)
    ecg.save(output[0])
    log.info("QRS %s ms", np.round(ecg.qrs_duration, 1))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
