"""The baselines of the benchmark by name: formulas, the published network, operators."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import torch
from benchmark_data import BenchmarkHeart, Published
from benchmark_networks import GeometryNetwork, GraphOperator, Transformer
from benchmark_training import Budget, GeometryTask, Trained, inputs_of, predict, train_for
from torch import nn

from einthoven.base.config.learning import MlpSettings, OperatorSettings
from einthoven.learning.surrogate.ensemble import predict_gradient
from einthoven.learning.surrogate.inputs import patient_inputs
from einthoven.learning.surrogate.mlp import Mlp
from einthoven.learning.surrogate.operator.operator_network import IncidentOperator
from einthoven.learning.surrogate.operator.train import OperatorSample, OperatorTask
from einthoven.learning.surrogate.split_samples import SplitSamples
from einthoven.learning.surrogate.train import SurrogateTask
from einthoven.numerics.training.task import seeded


class Model(ABC):
    """One row of the table."""

    name: str
    title: str
    inputs: str
    network: nn.Module | None = None
    """Trained; None for a formula."""

    def fit(self, published: Published, budget: Budget, folder: Path) -> Trained:
        """Train on the folder's patients of split train, chosen on val; a formula needs nothing."""
        return Trained(0, 0.0, float("nan"))

    @abstractmethod
    def gradient(self, heart: BenchmarkHeart) -> np.ndarray:
        """[electrode, point, 3] kOhm/mm, patient frame."""

    @property
    def n_parameters(self) -> int:
        """Trained numbers."""
        if self.network is None:
            return 0
        return sum(p.numel() for p in self.network.parameters())


class Formula(Model):
    """A point source in infinite space, eq. (11) of Dokuchaev 2026."""

    name, title = "pseudo", "pseudo lead field, eq. (11)"
    inputs = "places of points and electrodes, torso's conductivity"
    gain = 0.5
    """On twice that field, which the geometry networks start from."""

    def gradient(self, heart: BenchmarkHeart) -> np.ndarray:
        """The formula."""
        return self.gain * heart.in_patient_frame(heart.general.guess)


class ScaledFormula(Formula):
    """The same times one number, from the training patients."""

    name, title = "pseudo-scaled", "pseudo lead field, one factor fitted"

    def fit(self, published: Published, budget: Budget, folder: Path) -> Trained:
        """Ratio of mean lengths."""
        ratios = [(grad.norm(dim=-1).mean(), heart.general.guess.norm(dim=-1).mean())
                  for heart, grad in published.truth("train")]  # fmt: skip
        true, formula = torch.tensor(ratios).sum(dim=0)
        self.gain = float(true / formula)
        return super().fit(published, budget, folder)

    @property
    def n_parameters(self) -> int:
        """The factor."""
        return 1


class WithoutHeart(Model):
    """The solved torso, as if it had no heart: the incident field."""

    name, title = "homogeneous", "torso without heart, boundary elements"
    inputs = "the torso's surface, electrodes, torso's conductivity"

    def gradient(self, heart: BenchmarkHeart) -> np.ndarray:
        """The incident field."""
        return heart.in_patient_frame(heart.exact.incident)


class Published001(Model):
    """The network of Dokuchaev 2026 with its code of 23 numbers."""

    name, title = "mlp", "published network, PCA code"
    inputs = "the 23 coefficients that the patient was drawn from, places of points and electrodes"

    def fit(self, published: Published, budget: Budget, folder: Path) -> Trained:
        """Training with its own loss."""
        config, store = MlpSettings(seed=budget.seed), published.benchmark.store
        self.encoder = published.encoder(folder / "pca")
        train, val = (SplitSamples(store, self.encoder, s, folder / s) for s in ("train", "val"))
        with seeded(budget.seed, self.name, "weights"):
            self.network = Mlp(config, self.encoder.n_latent)
        self.network.fit_scales(train)
        task = SurrogateTask(self.network, train, val, config)
        return train_for(task, config.learning_rate, budget)

    def gradient(self, heart: BenchmarkHeart) -> np.ndarray:
        """At any points."""
        points, geometry = heart.points, self.encoder.geometry(heart.name)
        return predict_gradient(self.network, patient_inputs(
            geometry, heart.pose, points.points, points.fiber, heart.electrodes))  # fmt: skip


class OurModel(Model):
    """The operator on the incident field (surrogate.operator)."""

    name, title = "operator", "operator on the incident field (ours)"
    inputs = "surfaces of heart and torso, fibres, conductivities, the solved torso without heart"

    def fit(self, published: Published, budget: Budget, folder: Path) -> Trained:
        """Training as in `surrogate.operator.train`, for the time of the budget."""
        config = OperatorSettings(seed=budget.seed)
        train, val = ([OperatorSample(heart.exact, grad) for heart, grad in published.truth(split)]
                      for split in ("train", "val"))  # fmt: skip
        with seeded(budget.seed, self.name, "weights"):
            self.network = IncidentOperator(config)
        self.network.fit_scales(torch.cat([sample.inputs.local for sample in train]))
        task = OperatorTask(self.network, train, val, config)
        return train_for(task, config.learning_rate, budget)

    @torch.inference_mode()
    def gradient(self, heart: BenchmarkHeart) -> np.ndarray:
        """All points given stand for the heart."""
        return heart.in_patient_frame(self.network(heart.exact))


class PeerGeometry(Model):
    """A general network on geometry, from the formula of a point source."""

    kind: type[GeometryNetwork]
    exact = False
    inputs = "surfaces of heart and torso, fibres, conductivities, a point source's formula"

    def fit(self, published: Published, budget: Budget, folder: Path) -> Trained:
        """Training with the operator's loss and optimiser."""
        splits = [published.truth(split) for split in ("train", "val")]
        with seeded(budget.seed, self.kind.__name__, "weights"):
            self.network = self.kind()
        self.network.fit_scales(torch.cat([heart.general.local for heart, _ in splits[0]]))
        task = GeometryTask(self.network, self.exact, splits)
        return train_for(task, task.learning_rate, budget)

    def gradient(self, heart: BenchmarkHeart) -> np.ndarray:
        """At any points."""
        found = predict(self.network, inputs_of(heart, self.exact), GeometryTask)
        return heart.in_patient_frame(found)


class Slices(PeerGeometry):
    """Transolver's attention."""

    name, title, kind = "transformer", "geometry transformer (after Transolver)", Transformer


class PeerGraph(PeerGeometry):
    """GINO's and GAOT's kernel integrals."""

    name, title, kind = "graph", "graph operator (after GINO, GAOT)", GraphOperator


class SlicesOnIncident(Slices):
    """The same on the solved torso."""

    name, title, exact = "transformer-incident", "geometry transformer on the incident field", True
    inputs = OurModel.inputs


class GraphOnIncident(PeerGraph):
    """The same on the solved torso."""

    name, title, exact = "graph-incident", "graph operator on the incident field", True
    inputs = OurModel.inputs


MODELS: dict[str, type[Model]] = {
    kind.name: kind
    for kind in (Formula, ScaledFormula, WithoutHeart, OurModel, Published001, Slices, PeerGraph,
                 SlicesOnIncident, GraphOnIncident)
}  # fmt: skip
