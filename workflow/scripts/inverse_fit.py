"""One inverse method on some noises of one problem."""

from einthoven.config.inverse import Inverse
from einthoven.run.job import run
from einthoven.worlds.comparison import trials
from einthoven.worlds.ingredients import method_for
from einthoven.worlds.trials import save_trials
from einthoven.worlds.world import World


def main(input, output, params, log):
    world, config = World.load(input[0]), Inverse.model_validate(params.section)
    found = []
    for noise, repeat in params.cases:
        method = method_for(params.method, world, config, config.seed + repeat)
        found += trials(world, method, [(noise, repeat)], config.seed)
        log.info("noise %g, repeat %d: %s", noise, repeat, found[-1].reason or found[-1].numbers)
    save_trials(output[0], found)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
