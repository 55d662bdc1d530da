"""Base class of networks of lead-field gradients: one class, one file, one config section."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from einthoven.base.config.learning import MlpSettings, RefractionSettings
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.split_samples import PatientSample
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.search import Space, Span

type NetworkConfig = MlpSettings | RefractionSettings


class PointBatch(NamedTuple):
    """Some points of some patients and the targets there."""

    inputs: Inputs
    grad: Tensor
    """[patient, electrode, point, 3] kOhm/mm."""


class LeadFieldNetwork(nn.Module, ABC):
    """Lead-field gradients from the `Inputs` of a patient.

    A subclass defines architecture, scales, loss and parameter groups; `networks.NETWORKS` lists
    it. Weights come from torch's global generator. Scales are buffers, so that they are saved with
    the weights.
    """

    name: ClassVar[str]
    """Name in the config, in files and in the names of methods."""
    drawn_as: ClassVar[str]
    """Key of the generators of weights and batches; it never changes, so that results do not."""
    config_class: ClassVar[type[NetworkConfig]]
    constants: ClassVar[dict[str, float]]
    """Constants of its inputs, with which its file must have been trained."""
    search_space: ClassVar[Space] = {
        "learning_rate": Span(5e-4, 1e-2, log=True),
        "frequency_scale": Span(0.1, 2.0, log=True),
        "points_per_batch": [128, 256, 512],
    }
    pairs_per_block: ClassVar[int] = 2**18
    """Pairs of point and electrode per call on a CPU."""
    scale: Tensor
    """Mean length of the gradient in the myocardium of the training patients, kOhm/mm."""
    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: Any, n_latent: int):
        super().__init__()
        self.register_buffer("scale", torch.tensor(1.0))
        self.register_buffer("latent_mean", torch.zeros(n_latent))
        self.register_buffer("latent_std", torch.ones(n_latent))

    @staticmethod
    @abstractmethod
    def schedule(config: Any) -> Schedule:
        """Schedule of a training with a section of `config_class`."""

    @abstractmethod
    def forward(self, inputs: Inputs) -> Tensor:
        """Lead-field gradients [batch, electrode, point, 3] in kOhm/mm, patient frame."""

    @abstractmethod
    def loss(self, predicted: Tensor, batch: PointBatch) -> dict[str, Tensor]:
        """Scalar terms for the curve; `loss` is minimised."""

    def fit_scales(self, samples: Iterable[PatientSample]) -> None:
        """Set the scales from the training patients; codes are standardised."""
        latent = torch.stack([sample.inputs.latent for sample in samples])
        sd = latent.std(dim=0, correction=0)
        lengths = [sample.grad[:, sample.heart].norm(dim=-1).mean() for sample in samples]
        self.scale.copy_(torch.stack(lengths).mean())
        self.latent_mean.copy_(latent.mean(dim=0))
        self.latent_std.copy_(torch.where(sd > 1e-6, sd, 1.0))

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the optimiser, as in `training.task.Task.parameter_groups`."""
        return [{"params": list(self.parameters())}]

    def standardised(self, latent: Tensor) -> Tensor:
        """Codes [..., latent] in standard deviations of the training patients."""
        return (latent - self.latent_mean) / self.latent_std
