"""Variants for `studies/learning.py`: the refraction model with one ingredient changed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from learning_data import LearningRun
from learning_operators import BentOnly, BranchKernel, CurlFree, KernelOnly, Wide
from torch import Tensor

from einthoven.base.config.learning import RefractionSettings
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.refraction import Refraction
from einthoven.learning.surrogate.split_samples import PatientSample
from einthoven.learning.surrogate.surrogate_network import PointBatch
from einthoven.learning.surrogate.train import SurrogateTask

CODE_NOISE = 0.3
"""Standard deviations of the code that augmentation adds."""


class OtherBranch(Refraction):
    """The code where the electrode enters, if the config has none there, and the other way."""

    def __init__(self, config: RefractionSettings, n_latent: int):
        other = {"code_at_electrodes": not config.code_at_electrodes}
        super().__init__(config.model_copy(update=other), n_latent)


class NoTensor(Refraction):
    """A stays the identity."""

    def trunk_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Modes alone."""
        tensor, modes = super().trunk_outputs(inputs)
        return torch.eye(3).expand_as(tensor), modes


class NoModes(Refraction):
    """No term of low rank that is free of the incident field."""

    def branch_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """No weights."""
        weights, curvature = super().branch_outputs(inputs)
        return torch.zeros_like(weights), curvature


class NoIncident(NoTensor):
    """Modes of low rank alone: trunk and branch, without physics."""

    def forward(self, inputs: Inputs) -> Tensor:
        """Without the gain there is no point source."""
        self.gain.zero_()
        return super().forward(inputs)


def blind(*names: str) -> type[Refraction]:
    """The model without some of its inputs."""

    class Blind(Refraction):
        def forward(self, inputs: Inputs) -> Tensor:
            zeros = {name: torch.zeros_like(getattr(inputs, name)) for name in names}
            return super().forward(inputs._replace(**zeros))

    return Blind


class Squares(Refraction):
    """Squared relative errors and the cosine loss in place of relative lengths."""

    def loss(self, predicted: Tensor, batch: PointBatch) -> dict[str, Tensor]:
        """Loss before this model: squares relative to the length, softened by 0.3 of the mean."""
        weight = 1 / (batch.grad.norm(dim=-1, keepdim=True) + 0.3 * self.scale)
        size = ((predicted - batch.grad) * weight).square().sum(-1).mean()
        cosine = torch.nn.functional.cosine_similarity(predicted, batch.grad, dim=-1, eps=1e-12)
        return {"loss": size + 1 - cosine.mean()}


class Adam(Refraction):
    """Adam for all weights."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """One group."""
        return [{"params": list(self.parameters())}]


class WallCoordinates(Refraction):
    """Also sees the three transmural and the apicobasal Laplace fields of the fibre rule."""

    def __init__(self, config: RefractionSettings, n_latent: int):
        super().__init__(config, n_latent)
        self.trunk[0] = torch.nn.Linear(self.trunk[0].in_features + 4, config.width)

    def local(self, inputs: Inputs) -> Tensor:
        """They are behind the four distances."""
        seen = super().local(inputs._replace(distance=inputs.distance[..., :4]))
        return torch.cat([seen, inputs.distance[..., 4:]], dim=-1)


class NoisyCode(SurrogateTask):
    """Augmentation through the code."""

    def _draw(self, samples: list[PatientSample], generator: torch.Generator) -> PointBatch:
        """Other codes near the patients' own."""
        batch = super()._draw(samples, generator)
        latent = batch.inputs.latent
        noise = torch.randn(latent.shape, generator=generator) * self.network.latent_std
        return batch._replace(inputs=batch.inputs._replace(latent=latent + CODE_NOISE * noise))


Data = Callable[[LearningRun, str, str, PatientSample], PatientSample]
"""Changes a sample; arguments: run, split, patient, sample."""


def raw_targets(run: LearningRun, split: str, patient: str, sample: PatientSample) -> PatientSample:
    """Learn from the linear elements' own gradients; validation stays recovered."""
    if split != "train":
        return sample
    grad = sample.grad.clone()
    grad[:, sample.heart] = torch.as_tensor(run.raw_gradients(patient))
    return sample._replace(grad=grad)


def wall_coordinates(
    run: LearningRun, split: str, patient: str, sample: PatientSample
) -> PatientSample:
    """Four Laplace fields in the heart, zero elsewhere, behind the distances."""
    fields = torch.zeros(len(sample.inputs.points), 4)
    fields[sample.heart] = torch.as_tensor(run.wall_fields(patient))
    distance = torch.cat([sample.inputs.distance, fields], dim=-1)
    return sample._replace(inputs=sample.inputs._replace(distance=distance))


class Variant(NamedTuple):
    """A network, how it learns, and from what."""

    network: type[Refraction] = Refraction
    task: type[SurrogateTask] = SurrogateTask
    data: Data | None = None


WHOLE, PUBLISHED = "whole", "published network"
VARIANTS = {
    WHOLE: Variant(),
    "without refraction tensor": Variant(NoTensor),
    "without free modes": Variant(NoModes),
    "without incident field": Variant(NoIncident),
    "without local geometry": Variant(blind("distance", "normal")),
    "without code": Variant(blind("latent")),
    "without fibres": Variant(blind("fiber")),
    "code at electrodes: the other": Variant(OtherBranch),
    "with Green kernel": Variant(KernelOnly),
    "with bent incident field": Variant(BentOnly),
    "with both": Variant(BranchKernel),
    "with wall coordinates": Variant(WallCoordinates, data=wall_coordinates),
    "curl-free": Variant(CurlFree),
    "squares in place of lengths": Variant(network=Squares),
    "Adam in place of Muon": Variant(network=Adam),
    "with noise on the code": Variant(task=NoisyCode),
    "raw gradients as targets": Variant(data=raw_targets),
    "reference: wider, 64 stations": Variant(Wide),
}
"""Beside these, `PUBLISHED` is the network of Dokuchaev 2026 with settings of its own."""
