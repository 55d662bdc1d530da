"""All inverse methods by name; a method's module is imported when it is used."""

from importlib import import_module
from typing import TYPE_CHECKING

from einthoven.base.core.errors import BadInput, extras_named

if TYPE_CHECKING:  # numba and scipy, which every start of Snakemake would wait for
    from einthoven.inverse.problem.inverse_problem import InverseProblem
    from einthoven.inverse.problem.method import Estimate, Method, MethodChoices

_PACKAGE = "einthoven.inverse"
METHODS = {
    "tikhonov-0": "methods.regularisation.tikhonov:Tikhonov0",
    "tikhonov-1": "methods.regularisation.tikhonov:Tikhonov1",
    "tikhonov-2": "methods.regularisation.tikhonov:Tikhonov2",
    "tsvd": "methods.regularisation.tikhonov:TruncatedSvd",
    "mfs": "methods.fundamental_solutions:FundamentalSolutions",
    "stre": "baselines.stre:Stre",
    "total-variation": "methods.regularisation.l1:TotalVariation",
    "l1-normal": "methods.regularisation.l1:L1Normal",
    "ep-dl": "baselines.networks.network_methods:EpDl",
    "ep-dl-spatial": "baselines.networks.network_methods:EpDlSpatial",
    "ep-dl-spatiotemporal": "baselines.networks.network_methods:EpDlSpatiotemporal",
    "eand-arn": "baselines.networks.network_methods:EandArn",
    "activation": "methods.activation.activation_method:ActivationMethod",
    "variational": "methods.variational.variational_method:Variational",
    "map": "baselines.bayes.map_method:Map",
    "waves": "methods.waves.wave_method:Waves",
    "average": "methods.average:Average",
}
"""Name -> module of this wing, and class. Nothing is imported, so that an edit of one method runs
only its own fits again (`run.fingerprints`), and classical methods start without torch."""


def module_of(name: str, field: str = "method") -> str:
    """Full name of a method's module; `field` is the setting that holds the name.

    Raises:
        BadInput: no method has that name.
    """
    if name not in METHODS:
        raise BadInput(f"{field}: unknown {name}; known are {', '.join(METHODS)}")
    return f"{_PACKAGE}.{METHODS[name].partition(':')[0]}"


def method_class(name: str, field: str = "method") -> "type[Method]":
    """Class of a method; `field` is the setting that holds its name.

    Raises:
        BadInput: no method has that name.
        MissingExtra: it needs a package that is not installed.
    """
    module = module_of(name, field)
    with extras_named(f"method {name}"):
        return getattr(import_module(module), METHODS[name].partition(":")[2])


def reconstruct(
    problem: "InverseProblem", method: str = "average", choices: "MethodChoices | None" = None
) -> "Estimate":
    """Estimate the potentials on the heart by a method's name.

    Args:
        problem: surface, transfer matrix and body potentials.
        method: key of `METHODS`; `average` needs no setting and states its uncertainty.
        choices: criterion, length of a training, seed; None: the method's own.

    Returns:
        Potentials [node, time] mV and diagnostics.

    Raises:
        BadInput: no method has that name, or the problem lacks what it needs.
        NotConverged: an iteration ended without reaching its tolerance.
    """
    kind = method_class(method)
    return (kind.of(problem) if choices is None else kind.of(problem, choices)).fit(problem)
