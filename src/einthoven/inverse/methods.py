"""All inverse methods by name; the module of one is imported when it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING

from einthoven.core.errors import BadInput

if TYPE_CHECKING:  # numba and scipy, which every start of Snakemake would wait for
    from einthoven.inverse.method import Method

_PACKAGE = __name__.rpartition(".")[0]
METHODS = {
    "tikhonov-0": "regularisation.tikhonov:Tikhonov0",
    "tikhonov-1": "regularisation.tikhonov:Tikhonov1",
    "tikhonov-2": "regularisation.tikhonov:Tikhonov2",
    "tsvd": "regularisation.tikhonov:TruncatedSvd",
    "mfs": "fundamental_solutions:FundamentalSolutions",
    "stre": "regularisation.stre:Stre",
    "total-variation": "regularisation.l1:TotalVariation",
    "l1-normal": "regularisation.l1:L1Normal",
    "ep-dl": "networks.method:EpDl",
    "ep-dl-spatial": "networks.method:EpDlSpatial",
    "ep-dl-spatiotemporal": "networks.method:EpDlSpatiotemporal",
    "eand-arn": "networks.method:EandArn",
    "activation": "activation.method:Activation",
    "variational": "variational.method:Variational",
    "map": "bayes.method:Map",
    "waves": "waves.method:Waves",
}
"""Name -> module of this room, and class. No import, so that an edit of one method runs its own
fits again and no others (`run.fingerprints`), and classical ones do not wait for torch."""


def module_of(name: str, field: str = "method") -> str:
    """Full name of the module of a method; `field` is where its name was given.

    Raises:
        BadInput: there is no such method.
    """
    if name not in METHODS:
        raise BadInput(f"{field}: unknown {name}; known are {', '.join(METHODS)}")
    return f"{_PACKAGE}.{METHODS[name].partition(':')[0]}"


def method_class(name: str, field: str = "method") -> "type[Method]":
    """The class of a method's name; `field` is where the name was given.

    Raises:
        BadInput: there is no such method.
    """
    return getattr(import_module(module_of(name, field)), METHODS[name].partition(":")[2])
