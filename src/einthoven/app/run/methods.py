"""Methods that are trained, predict and are compared; each has one folder, row and colour."""

from dataclasses import dataclass
from typing import Self

from einthoven.base.config.learning import WITHOUT_ENCODER, LearningSettings

ENSEMBLED = frozenset({"refraction", "operator"})
"""Models that may be trained as an ensemble; the others are single networks."""
WITHOUT_CODE = frozenset({"pca"})
"""Encoders with the atlases' codes: imported patients have none, and surfaces are not decoded."""


@dataclass(frozen=True)
class SurrogateMethod:
    """A model, and the encoder of its codes."""

    model: str
    """A name of `learning.models`."""
    encoder: str = ""
    """One of `learning.encoders`; empty for a model that needs none."""

    def __str__(self) -> str:
        """Name in files and in metrics.json."""
        return f"{self.encoder}-{self.model}" if self.encoder else self.model

    @property
    def folder(self) -> str:
        """Folder of its networks."""
        return f"results/surrogates/{self}"

    @property
    def takes_imported(self) -> bool:
        """Whether it predicts imported patients, who have no atlas codes."""
        return self.encoder not in WITHOUT_CODE

    @classmethod
    def of(cls, learning: LearningSettings) -> list[Self]:
        """All methods of a config: models with every encoder, then those that need none."""
        coded = [model for model in learning.models if model not in WITHOUT_ENCODER]
        alone = [model for model in learning.models if model in WITHOUT_ENCODER]
        pairs = [cls(model, encoder) for encoder in learning.encoders for model in coded]
        return pairs + [cls(model) for model in alone]
