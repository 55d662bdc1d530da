"""The shipped shape models against measured people."""

from einthoven.app.run.job import run
from einthoven.base.core.files import write_json
from einthoven.body.anatomy.population.comparison import compare_with_population


def main(input, output, params, log):
    comparison = compare_with_population(params.n_draws)
    write_json(output[0], comparison)
    far = [
        f"{row['title']} {row[sex]['difference_sd']:+.2f} SD ({sex})"
        for row in comparison["quantities"].values()
        for sex in ("female", "male")
        if row["comparable"] and abs(row[sex]["difference_sd"]) > 0.5
    ]
    log.info("%d draws per sex, beyond 0.5 SD: %s", params.n_draws, ", ".join(far) or "nothing")


if "snakemake" in globals():
    run(main, globals()["snakemake"])
