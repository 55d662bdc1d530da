"""All imaging networks by name: a new one, and one that was trained."""

from pathlib import Path

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.base.config.load import read_section
from einthoven.base.core.errors import BadInput
from einthoven.imaging.networks.conditioned import Conditioned
from einthoven.imaging.networks.imaging_network import ImagingNetwork
from einthoven.imaging.networks.landajuela import NetworkOne, NetworkTwo
from einthoven.imaging.networks.mixture.mixture_network import PosteriorNetwork
from einthoven.numerics.training.tensors import load_model, load_weights

NETWORKS: dict[str, type[ImagingNetwork]] = {
    kind.name: kind for kind in (NetworkOne, NetworkTwo, Conditioned, PosteriorNetwork)
}
KIND = "imaging-"
"""Prefix of the name in a checkpoint."""


def network_class(name: str) -> type[ImagingNetwork]:
    """The class of a network's name.

    Raises:
        BadInput: there is none.
    """
    if name not in NETWORKS:
        raise BadInput(f"imaging network {name!r}: expected one of {', '.join(NETWORKS)}")
    return NETWORKS[name]


def load_network(path: str | Path, name: str) -> ImagingNetwork:
    """Read a network that `train_network` wrote, ready to predict.

    Raises:
        BadInput: missing, damaged, of another version, or another network.
    """
    kind = network_class(name)
    tensors, about = load_model(path, kind=KIND + name)
    config = read_section(ImagingTrainingSettings, about["config"], str(path))
    network = kind(config, tuple(about["measures"]))
    load_weights(network, tensors, path)
    return network.eval()
