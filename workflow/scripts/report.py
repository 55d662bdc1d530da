"""The report page of a run."""

from einthoven.config.repolarisation import Repolarisation
from einthoven.report.report import write_report
from einthoven.report.run import FinishedRun
from einthoven.run.job import run


def main(input, output, params, log):
    durations = Repolarisation.model_validate(params.repolarisation)
    finished = FinishedRun.read(input, durations)
    write_report(output[0], finished)
    log.info("pictures of %s", finished.method)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
