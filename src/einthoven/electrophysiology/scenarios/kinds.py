"""The kinds of scenarios and their registry.

To add a kind: a section with its settings in `config.scenarios`, as a member of `AnyScenario`, and
here a class with `sources`, named in `KINDS`. A scenario of a known kind is a few config lines.
"""

from collections.abc import Mapping

import numpy as np

from einthoven.config.activation import Activation as ActivationConfig
from einthoven.config.scenarios import BUILT_IN, Crt, Paced, Rhythm
from einthoven.config.scenarios import Scenario as ScenarioSettings
from einthoven.core.errors import BadInput
from einthoven.electrophysiology.capture import Sources
from einthoven.electrophysiology.scenarios.scenario import Scenario
from einthoven.electrophysiology.scenarios.sites import site_node
from einthoven.patient.patient import Patient

BUNDLE_OF = {-1: "left-bundle", 1: "right-bundle"}


class FromHis(Scenario[Rhythm]):
    """The wave leaves the His bundle and reaches the muscle at the junctions behind no block.

    Sinus rhythm is the first case of Dokuchaev 2026, section 2.7; LBBB is its figure 8B.
    """

    def sources(self, patient: Patient, config: ActivationConfig) -> Sources:
        """Junctions that the wave reaches from the His bundle, which fires at zero."""
        tree, settings = patient.purkinje, self.settings
        absent = [
            str(side)
            for side, bundle in BUNDLE_OF.items()
            if bundle not in settings.blocks and not np.any(tree.pmj_side == side)
        ]
        if absent:
            raise BadInput(
                f"pmj_side: no junction on side {', '.join(absent)}; re-run the purkinje rule"
            )
        detour = self._detour(patient)
        reached = np.isfinite(detour)
        if not reached.any():
            raise BadInput(f"scenario {self.name}: no junction is reached, all is blocked")
        times = tree.pmj_times[reached].astype(float) / settings.tree_speed_factor
        times = times + detour[reached] + config.pmj_antegrade_ms
        return Sources(tree.pmj_nodes[reached].astype(np.int64), times, his_ms=0.0)

    def _detour(self, patient: Patient) -> np.ndarray:
        """How much later than without blocks the wave is at a junction: [pmj] ms, or infinite."""
        whole, open_ = self.whole_network(patient), self.network(patient)
        no_entry = np.full(len(whole.link_tip), np.inf)
        times = np.full((2, len(patient.heart.points)), np.inf)
        np.minimum.at(times[0], whole.link_heart, whole.exits(0.0, no_entry))
        np.minimum.at(times[1], open_.link_heart, open_.exits(0.0, no_entry))
        usual, now = times[:, patient.purkinje.pmj_nodes]
        return now - usual


class AtSites(Scenario[Paced]):
    """The wave leaves sites of the heart's surface: pacing, ectopic beats."""

    def sources(self, patient: Patient, config: ActivationConfig) -> Sources:
        """The sites in their order, with their times."""
        sites = self.settings.sites
        nodes = np.array([site_node(site, patient) for site in sites], np.int64)
        return Sources(nodes, np.array([site.time_ms for site in sites]))


class Resynchronised(Scenario[Crt]):
    """The wave leaves a lead in the RV and one on the LV: the second case of section 2.7."""

    def sources(self, patient: Patient, config: ActivationConfig) -> Sources:
        """The RV's lead at zero, then the LV's."""
        settings, delay = self.settings, self.settings.vv_delay_ms
        sites = (settings.rv_site, settings.lv_site)
        nodes = np.array([site_node(site, patient) for site in sites], np.int64)
        return Sources(nodes, np.array([0.0, config.crt_vv_delay_ms if delay is None else delay]))


KINDS: Mapping[type[ScenarioSettings], type[Scenario]] = {
    Rhythm: FromHis,
    Paced: AtSites,
    Crt: Resynchronised,
}
"""Settings -> the class that plays them."""


def scenario_of(name: str, settings: ScenarioSettings) -> Scenario:
    """The scenario of some settings."""
    return KINDS[type(settings)](name, settings)


def built_in(name: str) -> Scenario:
    """A scenario that every config knows.

    Raises:
        BadInput: there is none of that name.
    """
    if name not in BUILT_IN:
        raise BadInput(f"scenario = {name!r}: choose one of {', '.join(BUILT_IN)}")
    return scenario_of(name, BUILT_IN[name])
