"""Mean and SD of all reconstructions: metrics.json and a picture."""

from einthoven.core.atomic import atomic
from einthoven.core.files import write_json
from einthoven.inverse.trials import load_trials, summary
from einthoven.plots.inverse_errors import errors_figure
from einthoven.run.job import run


def main(input, output, params, log):
    worlds, operators = summary(load_trials(input.fits)), summary(load_trials(input.operators))
    metrics = {"patient": params.patient, "worlds": worlds, "operators": operators}
    write_json(output.metrics, metrics)
    with atomic(output.figure) as temporary:
        figure = errors_figure(worlds | {f"V_m, {name}": its for name, its in operators.items()})
        figure.savefig(temporary, format="png", metadata={"Software": None})
    log.info("%d problems, %d fits", len(worlds), len(input.fits))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
