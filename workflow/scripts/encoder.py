"""Train one encoder and give every patient a code."""

import os
from pathlib import Path

from einthoven.encoders.train import train_encoder
from einthoven.run.job import n_devices, n_threads, run


def main(input, output, params, log):
    train_encoder(
        params.encoder,
        input.store,
        Path(output.model).parent,
        params.section,
        shapes=input.shapes,
        n_threads=n_threads(),
        device="auto",
        n_devices=n_devices(),
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", ""),
    )
    log.info("trained %s", params.encoder)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
