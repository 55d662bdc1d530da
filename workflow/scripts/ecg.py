"""Electrode potentials and 12-lead ECG of one patient in all scenarios."""

import numpy as np

from einthoven.app.run.job import run
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.simulate import SimulationSettings, reference_ecg


def main(input, output, params, log):
    used = ("anatomy", "mesh", "fibers", "activation", "substrate", "beat")
    patient = Patient.of_files(**{stage: getattr(input, stage) for stage in used})
    electrodes = patient.anatomy.electrodes(0, params.n_electrodes)
    fields = LeadFields.gather(input.leadfield, electrodes)
    leadfield = params.conductivity | {"gradient": params.gradient}
    sections = params.section, leadfield, params.repolarisation, params.atria
    settings = SimulationSettings.of_params(*sections, params.traits)
    activations = [patient.activation(scenario) for scenario in settings.ecg.scenarios]
    ecg = reference_ecg(patient, fields, activations, settings)
    ecg.save(output[0])
    log.info("QRS %s ms", np.round(ecg.qrs_duration, 1))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
