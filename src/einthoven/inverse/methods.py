"""All inverse methods by name."""

from einthoven.core.errors import BadInput
from einthoven.inverse.activation.method import Activation
from einthoven.inverse.bayes.method import Map
from einthoven.inverse.fundamental_solutions import FundamentalSolutions
from einthoven.inverse.method import Method
from einthoven.inverse.networks.method import EandArn, EpDl, EpDlSpatial, EpDlSpatiotemporal
from einthoven.inverse.regularisation.l1 import L1Normal, TotalVariation
from einthoven.inverse.regularisation.stre import Stre
from einthoven.inverse.regularisation.tikhonov import (
    Tikhonov0,
    Tikhonov1,
    Tikhonov2,
    TruncatedSvd,
)
from einthoven.inverse.variational.method import Variational
from einthoven.inverse.waves.method import Waves

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        Tikhonov0,
        Tikhonov1,
        Tikhonov2,
        TruncatedSvd,
        FundamentalSolutions,
        Stre,
        TotalVariation,
        L1Normal,
        EpDl,
        EpDlSpatial,
        EpDlSpatiotemporal,
        EandArn,
        Activation,
        Variational,
        Map,
        Waves,
    )
}
"""Name -> class."""


def method_class(name: str, field: str = "method") -> type[Method]:
    """The class of a method's name; `field` is where the name was given.

    Raises:
        BadInput: there is no such method.
    """
    if name not in METHODS:
        raise BadInput(f"{field}: unknown {name}; known are {', '.join(METHODS)}")
    return METHODS[name]
