"""One inverse method on some noises of one problem."""

from einthoven.config.inverse import Inverse
from einthoven.run.job import run
from einthoven.worlds.comparison import trials
from einthoven.worlds.ingredients import Ingredients
from einthoven.worlds.trials import save_trials
from einthoven.worlds.world import World


def main(input, output, params, log):
    world, config = World.load(input[0]), Inverse.model_validate(params.section)
    found = []
    for noise, repeat in params.cases:
        method = Ingredients(world, config, seed=config.seed + repeat).make(params.method)
        found += trials(world, method, [(noise, repeat)], config.seed)
        log.info("noise %g, repeat %d: %s", noise, repeat, found[-1].reason or found[-1].numbers)
    save_trials(output[0], found)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
