"""Parameters of a simulated beat: pattern, stimulus sites, tissue."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from einthoven.base.config.electrophysiology import EarlySiteSettings
from einthoven.base.config.imaging import ImagingSettings, PatternSiteSettings
from einthoven.base.config.people import (
    derived,
    everyone,
    people_conductivities,
    people_plateaus,
    people_sites,
    shipped_plateaus,
)
from einthoven.base.config.scenarios import BUILT_IN
from einthoven.base.core.seeds import generator
from einthoven.imaging.corpus.beat_mixtures import MixedBeat
from einthoven.physics.electrophysiology.cells.condition import (
    CYCLE_LENGTHS_MS,
    I_KR_FACTORS,
    Condition,
)

MAX_SITES = 3
LV_SHARE = 0.65
"""Probability of a site in the LV or septum: about their share of the muscle."""
DEPTHS = (0.0, 0.5, 1.0)
"""Endocardium, mid-wall, epicardium; in the septum the last is the RV side."""
LOWEST_Z, HIGHEST_Z = 0.05, 0.95
RV_HALF_WIDTH = 1.2
"""Half width of the RV free wall, rad; a site beyond it lies at its edge."""
PLATEAUS = ("plateau_mean", "plateau_apex_to_base", "plateau_rv_to_lv", "plateau_endo_to_epi")
"""Share of the low plateau and its gradients, keys of section repolarisation."""
SITE_COLUMNS = ("z", "cos", "sin", "rho", "nu", "time_ms")
"""Columns of a site in `BeatParameters.row`: z, angle on the unit circle, depth, side, time."""


@dataclass(frozen=True)
class StimulusSite:
    """A stimulus in ventricular coordinates (`patient.fibers`) and its time."""

    z: float
    phi: float
    rho: float
    nu: float
    time_ms: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """A random site in the ventricles at time 0."""
        in_lv = rng.random() < LV_SHARE
        width = math.pi if in_lv else RV_HALF_WIDTH
        z, phi = rng.uniform(LOWEST_Z, HIGHEST_Z), rng.uniform(-width, width)
        return cls(z, phi, float(rng.choice(DEPTHS)), -1.0 if in_lv else 1.0)

    @classmethod
    def of(cls, site: PatternSiteSettings) -> Self:
        """The site of a section."""
        return cls(site.z, math.radians(site.phi_deg), site.rho, float(site.nu), site.time_ms)

    @property
    def columns(self) -> tuple[float, ...]:
        """Values in the order of `SITE_COLUMNS`."""
        place = self.z, math.cos(self.phi), math.sin(self.phi), self.rho, self.nu
        return (*place, self.time_ms)


@dataclass(frozen=True)
class BeatParameters:
    """One beat; speeds in mm/ms, conductivities in S/m."""

    pattern: str
    """Sinus, a block of `config.scenarios.BUILT_IN`, paced-1 to paced-3, or of `fixed_sites`."""
    sites: tuple[StimulusSite, ...] = ()
    """Sites of stimulation, N of them for pattern paced-N."""
    cv_fiber: float = 0.45
    cv_transverse: float = 0.3
    cv_lv_endocardium: float = 0.87
    cv_rv_endocardium: float = 0.88
    cv_tree: float = 1.45
    """Speeds."""
    sigma_il: float = 0.3
    sigma_it: float = 0.03
    """Intracellular conductivities."""
    i_kr_factor: float = 1.0
    cycle_length_ms: float = 1000.0
    """Condition of the cells."""
    apd_mean_ms: float = 308.0
    apex_to_base_ms: float = 64.0
    anterior_to_posterior_ms: float = -13.0
    rv_to_lv_ms: float = 3.0
    endo_to_epi_ms: float = -26.0
    """APD90, see section repolarisation."""
    early: tuple[EarlySiteSettings, ...] = ()
    """Early sites of a person, without trees; none: the heart's own trees."""
    plateaus: tuple[float, ...] = ()
    """`PLATEAUS` of a person; none: all cells have the template's plateau."""
    mixed: MixedBeat | None = None
    """Wave and cells of drawn people, in place of the above; what they do not say is NaN there."""

    @classmethod
    def draw(cls, section: ImagingSettings, rng: np.random.Generator) -> Self:
        """A random beat within the section's ranges, or of a random person."""
        paced = rng.random() < section.paced_share
        known = [*section.patterns, *section.fixed_sites]
        choices = [name for name in known if (name not in BUILT_IN) == paced]
        pattern = str(rng.choice(choices, p=None if paced else _shares(section, choices)))
        low, high = np.array(list(section.ranges.values())).T
        drawn = dict(zip(section.ranges, rng.uniform(low, high).tolist()))
        shortest, longest = section.site_delay_ms
        delays = [0.0, *np.sort(rng.uniform(shortest, longest, MAX_SITES - 1)).tolist()]
        sites = tuple(replace(StimulusSite.draw(rng), time_ms=delay) for delay in delays)
        if pattern in section.fixed_sites:
            sites = tuple(StimulusSite.of(site) for site in section.fixed_sites[pattern])
        else:
            sites = sites[: int(pattern[-1])] if paced else ()
        if section.people:
            drawn = derived(everyone().draw(rng)) | shipped_plateaus().draw(rng)
            return cls.of_person(pattern, drawn, sites)
        slowest, fastest = section.cv_endocardium_mm_per_ms
        cv_fiber = drawn["cv_fiber_mm_per_ms"]
        return cls(
            pattern,
            sites,
            cv_fiber=cv_fiber,
            cv_transverse=cv_fiber * drawn["transverse_ratio"],
            cv_lv_endocardium=drawn["cv_endocardium_mm_per_ms"],
            cv_rv_endocardium=rng.uniform(slowest, fastest),
            cv_tree=drawn["cv_tree_mm_per_ms"],
            sigma_il=drawn["sigma_il_s_per_m"],
            sigma_it=drawn["sigma_it_s_per_m"],
            i_kr_factor=float(rng.choice(I_KR_FACTORS)),
            cycle_length_ms=float(rng.choice(CYCLE_LENGTHS_MS)),
            **{name: drawn[name] for name in DURATIONS},
        )

    @classmethod
    def of_person(
        cls, pattern: str, drawn: Mapping[str, float], sites: tuple[StimulusSite, ...] = ()
    ) -> Self:
        """A beat of a person, whose durations are those at a cycle length of its own.

        Args:
            pattern: of activation. drawn: variables of people and their plateaus.
            sites: of stimulation, for a paced one.
        """
        sigma, plateaus = people_conductivities(drawn), people_plateaus(drawn)
        durations: dict[str, Any] = {
            name: drawn[f"apd_{name}"] for name in DURATIONS if name != "apd_mean_ms"
        }
        return cls(
            pattern,
            sites,
            cv_fiber=drawn["cv_fiber_mm_per_ms"],
            cv_transverse=drawn["cv_transverse_mm_per_ms"],
            cv_lv_endocardium=drawn["cv_lv_endocardium_mm_per_ms"],
            cv_rv_endocardium=drawn["cv_rv_endocardium_mm_per_ms"],
            sigma_il=sigma["sigma_il_s_per_m"],
            sigma_it=sigma["sigma_it_s_per_m"],
            apd_mean_ms=drawn["apd_mean_ms"],
            **durations,
            early=tuple(EarlySiteSettings(**site) for site in people_sites(drawn)),
            plateaus=tuple(plateaus[name] for name in PLATEAUS),
        )

    @property
    def condition(self) -> Condition:
        """Rate and drug effect of the cells."""
        return Condition(self.cycle_length_ms, self.i_kr_factor)

    @property
    def row(self) -> np.ndarray:
        """[parameter] in the order of `PARAMETERS`; NaN for absent sites."""
        sites = [site.columns for site in self.sites]
        sites += [(math.nan,) * len(SITE_COLUMNS)] * (MAX_SITES - len(sites))
        return np.array([getattr(self, name) for name in TISSUE] + [x for s in sites for x in s])

    @classmethod
    def of_row(cls, pattern: str, row: np.ndarray) -> Self:
        """The beat of a pattern and a `row`; a site with a NaN is absent."""
        tissue: dict[str, Any] = dict(zip(TISSUE, map(float, row)))
        rows = np.asarray(row[len(TISSUE) :], float).reshape(MAX_SITES, -1)
        sites = tuple(
            StimulusSite(float(z), math.atan2(sin, cos), float(rho), float(nu), float(time))
            for z, cos, sin, rho, nu, time in rows[np.isfinite(rows).all(axis=1)]
        )
        return cls(pattern, sites, **tissue)


TISSUE = tuple(
    field.name
    for field in fields(BeatParameters)
    if field.name not in ("pattern", "sites", "early", "plateaus", "mixed")
)
DURATIONS = tuple(name for name in TISSUE if name.endswith("_ms") and name != "cycle_length_ms")
PARAMETERS = (
    *TISSUE,
    *(f"site{k + 1}_{name}" for k in range(MAX_SITES) for name in SITE_COLUMNS),
)
"""Names of `BeatParameters.row`."""


def _shares(section: ImagingSettings, choices: Sequence[str]) -> list[float] | None:
    """Probability of each pattern that is not paced; None: all alike."""
    share = section.sinus_share
    if share is None:
        return None
    return [share if name == "sinus" else (1 - share) / sum(other != "sinus" for other in choices)
            for name in choices]  # fmt: skip


def hide_absent_sites(parameters: np.ndarray, pattern: np.ndarray) -> None:
    """Set the sites that a pattern does not have to NaN, in place: paced-2 has site1 and site2.

    parameters [beat, parameter] in the order of `PARAMETERS`, pattern [beat] names.
    """
    count = np.array([int(name.removeprefix("paced-")) if name.startswith("paced-") else 0
                      for name in pattern])  # fmt: skip
    for column, name in enumerate(PARAMETERS):
        if name.startswith("site"):
            parameters[count < int(name[4]), column] = np.nan


def draw_beats(section: ImagingSettings, patient: str, n: int) -> list[BeatParameters]:
    """The first `n` beats of a patient; a larger `n` appends to them."""
    return [
        BeatParameters.draw(section, generator(section.seed, patient, "imaging", k))
        for k in range(n)
    ]
