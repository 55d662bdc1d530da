"""What every scenario answers: where the wave starts, and what conducts it besides the muscle."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from einthoven.config.activation import Activation as ActivationConfig
from einthoven.config.scenarios import Scenario as ScenarioSettings
from einthoven.electrophysiology.capture import Sources
from einthoven.electrophysiology.purkinje.blocks import blocked
from einthoven.electrophysiology.purkinje.network import Network
from einthoven.patient.patient import Patient


@dataclass(frozen=True)
class Scenario[S: ScenarioSettings](ABC):
    """A beat under a name that stands in files and tables."""

    name: str
    settings: S

    @abstractmethod
    def sources(self, patient: Patient, config: ActivationConfig) -> Sources:
        """Where and when the wave starts; the earliest need not be at zero.

        Raises:
            BadInput: a stage is missing, or a place is not on this heart.
        """

    def whole_network(self, patient: Patient) -> Network:
        """His bundle, bundles and trees at the scenario's speed, as if nothing were blocked."""
        return Network.of(patient).faster(self.settings.tree_speed_factor)

    def network(self, patient: Patient) -> Network:
        """The parts of it that conduct."""
        return blocked(self.whole_network(patient), patient, self.settings.blocks)
