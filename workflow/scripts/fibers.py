"""Fibres and ventricular coordinates of one patient."""

from einthoven.app.run.job import run
from einthoven.base.config.models import FiberSettings
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import assign_fibers, solve_wall_fields
from einthoven.data.patient.patient import Patient


def main(input, output, params, log):
    patient = Patient.of_files(mesh=input.mesh, anatomy=input.anatomy)
    fields = solve_wall_fields(patient.heart)
    fibers = assign_fibers(patient, FiberSettings.model_validate(params.section), fields)
    fibers.save(output[0], ventricular_coordinates(patient, fields))
    log.info("%d fibres", len(fibers.f0))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
