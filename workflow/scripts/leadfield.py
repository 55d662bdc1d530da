"""Lead fields of one batch of electrodes of one patient."""

from dataclasses import replace

from einthoven.app.run.job import run
from einthoven.base.config.models import LeadFieldSettings
from einthoven.data.patient.patient import Patient
from einthoven.physics.leadfield.solve import solve_lead_fields


def main(input, output, params, log):
    stages = {k: getattr(input, k) for k in ("anatomy", "mesh", "fibers", "substrate")}
    patient = Patient.of_files(**stages)
    electrodes = patient.anatomy.electrodes(*params.electrodes)
    config = LeadFieldSettings.model_validate(params.section)
    fields = solve_lead_fields(patient, electrodes, config, dtype="float32")
    conductivities = config.conductivities if params.drawn else None
    replace(fields, batch=int(params.batch), conductivities=conductivities).save(output[0])
    worst = fields.residual.max()
    log.info("%d electrodes by %s, worst %.1e", len(electrodes.names), fields.solver, worst)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
