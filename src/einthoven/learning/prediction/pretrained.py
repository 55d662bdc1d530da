"""A trained model in one folder with a card: an operator, or a pair of encoder and surrogate.

`data/` beside this file holds the shipped model; `tools/ship_model.py` packs a model from trained
files. All tensors are safetensors files, so loading executes no code.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from einthoven.base.config import Config, validate
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.encoders.imported_code import ImportedCode
from einthoven.learning.prediction.operator_predictor import OperatorPredictor
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.prediction.predictor import Predictor
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.task import torch_threads

SHIPPED = Path(__file__).parent / "data"
CARD_FILE = "card.json"
ENCODER, SURROGATE = "encoder", "surrogate"
"""Folders of a packed model; an operator has no encoder."""


@dataclass(frozen=True)
class Pretrained(ABC):
    """A packed model that predicts lead fields; `Pretrained.load()` is the shipped one.

    Attributes:
        folder: where it lies.
        card: `model`, `config` of the data set, its training data and its accuracy.
    """

    folder: Path
    card: dict[str, Any]
    stages: ClassVar[tuple[str, ...]] = ("mesh", "fibers")
    """Stages of a patient that it needs beside the anatomy."""

    @staticmethod
    def load(folder: str | Path = SHIPPED) -> "Pretrained":
        """The shipped model, or one that was packed elsewhere.

        Raises:
            BadInput: no model there, or files that are damaged or from another version.
        """
        folder = Path(folder)
        if not (folder / CARD_FILE).exists():
            raise BadInput(f"{folder}: no packed model; python tools/ship_model.py --help")
        card = read_json(folder / CARD_FILE)
        if card.get("model") not in KINDS:
            raise BadInput(
                f"{folder / CARD_FILE}: model {card.get('model')!r} is none of {', '.join(KINDS)}"
            )
        return KINDS[card["model"]].of_folder(folder, card)

    @classmethod
    @abstractmethod
    def of_folder(cls, folder: Path, card: dict[str, Any]) -> Self:
        """Read the model's files."""

    @cached_property
    def config(self) -> Config:
        """Settings of its training data set: conductivities, meshes, time axis."""
        return validate(self.card["config"])

    @abstractmethod
    def predict(
        self,
        patient: Patient,
        electrodes: Electrodes,
        sigma: LeadFieldSettings,
        machine: Machine = ONE_CORE,
        code_file: str | Path | None = None,
    ) -> Prediction:
        """Gradients in the heart, with the out-of-distribution check.

        Args:
            patient: with anatomy and `stages`.
            electrodes: on the skin.
            sigma: the patient's conductivities.
            machine: threads.
            code_file: the anatomy's code from `einthoven encode`; None: found here.

        Raises:
            BadInput: arguments that do not fit the patient or the model.
            NotConverged: no code fits the surfaces.
        """

    @abstractmethod
    def export(self, path: str | Path) -> None:
        """Write it as one TorchScript file."""

    def about(self) -> dict[str, Any]:
        """Metadata of an exported file."""
        return {"model": self.card["model"], "config": self.card["config"]}


@dataclass(frozen=True)
class PackedOperator(Pretrained):
    """An operator on the incident field: any body, any conductivities, no code."""

    operator: OperatorEnsemble

    @classmethod
    def of_folder(cls, folder: Path, card: dict[str, Any]) -> Self:
        """Read the networks, the training patients' features and the calibration."""
        return cls(folder, card, OperatorEnsemble.of_folder(folder / SURROGATE))

    def predict(
        self,
        patient: Patient,
        electrodes: Electrodes,
        sigma: LeadFieldSettings,
        machine: Machine = ONE_CORE,
        code_file: str | Path | None = None,
    ) -> Prediction:
        """Prediction without a code; see `Pretrained.predict`."""
        if code_file is not None:
            raise BadInput(f"{code_file}: the model in {self.folder} takes no code of the anatomy")
        return OperatorPredictor(self.operator).predict(patient, electrodes, sigma, machine)

    def export(self, path: str | Path) -> None:
        """Write kernel and contraction; see `torchscript.OperatorModule`."""
        from einthoven.learning.prediction.torchscript import export_operator

        export_operator(path, self.operator.networks, self.about())


@dataclass(frozen=True)
class PackedPair(Pretrained):
    """A DeepSDF encoder and a surrogate of its code, for the conductivities of the training."""

    encoder: DeepSdfEncoder
    """Encoder with the codes of its training patients."""
    surrogate: SurrogateEnsemble
    """One network or an ensemble."""
    stages: ClassVar[tuple[str, ...]] = ("mesh", "fibers", "sdf")

    @classmethod
    def of_folder(cls, folder: Path, card: dict[str, Any]) -> Self:
        """Read encoder and networks."""
        surrogate = SurrogateEnsemble.of_folder(folder / SURROGATE, card["model"])
        return cls(folder, card, DeepSdfEncoder.load(folder / ENCODER), surrogate)

    def predict(
        self,
        patient: Patient,
        electrodes: Electrodes,
        sigma: LeadFieldSettings,
        machine: Machine = ONE_CORE,
        code_file: str | Path | None = None,
    ) -> Prediction:
        """Prediction with a code; see `Pretrained.predict`."""
        known = self.config.leadfield.conductivities
        if sigma.conductivities != known:
            raise BadInput(f"the model in {self.folder} supports only the conductivities {known}")
        with torch_threads(machine.n_threads):
            if code_file is None:
                sdf = patient.sdf
                code = ImportedCode.of_samples(self.encoder, sdf.sdf_points, sdf.sdf)
            else:
                code = ImportedCode.load(code_file)
        predictor = Predictor(self.encoder, self.surrogate)
        geometry = self.encoder.geometry_of(code.latent)
        found = predictor.predict(patient, geometry, electrodes, machine)
        return predictor.checked(found, code.check)

    def export(self, path: str | Path) -> None:
        """Write networks and decoder; see `torchscript.LeadFieldModel`."""
        from einthoven.learning.prediction.torchscript import export_torchscript

        export_torchscript(path, self.encoder, self.surrogate.networks, self.about())


KINDS: dict[str, type[Pretrained]] = {
    "operator": PackedOperator,
    "refraction": PackedPair,
    "mlp": PackedPair,
}
"""`model` of the card -> kind."""
