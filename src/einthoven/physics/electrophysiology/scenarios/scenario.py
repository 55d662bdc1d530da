"""Base class of scenarios: where the wave starts, and what conducts it besides the muscle."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from einthoven.base.config.electrophysiology import ActivationSettings as ActivationConfig
from einthoven.base.config.scenarios import ScenarioSettings as ScenarioSettings
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.capture import WaveSources
from einthoven.physics.electrophysiology.endocardium import with_endocardium
from einthoven.physics.electrophysiology.purkinje.blocks import blocked
from einthoven.physics.electrophysiology.purkinje.purkinje_network import JunctionDelays, Network


@dataclass(frozen=True)
class Scenario[S: ScenarioSettings](ABC):
    """A beat with a name used in files and tables."""

    name: str
    settings: S
    from_his: ClassVar[bool] = False
    """Whether the wave comes down the bundles."""

    @property
    def is_usual(self) -> bool:
        """Whether the wave comes down the bundles without a block, at the usual speeds."""
        settings = self.settings
        factors = settings.muscle_speed_factor, settings.tree_speed_factor
        return self.from_his and not settings.blocks and factors == (1.0, 1.0)

    @abstractmethod
    def sources(self, patient: Patient, config: ActivationConfig) -> WaveSources:
        """Nodes and times at which the wave starts; the earliest need not be at zero.

        Raises:
            BadInput: a stage is missing, or a place is not on this heart.
        """

    def network(self, patient: Patient, config: ActivationConfig) -> Network:
        """Conduction besides the wall: trees without blocked parts, fast endocardia.

        Without capture no wave enters a tree from the muscle, so a beat that does not come from the
        His bundle needs no trees.
        """
        settings, network = self.settings, Network.without_trees()
        if config.capture or self.from_his:
            retrograde = config.pmj_retrograde_ms if config.capture else np.inf
            delays = JunctionDelays(config.pmj_antegrade_ms, retrograde)
            network = Network.of(patient, delays, settings.tree_speed_factor)
            distal = settings.distal
            network = blocked(network, patient.purkinje, settings.blocks, distal=distal)
        return with_endocardium(network, patient, config, settings.muscle_speed_factor)
