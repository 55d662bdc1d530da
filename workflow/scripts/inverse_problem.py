"""An inverse problem with known answer, in the body of a patient."""

from einthoven.app.run.job import run
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.data.patient.patient import Patient
from einthoven.inverse.synthetic.planned import PlannedProblem


def main(input, output, params, log):
    files = {"mesh": input.mesh, "fibers": input.fibers, "activation": input.activation}
    patient = Patient.of_files(**files)
    planned = PlannedProblem(name=params.name, **params.problem)
    ecg, leadfield = (
        EcgSettings.model_validate(params.ecg),
        LeadFieldSettings.model_validate(params.leadfield),
    )
    repolarisation = RepolarisationSettings.model_validate(params.repolarisation)
    problem = planned.make(patient, ecg, leadfield, repolarisation)
    problem.save(output[0])
    sizes = len(problem.transfer), len(problem.heart_points), len(problem.time)
    log.info("%d electrodes, %d nodes, %d samples", *sizes)
    log.info("error of the transfer matrix itself: %.3f", problem.forward_error)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
