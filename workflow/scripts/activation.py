"""Activation times of one patient in one scenario."""

from einthoven.core.files import load_arrays, save_arrays
from einthoven.electrophysiology.scenarios import activation
from einthoven.run.job import run


def main(input, output, params, log):
    mesh, fibers = load_arrays(input.mesh), load_arrays(input.fibers)
    purkinje = load_arrays(input.purkinje)
    arrays, attrs = activation(params.scenario, mesh, fibers, purkinje, **params.section)
    save_arrays(output[0], arrays, patient=mesh.attrs["patient"], **attrs)
    log.info("%s: last activation at %.1f ms", params.scenario, arrays["activation_time"].max())


if "snakemake" in globals():
    run(main, globals()["snakemake"])
