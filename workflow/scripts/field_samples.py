"""Samples of the lead-field gradient of one patient, for training."""

from einthoven.core.files import load_arrays, save_arrays
from einthoven.core.seeds import generator
from einthoven.leadfield.gather import gather_lead_fields
from einthoven.leadfield.sampling import sample_field
from einthoven.step import run


def main(input, output, params, log):
    anatomy, mesh = load_arrays(input.anatomy), load_arrays(input.mesh)
    fibers = load_arrays(input.fibers, ["f0"])
    section = dict(params.section)
    patient = mesh.attrs["patient"]
    rng = generator(section.pop("seed"), patient, "field")
    names = anatomy["electrode_names"]
    solved = gather_lead_fields(input.leadfield, names, anatomy["electrode_points"])
    arrays = sample_field(anatomy, mesh, fibers["f0"], solved.lead_field, rng, **section)
    save_arrays(output[0], {**arrays, "electrode_names": names}, patient=patient)
    log.info("%d points, %d electrodes", len(arrays["field_points"]), len(names))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
