"""Fibres and ventricular coordinates of one patient."""

from einthoven.config.models import Fibers
from einthoven.fibers.coordinates import ventricular_coordinates
from einthoven.fibers.fields import solve_wall_fields
from einthoven.fibers.ldrb import assign_fibers
from einthoven.patient.patient import Patient
from einthoven.run.job import run


def main(input, output, params, log):
    patient = Patient.of_files(mesh=input.mesh, anatomy=input.anatomy)
    fields = solve_wall_fields(patient.heart)
    fibers = assign_fibers(patient, Fibers.model_validate(params.section), fields)
    fibers.save(output[0], ventricular_coordinates(patient, fields))
    log.info("%d fibres", len(fibers.f0))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
