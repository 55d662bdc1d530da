"""Train one surrogate of the lead field."""

import os
from pathlib import Path

from einthoven.step import n_threads, run
from einthoven.surrogate.train import train_surrogate


def main(input, output, params, log):
    curve = train_surrogate(
        params.model,
        Path(input.encoder).parent,
        input.store,
        Path(output.model).parent,
        params.section,
        n_threads=n_threads(),
        device="auto",
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", ""),
    )
    log.info("last epoch: %s", curve[-1])


if "snakemake" in globals():
    run(main, globals()["snakemake"])
