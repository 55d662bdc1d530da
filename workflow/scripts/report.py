"""The report page of a run, and the 3-D view of its example."""

from einthoven.app.evaluation.realism.reading import judge_patients
from einthoven.app.report.report import write_report, write_run_view
from einthoven.app.report.run import FinishedRun
from einthoven.app.run.job import run
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import AuditSettings


def main(input, output, params, log):
    durations = RepolarisationSettings.model_validate(params.repolarisation)
    finished = FinishedRun.read(input, durations)
    realism = judge_patients(input.compared, AuditSettings.model_validate(params.audit))
    write_report(output.page, finished, realism)
    size = write_run_view(output.view, finished)
    log.info("pictures of %s; %s", finished.method, size.line)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
