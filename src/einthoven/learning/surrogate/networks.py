"""All networks by name: new and trained ones."""

from pathlib import Path

from einthoven.base.config.load import read_section
from einthoven.base.core.errors import BadInput
from einthoven.learning.surrogate.mlp import Mlp
from einthoven.learning.surrogate.refraction import Refraction
from einthoven.learning.surrogate.surrogate_network import LeadFieldNetwork
from einthoven.numerics.training.tensors import check_constants, load_model, load_weights

NETWORKS: dict[str, type[LeadFieldNetwork]] = {kind.name: kind for kind in (Mlp, Refraction)}


def network_class(model: str) -> type[LeadFieldNetwork]:
    """The class of a model's name.

    Raises:
        BadInput: there is no such model.
    """
    if model not in NETWORKS:
        raise BadInput(f"model = {model!r}: expected one of {', '.join(NETWORKS)}")
    return NETWORKS[model]


def load_network(path: str | Path, model: str) -> LeadFieldNetwork:
    """Read a network that `train_surrogate` wrote, ready to predict.

    Raises:
        BadInput: missing, damaged, from another version, trained with other constants, or another
            kind of model.
    """
    kind = network_class(model)
    tensors, about = load_model(path, kind=model)
    check_constants(about, kind.constants, path)
    config = read_section(kind.config_class, about["config"], str(path))
    network = kind(config, about["n_latent"])
    load_weights(network, tensors, path)
    return network.eval()
