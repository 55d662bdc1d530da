"""Search of a network's settings on validation patients."""

import tempfile
from pathlib import Path

from einthoven.core.log import logger
from einthoven.encoders.base import Encoder
from einthoven.surrogate.network import NetworkConfig
from einthoven.surrogate.networks import network_class
from einthoven.surrogate.train import train_surrogate
from einthoven.training.machine import Machine
from einthoven.training.search import Found, search


def search_surrogate(
    model: str,
    config: NetworkConfig,
    encoder: Encoder,
    store_path: str | Path,
    n_trials: int,
    machine: Machine,
) -> Found[NetworkConfig]:
    """Settings with the smallest angular error on validation patients.

    Args:
        model: a name of `networks.NETWORKS`, whose `search_space` is searched.
        config: its section, for what is not searched.
        encoder: trained.
        store_path: the consolidated store.
        n_trials: number of trainings.
        machine: threads, device, tracking.
    """

    def objective(tried: NetworkConfig) -> float:
        with tempfile.TemporaryDirectory() as out:
            curve = train_surrogate(model, tried, encoder, store_path, out, machine)
        logger.info("%s -> %s", tried, curve[-1])
        return curve[-1]["val_angular_error_deg"]

    return search(objective, config, network_class(model).search_space, n_trials, config.seed)
