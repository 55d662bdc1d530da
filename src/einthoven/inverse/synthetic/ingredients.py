"""A method for a problem with known answer, by the choices of the config."""

from einthoven.base.config.inverse import InverseSettings
from einthoven.inverse.methods.regularisation.criteria import CRITERIA
from einthoven.inverse.problem.ingredients import Ingredients
from einthoven.inverse.problem.method import Method
from einthoven.inverse.problem.registry import method_class
from einthoven.inverse.synthetic.world import World
from einthoven.physics.electrophysiology.aliev_panfilov import MS_PER_UNIT


def method_for(name: str, world: World, config: InverseSettings, seed: int = 0) -> Method:
    """A method with all that it needs.

    Args:
        name: of the method.
        world: the problem, of which only what a method may know is looked at.
        config: the choices.
        seed: of networks and draws.

    Raises:
        BadInput: there is no such method, or the geometry does not suit it.
    """
    criterion = config.criterion and CRITERIA[config.criterion]()
    ingredients = Ingredients(
        heart=(world.heart_points, world.heart_faces),
        torso=(world.torso_points, world.torso_faces),
        electrode_points=world.electrode_points,
        transmembrane=world.transmembrane,
        ms_per_unit=MS_PER_UNIT if world.time_unit == "ms" else 1.0,
        criterion=criterion,
        network_steps=config.network_steps,
        seed=seed,
    )
    return method_class(name, "inverse.methods").of(ingredients)
