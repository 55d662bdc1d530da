"""Mean and SD of all reconstructions: metrics.json and the page."""

from einthoven.app.report.inverse import write_inverse_page
from einthoven.app.run.job import run
from einthoven.base.core.files import write_json
from einthoven.inverse.synthetic.trials import load_trials, summary


def main(input, output, params, log):
    problems, operators = summary(load_trials(input.fits)), summary(load_trials(input.operators))
    metrics = {"patient": params.patient, "problems": problems, "operators": operators}
    write_json(output.metrics, metrics)
    write_inverse_page(output.page, params.patient, problems, operators)
    log.info("%d problems, %d files of fits", len(problems), len(input.fits))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
