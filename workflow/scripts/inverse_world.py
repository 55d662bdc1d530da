"""An inverse problem with known answer, in the body of a patient."""

from einthoven.app.run.job import run
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.config.repolarisation import RepolarisationSettings
from einthoven.data.patient.patient import Patient
from einthoven.inverse.synthetic.planned import PlannedWorld


def main(input, output, params, log):
    files = {"mesh": input.mesh, "fibers": input.fibers, "activation": input.activation}
    patient = Patient.of_files(**files)
    planned = PlannedWorld(name=params.name, **params.world)
    ecg, leadfield = (
        EcgSettings.model_validate(params.ecg),
        LeadFieldSettings.model_validate(params.leadfield),
    )
    repolarisation = RepolarisationSettings.model_validate(params.repolarisation)
    world = planned.make(patient, ecg, leadfield, repolarisation)
    world.save(output[0])
    sizes = len(world.transfer), len(world.heart_points), len(world.time)
    log.info("%d electrodes, %d nodes, %d samples", *sizes)
    log.info("error of the transfer matrix itself: %.3f", world.forward_error)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
