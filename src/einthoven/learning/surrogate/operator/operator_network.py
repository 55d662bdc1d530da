"""A linear operator on the incident field, given by local geometry, and its file.

g(x) = A(x) p(x) + sum_r T_r(x) <B_r, p>,   <B, p> = mean over the heart's volume of B . p

p is the gradient of the lead field of the patient's torso without heart. The heart maps it linearly
to the true gradient g. A is the local part of this map (all of it, for a homogeneous ellipsoid in a
uniform field); T_r and B_r are a low-rank kernel for the rest: the double-layer equation of the
heart's surfaces, solved by a network. g is thus linear in p for any weights.
"""

from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import torch
from torch import Tensor, nn

from einthoven.base.config.learning import OperatorSettings
from einthoven.base.config.load import read_section
from einthoven.learning.surrogate.operator.inputs import CONSTANTS, N_LOCAL, OperatorInputs
from einthoven.learning.surrogate.operator.training_distribution import TrainingDistribution
from einthoven.numerics.training.layers import FourierFeatures, perceptron
from einthoven.numerics.training.tensors import (
    check_constants,
    load_model,
    load_weights,
    save_model,
)

N_HIDDEN = 4
MUON_LR_FACTOR = 4.0
FINE_SHARE = 0.02
"""Share of the training's points on meshes finer than those assumed for predictions."""
LEAST_SD = 0.02
"""Least SD of features, which limits the scaling of features that hardly vary in the training."""
MODEL = "operator"
NETWORK, DISTRIBUTION = "network.", "familiarity."
"""Prefixes of the names of tensors."""


class Kernel(NamedTuple):
    """Output at points: A [..., point, 3, 3]; T and B [..., point, 3, mode]."""

    refraction: Tensor
    modes: Tensor
    weights: Tensor

    def at(self, points: slice) -> Self:
        """Output at some of the points (not of a batch)."""
        return type(self)(*(tensor[points] for tensor in self))


class IncidentOperator(nn.Module):
    """Lead-field gradients in a heart from the incident field."""

    mean: Tensor
    sd: Tensor
    finest: Tensor
    """Logarithm of the edge of the finest meshes of the training, relative to EDGE_MM."""

    def __init__(self, config: OperatorSettings):
        super().__init__()
        self.rank = config.rank
        self.fourier = FourierFeatures(3, config.n_frequencies, config.frequency_scale)
        n_inputs = N_LOCAL - 3 + self.fourier.n_outputs
        self.trunk = perceptron(n_inputs, config.width, 9 + 6 * config.rank, N_HIDDEN)
        with torch.no_grad():  # the initial operator is the identity: the torso without heart
            last = cast(nn.Linear, self.trunk[-1])
            last.weight[: 9 + 3 * config.rank] = 0.0
            last.bias[: 9 + 3 * config.rank] = 0.0
        self.register_buffer("mean", torch.zeros(N_LOCAL))
        self.register_buffer("sd", torch.ones(N_LOCAL))
        self.register_buffer("finest", torch.zeros(()))

    def fit_scales(self, local: Tensor) -> None:
        """Standardise features [point, N_LOCAL] of the training patients."""
        self.mean.copy_(local.mean(dim=0))
        self.sd.copy_(local.std(dim=0).clamp_min(LEAST_SD))
        self.finest.copy_(local[:, -1].quantile(FINE_SHARE))

    def kernel(self, local: Tensor) -> Kernel:
        """Part that depends only on the point: no electrode, no field."""
        return self._kernel(self.trunk(self.features(local)))

    def kernel_of(self, hidden: Tensor) -> Kernel:
        """The same from the last hidden layer [..., point, width], which networks may share."""
        return self._kernel(self.trunk[-1](hidden))

    def _kernel(self, output: Tensor) -> Kernel:
        parts = output.split([9, 3 * self.rank, 3 * self.rank], dim=-1)
        refraction, modes, weights = (part.unflatten(-1, (3, -1)) for part in parts)
        return Kernel(refraction + torch.eye(3, device=output.device), modes, weights)

    def has_hidden_of(self, other: "IncidentOperator") -> bool:
        """Whether all but the last layer, scales included, are those of another network."""
        return all(map(torch.equal, self._below_last(), other._below_last()))

    def _below_last(self) -> list[Tensor]:
        last = len(self.trunk) - 1
        return [t for name, t in self.state_dict().items() if not name.startswith(f"trunk.{last}.")]

    def hidden(self, local: Tensor) -> Tensor:
        """Last hidden layer [point, width]; layers overwrite each other, so it has no gradients."""
        layer = self.features(local)
        for linear in self.trunk[:-1:2]:
            layer = nn.functional.silu(linear(layer), inplace=True)
        return layer

    @property
    def by_component(self) -> tuple[Tensor, Tensor]:
        """Weight [9 + 6 rank, width] and bias of the last layer: A, T [3, mode], B as [mode, 3]."""
        n, last = 9 + 3 * self.rank, cast(nn.Linear, self.trunk[-1])

        def reordered(rows: Tensor) -> Tensor:
            of_weights = rows[n:].unflatten(0, (3, -1)).transpose(0, 1).flatten(0, 1)
            return torch.cat([rows[:n], of_weights])

        return reordered(last.weight), reordered(last.bias)

    def features(self, local: Tensor) -> Tensor:
        """Inputs of the perceptron [..., point, feature]."""
        standardised = ((local - self.mean) / self.sd)[..., 3:]
        return torch.cat([self.fourier(local[..., :3]), standardised], dim=-1)

    def excitations(self, weights: Tensor, over: OperatorInputs) -> Tensor:
        """<B_r, p> [..., electrode, mode] of B at points that stand for the heart, and p there."""
        weights = weights * over.share[..., None, None]
        return torch.einsum("...qir,...eqi->...er", weights, over.incident) / self.rank**0.5

    @staticmethod
    def gradient(kernel: Kernel, incident: Tensor, excitations: Tensor) -> Tensor:
        """Gradients [..., electrode, point, 3] 1/mm^2."""
        local = torch.einsum("...nij,...enj->...eni", kernel.refraction, incident)
        return local + torch.einsum("...nir,...er->...eni", kernel.modes, excitations)

    def forward(self, inputs: OperatorInputs) -> Tensor:
        """Gradients at points that also represent the heart: [..., electrode, point, 3]."""
        kernel = self.kernel(inputs.local)
        excitations = self.excitations(kernel.weights, inputs)
        return self.gradient(kernel, inputs.incident, excitations)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Muon for all matrices but the last one."""
        last = cast(nn.Linear, self.trunk[-1]).weight
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for parameter in self.parameters():
            groups[parameter.ndim == 2 and parameter is not last].append(parameter)
        return [{"params": groups[True], "muon": True, "lr_factor": MUON_LR_FACTOR},
                {"params": groups[False]}]  # fmt: skip


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
               data_sha256=data_sha256, package="einthoven.learning.surrogate",
               constants=CONSTANTS)  # fmt: skip


def load_operator(path: str | Path) -> tuple[IncidentOperator, TrainingDistribution]:
    """Read what `save_operator` wrote, ready to predict.

    Raises:
        BadInput: missing, damaged, from another version, trained with other constants, or another
            kind of model.
    """
    tensors, about = load_model(path, kind=MODEL)
    check_constants(about, CONSTANTS, path)
    network = IncidentOperator(read_section(OperatorSettings, about["config"], str(path)))
    of_network, of_distribution = (
        {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
        for prefix in (NETWORK, DISTRIBUTION)
    )
    load_weights(network, of_network, path)
    return network.eval(), TrainingDistribution.from_state_dict(of_distribution, path)
