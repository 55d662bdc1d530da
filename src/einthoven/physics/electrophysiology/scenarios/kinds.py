"""The kinds of scenarios and their registry.

To add a kind, add a section with its settings in `config.scenarios`, as a member of `AnyScenario`,
and a class with `sources` here, named in `KINDS`. A scenario of a known kind is a few config lines.
"""

from collections.abc import Mapping

import numpy as np

from einthoven.base.config.electrophysiology import ActivationSettings as ActivationConfig
from einthoven.base.config.scenarios import BUILT_IN, CrtSettings, PacedSettings, RhythmSettings
from einthoven.base.config.scenarios import ScenarioSettings as ScenarioSettings
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.capture import WaveSources
from einthoven.physics.electrophysiology.scenarios.scenario import Scenario
from einthoven.physics.electrophysiology.scenarios.sites import site_node


class FromHis(Scenario[RhythmSettings]):
    """The wave starts at the His bundle and reaches the muscle at junctions without a block before.

    Sinus rhythm is the first case of Dokuchaev 2026, section 2.7; LBBB is its figure 8B.
    """

    from_his = True

    def sources(self, patient: Patient, config: ActivationConfig) -> WaveSources:
        """The His bundle, at zero."""
        return WaveSources(np.empty(0, np.int64), np.empty(0), his_ms=0.0)


class AtSites(Scenario[PacedSettings]):
    """The wave starts at sites of the heart's surface: pacing, ectopic beats."""

    def sources(self, patient: Patient, config: ActivationConfig) -> WaveSources:
        """The sites in their order, with their times."""
        sites = self.settings.sites
        nodes = np.array([site_node(site, patient) for site in sites], np.int64)
        return WaveSources(nodes, np.array([site.time_ms for site in sites]))


class Resynchronised(Scenario[CrtSettings]):
    """The wave starts at a lead in the RV and one on the LV: the second case of section 2.7."""

    def sources(self, patient: Patient, config: ActivationConfig) -> WaveSources:
        """The RV's lead at zero, then the LV's."""
        settings, delay = self.settings, self.settings.vv_delay_ms
        sites = (settings.rv_site, settings.lv_site)
        nodes = np.array([site_node(site, patient) for site in sites], np.int64)
        return WaveSources(
            nodes, np.array([0.0, config.crt_vv_delay_ms if delay is None else delay])
        )


KINDS: Mapping[type[ScenarioSettings], type[Scenario]] = {
    RhythmSettings: FromHis,
    PacedSettings: AtSites,
    CrtSettings: Resynchronised,
}
"""Settings -> the class of the scenario."""


def scenario_of(name: str, settings: ScenarioSettings) -> Scenario:
    """The scenario of some settings."""
    return KINDS[type(settings)](name, settings)


def built_in(name: str) -> Scenario:
    """A built-in scenario.

    Raises:
        BadInput: there is none of that name.
    """
    if name not in BUILT_IN:
        raise BadInput(f"scenario = {name!r}: choose one of {', '.join(BUILT_IN)}")
    return scenario_of(name, BUILT_IN[name])
