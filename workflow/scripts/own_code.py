"""Shape code of one own patient by one trained encoder."""

from pathlib import Path

from einthoven.encoders.own_code import infer_own_code
from einthoven.step import run


def main(input, output, params, log):
    errors = infer_own_code(Path(input.model).parent, input.sdf, output[0])
    shown = ", ".join(f"{name} {error:.2f} mm" for name, error in errors.items())
    log.info("near the surfaces the code is off by %s", shown)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
