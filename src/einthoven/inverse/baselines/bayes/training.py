"""Sets of beats from which a prior is learned."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from einthoven.base.core import check
from einthoven.inverse.problem.inverse_problem import SourceSurface


class TrainingSet(ABC):
    """Potentials of several beats on one heart."""

    @property
    @abstractmethod
    def description(self) -> str:
        """Which set it is, for tables and reports."""

    @abstractmethod
    def beats(self, surface: SourceSurface, time: np.ndarray) -> Iterator[np.ndarray]:
        """One beat after the other: [node, time] mV.

        Raises:
            BadInput: the set does not belong to this surface and these times.
        """


@dataclass(frozen=True)
class GivenBeats(TrainingSet):
    """Beats measured or simulated elsewhere, on the same nodes and at the same times."""

    potentials: np.ndarray
    """[beat, node, time] mV."""
    source: str
    """Where they come from."""

    @property
    def description(self) -> str:
        """Number and source."""
        return f"{len(self.potentials)} beats of {self.source}"

    def beats(self, surface: SourceSurface, time: np.ndarray) -> Iterator[np.ndarray]:
        """As given."""
        name = f"training beats ({self.source})"
        expected = (None, len(surface.points), len(time))
        yield from check.finite(name, check.shape(name, self.potentials, expected))
