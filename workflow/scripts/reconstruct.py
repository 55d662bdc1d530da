"""Chamfer distances of one decoded test patient to the true surfaces."""

from pathlib import Path

from einthoven.app.evaluation.decoded_surfaces import chamfer_of
from einthoven.app.run.job import run
from einthoven.base.core.files import write_json
from einthoven.data.patient.anatomy import Anatomy
from einthoven.learning.encoders.imported_code import with_imported_codes
from einthoven.learning.encoders.train import encoder_class


def main(input, output, params, log):
    anatomy = Anatomy.load(input.anatomy)
    kind, folder = encoder_class(params.encoder), Path(input.model).parent
    encoder = kind.load(folder, lambda _: anatomy.surfaces)
    found = chamfer_of(with_imported_codes(encoder, input.codes), anatomy, params.n_grid)
    write_json(output[0], found)
    log.info("%s", found)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
