"""Chamfer distances of one decoded test patient to the true surfaces."""

from pathlib import Path

from einthoven.core.errors import StepFailed
from einthoven.core.files import write_json
from einthoven.encoders.chamfer import reconstruction_chamfer
from einthoven.encoders.imported_code import with_imported_codes
from einthoven.encoders.surfaces import stage_file_surfaces
from einthoven.encoders.train import load_encoder
from einthoven.run.job import run


def main(input, output, params, log):
    patient = Path(input.anatomy).parent
    surfaces = stage_file_surfaces(patient.parent)
    encoder = load_encoder(params.encoder, Path(input.model).parent, surfaces)
    encoder = with_imported_codes(encoder, input.codes)
    try:
        distances = reconstruction_chamfer(
            surfaces(patient.name),
            lambda points: encoder.signed_distances(patient.name, points),
            params.n_grid,
        )
    except StepFailed as error:  # a decoder may be that bad: the metrics count such patients
        log.warning("%s", error)
        write_json(output[0], {"patient": patient.name, "failed": str(error)})
        return
    write_json(output[0], {"patient": patient.name, "chamfer": distances})
    log.info("%s: %s", patient.name, distances)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
