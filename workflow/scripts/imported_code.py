"""Shape code of one imported patient by one trained encoder."""

from pathlib import Path

from einthoven.encoders.imported_code import write_imported_code
from einthoven.run.job import run


def main(input, output, params, log):
    check = write_imported_code(Path(input.model).parent, input.sdf, output[0])
    shown = ", ".join(f"{name} {value:.2f}" for name, value in check.values.items())
    log.info("%s", shown)
    if not check.in_distribution:
        log.warning("unlike the patients of the training: %s", "; ".join(check.reasons))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
