"""Fibres and ventricular coordinates of one patient."""

from einthoven.core.files import load_arrays, save_arrays
from einthoven.fibers.coordinates import ventricular_coordinates
from einthoven.fibers.fields import solve_wall_fields
from einthoven.fibers.heart import Heart
from einthoven.fibers.ldrb import assign_fibers
from einthoven.run.job import run


def main(input, output, params, log):
    mesh = load_arrays(input.mesh)
    fields = solve_wall_fields(Heart.from_mesh(mesh))
    fibers = assign_fibers(mesh, fields=fields, **params.section)
    coordinates = ventricular_coordinates(mesh, fields)
    arrays = {**fibers._asdict(), **coordinates._asdict()}
    save_arrays(output[0], arrays, patient=mesh.attrs["patient"])
    log.info("%d fibres", len(fibers.f0))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
