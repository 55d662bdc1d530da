"""Samples of the lead-field gradient of one patient, for training."""

from einthoven.app.run.job import run
from einthoven.base.config.models import FieldSampleSettings
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.learning.samples.field import field_samples


def main(input, output, params, log):
    patient = Patient.of_files(anatomy=input.anatomy, mesh=input.mesh, fibers=input.fibers)
    electrodes = patient.anatomy.electrodes(0, params.n_electrodes)
    fields = LeadFields.gather(input.leadfield, electrodes)
    config = FieldSampleSettings.model_validate(params.section)
    samples = field_samples(patient, fields, config, params.gradient)
    samples.save(output[0])
    log.info("%d points, %d electrodes", len(samples.field_points), len(electrodes.names))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
