"""One inverse method on some noises of one problem."""

from einthoven.app.run.job import run
from einthoven.base.config.inverse import InverseSettings
from einthoven.inverse.synthetic.comparison import method_for, trials
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.trials import save_trials


def main(input, output, params, log):
    problem, config = KnownProblem.load(input[0]), InverseSettings.model_validate(params.section)
    done = []
    for noise, repeat in params.cases:
        method = method_for(params.method, problem, config, config.seed + repeat)
        done += trials(problem, method, [(noise, repeat)], config.seed)
        log.info("noise %g, repeat %d: %s", noise, repeat, done[-1].reason or done[-1].numbers)
    save_trials(output[0], done)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
