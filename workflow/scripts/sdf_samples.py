"""Points around the surfaces of one patient with their signed distances."""

from einthoven.core.files import load_arrays, save_arrays
from einthoven.core.seeds import generator
from einthoven.geometry.signed_distance import sample_sdf
from einthoven.run.job import run


def main(input, output, params, log):
    anatomy = load_arrays(input.anatomy, ["points", "faces", "face_tags"])
    section = dict(params.section)
    patient = anatomy.attrs["patient"]
    rng = generator(section.pop("seed"), patient, "sdf")
    points, sdf = sample_sdf(anatomy, rng, **section)
    save_arrays(output[0], {"sdf_points": points, "sdf": sdf}, patient=patient)
    log.info("%d samples", len(points))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
