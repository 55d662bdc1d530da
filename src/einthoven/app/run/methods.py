"""Methods: what is trained, predicts and is compared; one folder, one row, one colour each."""

from dataclasses import dataclass
from typing import Self

from einthoven.base.config.learning import WITHOUT_ENCODER, LearningSettings

ENSEMBLED = frozenset({"refraction", "operator"})
"""Models of which an ensemble is trained; of the others there is one network."""
WITHOUT_CODE = frozenset({"pca"})
"""Encoders whose codes are the atlases': imported patients have none, and decoded surfaces none."""


@dataclass(frozen=True)
class SurrogateMethod:
    """A model, and the encoder whose codes it is given.

    Attributes:
        model: a name of `learning.models`.
        encoder: one of `learning.encoders`; empty for a model that needs none.
    """

    model: str
    encoder: str = ""

    def __str__(self) -> str:
        """Its name in files and in metrics.json."""
        return f"{self.encoder}-{self.model}" if self.encoder else self.model

    @property
    def folder(self) -> str:
        """Of its networks."""
        return f"results/surrogates/{self}"

    @property
    def takes_imported(self) -> bool:
        """Whether it predicts imported patients: not with a code that is the atlases'."""
        return self.encoder not in WITHOUT_CODE

    @classmethod
    def of(cls, learning: LearningSettings) -> list[Self]:
        """All methods of a config: models with every encoder, then those that need none."""
        coded = [model for model in learning.models if model not in WITHOUT_ENCODER]
        alone = [model for model in learning.models if model in WITHOUT_ENCODER]
        pairs = [cls(model, encoder) for encoder in learning.encoders for model in coded]
        return pairs + [cls(model) for model in alone]
