"""Points around the surfaces of one patient with their signed distances."""

from einthoven.config.models import SdfSamples
from einthoven.core.files import load_arrays, save_arrays
from einthoven.core.seeds import generator
from einthoven.run.job import run
from einthoven.samples.sdf import sample_sdf


def main(input, output, params, log):
    anatomy = load_arrays(input.anatomy, ["points", "faces", "face_tags"])
    config = SdfSamples.model_validate(params.section)
    patient = anatomy.attrs["patient"]
    rng = generator(config.seed, patient, "sdf")
    points, sdf = sample_sdf(anatomy, rng, config)
    save_arrays(output[0], {"sdf_points": points, "sdf": sdf}, patient=patient)
    log.info("%d samples", len(points))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
