"""Train one surrogate of the lead field."""

import os
from pathlib import Path

from einthoven.encoders.surfaces import stage_file_surfaces
from einthoven.encoders.train import load_encoder
from einthoven.run.job import n_devices, n_threads, run
from einthoven.surrogate.train import train_surrogate


def main(input, output, params, log):
    patients, folder = Path(input.anatomies[0]).parents[1], Path(input.encoder).parent
    curve = train_surrogate(
        params.model,
        load_encoder(params.encoder, folder, stage_file_surfaces(patients)),
        input.store,
        Path(output.model).parent,
        params.section,
        n_threads=n_threads(),
        device="auto",
        n_devices=n_devices(),
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", ""),
    )
    log.info("last epoch: %s", curve[-1])


if "snakemake" in globals():
    run(main, globals()["snakemake"])
