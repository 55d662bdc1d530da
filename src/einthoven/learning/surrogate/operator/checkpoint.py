"""File of an operator: weights, and the distribution of its training data."""

from pathlib import Path

from einthoven.base.config.learning import OperatorSettings
from einthoven.base.config.load import read_section
from einthoven.learning.surrogate.operator.operator_network import IncidentOperator
from einthoven.learning.surrogate.operator.training_distribution import TrainingDistribution
from einthoven.numerics.training.tensors import load_model, load_weights, save_model

MODEL = "operator"
NETWORK, DISTRIBUTION = "network.", "familiarity."
"""Prefixes of the names of tensors in the files."""


def save_operator(
    path: str | Path,
    network: IncidentOperator,
    training_distribution: TrainingDistribution,
    config: OperatorSettings,
    data_sha256: str,
) -> None:
    """Write `model.safetensors`; the same content gives the same bytes."""
    tensors = {NETWORK + name: tensor for name, tensor in network.state_dict().items()}
    tensors |= {DISTRIBUTION + name: t for name, t in training_distribution.state_dict().items()}
    save_model(path, tensors, kind=MODEL, config=config.model_dump(mode="json"),
               data_sha256=data_sha256, package="einthoven.learning.surrogate")  # fmt: skip


def load_operator(path: str | Path) -> tuple[IncidentOperator, TrainingDistribution]:
    """Read what `save_operator` wrote, ready to predict.

    Raises:
        BadInput: missing, damaged, from another version, or another kind of model.
    """
    tensors, about = load_model(path, kind=MODEL)
    network = IncidentOperator(read_section(OperatorSettings, about["config"], str(path)))
    of_network, of_distribution = (
        {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
        for prefix in (NETWORK, DISTRIBUTION)
    )
    load_weights(network, of_network, path)
    return network.eval(), TrainingDistribution.from_state_dict(of_distribution, path)
