"""The electrophysiology of one patient: sections varied within the ranges of `variation`."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from einthoven.base.config.electrophysiology import (
    TEMPLATE_APD_MS,
    ActivationSettings,
    EarlySiteSettings,
    PurkinjeSettings,
    RepolarisationSettings,
)
from einthoven.base.config.load import section_of
from einthoven.base.config.models import Config
from einthoven.base.config.people import people_plateaus, people_sites
from einthoven.base.config.traits import person_of
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator

HALF_TURN_DEG = 180.0
NONE: Mapping[str, float] = MappingProxyType({})


class Varied(NamedTuple):
    """A setting that differs between patients."""

    name: str
    """Key of section variation that holds the half-width."""
    section: str
    key: str
    """Key of the setting that varies."""
    relative: bool = False
    """Whether the half-width is a share of the setting."""

    @property
    def column(self) -> str:
        """Name in sheets and stores, with unit."""
        return f"{self.name}_mm_per_ms" if self.relative else self.name

    def value(self, config: Config, unit: float) -> float:
        """The setting at `unit` in -1 to 1 of its range; half-width zero keeps it unchanged."""
        usual = getattr(getattr(config, self.section), self.key)
        change = getattr(config.variation, self.name) * unit
        return usual * (1.0 + change) if self.relative else usual + change

    def draw(self, config: Config, patient: str) -> float:
        """The setting of a patient, uniform in its range."""
        return self.value(config, _unit(config, patient, self.name))


VARIED = (
    Varied("cv_fiber", "activation", "cv_fiber_mm_per_ms", relative=True),
    Varied("cv_transverse", "activation", "cv_transverse_mm_per_ms", relative=True),
    Varied("cv_lv_endocardium", "activation", "cv_lv_endocardium_mm_per_ms", relative=True),
    Varied("cv_rv_endocardium", "activation", "cv_rv_endocardium_mm_per_ms", relative=True),
    Varied("purkinje_speed", "purkinje", "speed_mm_per_ms", relative=True),
    Varied("apd_mean_ms", "repolarisation", "mean_ms"),
    Varied("apd_apex_to_base_ms", "repolarisation", "apex_to_base_ms"),
    Varied("apd_anterior_to_posterior_ms", "repolarisation", "anterior_to_posterior_ms"),
    Varied("apd_rv_to_lv_ms", "repolarisation", "rv_to_lv_ms"),
    Varied("apd_endo_to_epi_ms", "repolarisation", "endo_to_epi_ms"),
)
"""Settings that vary: to add one, add a line here and a half-width in `VariationSettings`."""
PLATEAU_KEYS = ("mean", "apex_to_base", "rv_to_lv", "endo_to_epi")
"""Keys plateau_* of section repolarisation: columns where plateaus differ."""
COLUMNS = tuple(varied.column for varied in VARIED)
SITE_KEYS = ("z", "phi_deg", "time_ms")
"""Coordinates of each early site, drawn independently: variation.site_z and so on."""


@dataclass(frozen=True)
class Physiology:
    """Settings of one patient's Purkinje trees, activation and repolarisation."""

    purkinje: PurkinjeSettings
    activation: ActivationSettings
    repolarisation: RepolarisationSettings

    @classmethod
    def of(cls, config: Config, patient: str, given: Mapping[str, float] = NONE) -> Self:
        """The settings of a patient by a config.

        Args:
            config: sections, and the ranges about them.
            patient: name; a draw depends on nothing else of the patient.
            given: column -> measured value, used instead of a draw (sheet of imported patients).

        Raises:
            BadInput: a value is outside the range of its section, or a duration is given although
                repolarisation.field is homogeneous.
        """
        durations = config.repolarisation.field != "homogeneous"
        drawn = person_of(config, patient)
        sites = {"early_sites": people_sites(drawn)} if drawn else _early_sites(config, patient)
        changes: dict[str, dict[str, Any]] = {
            "purkinje": sites,
            "activation": {},
            "repolarisation": people_plateaus(drawn),
        }
        if not durations:
            changes["repolarisation"] = {}
        for varied in VARIED:
            if varied.section == "repolarisation" and not durations:
                if varied.column in given:
                    raise BadInput(
                        f"{patient}: {varied.column} needs repolarisation.field: gradients"
                    )
                continue
            usual = drawn.get(varied.column, varied.draw(config, patient))
            value = given.get(varied.column, usual)
            changes[varied.section][varied.key] = value
        sections = {name: dict(getattr(config, name)) | its for name, its in changes.items()}
        return cls.read(sections, patient)

    @classmethod
    def read(cls, sections: Mapping[str, Mapping[str, Any]], where: str) -> Self:
        """Build the settings from the three sections, such as a patient's stages store them.

        Raises:
            BadInput: a key is unknown or wrong; `where` is for the message.
        """
        return cls(
            purkinje=section_of(PurkinjeSettings, sections["purkinje"], where),
            activation=section_of(ActivationSettings, sections["activation"], where),
            repolarisation=section_of(RepolarisationSettings, sections["repolarisation"], where),
        )

    @property
    def columns(self) -> dict[str, float]:
        """Column -> effective value: `COLUMNS`, plateaus that differ, then the early sites.

        The durations of a homogeneous heart are those of its one template.
        """
        values = {v.column: float(getattr(getattr(self, v.section), v.key)) for v in VARIED}
        if self.repolarisation.field == "homogeneous":
            values |= {v.column: 0.0 for v in VARIED if v.section == "repolarisation"}
            values["apd_mean_ms"] = TEMPLATE_APD_MS
        if self.repolarisation.plateaus_differ:
            names = [f"plateau_{key}" for key in PLATEAU_KEYS]
            values |= {name: float(getattr(self.repolarisation, name)) for name in names}
        return values | {
            f"site{number}_{key}": float(getattr(site, key))
            for number, site in enumerate(self.purkinje.early_sites, start=1)
            for key in SITE_KEYS
        }


def check_ranges(config: Config) -> None:
    """Refuse a half-width that can leave the range of its section.

    Raises:
        BadInput: names the half-width and the range.
    """
    for varied in VARIED:
        section = getattr(config, varied.section)
        for unit in (-1.0, 1.0):
            end = {varied.key: varied.value(config, unit)}
            section_of(type(section), dict(section) | end, f"config: variation.{varied.name}")
    widths, purkinje, where = config.variation, config.purkinje, "purkinje.early_sites"
    for site in purkinje.early_sites:
        latest = dict(site) | {"time_ms": site.time_ms + 2 * widths.site_time_ms}
        section_of(EarlySiteSettings, latest, f"config: variation.site_time_ms: {where}")
    for unit in (-1.0, 1.0):  # the upper limits of the trees are checked as well
        height = unit * widths.site_z
        places = [dict(site) | {"z": site.z + height} for site in purkinje.early_sites]
        moved = dict(purkinje) | {"early_sites": places}
        section_of(PurkinjeSettings, moved, f"config: variation.site_z: {where}")


def check_beats(config: Config) -> None:
    """Refuse drawn beats in hearts with scar or ischaemia, or from a file that does not exist.

    Raises:
        BadInput: says what to change.
    """
    beats = config.variation.beats
    if beats and config.substrate.enabled:
        raise BadInput(
            f"config: variation.beats with substrate.kind: {config.substrate.kind}: waves and "
            'cells are fitted to healthy beats; set variation.beats to ""'
        )
    if beats not in ("", "people") and not Path(beats).is_file():
        raise BadInput(
            f"config: variation.beats: {beats}: no such file; make it by "
            "tools/fit_people_beats.py, or set it to people"
        )


def _early_sites(config: Config, patient: str) -> dict[str, Any]:
    """Early sites of a patient, shifted if one would be negative: only differences matter."""
    sites = [dict(site) for site in config.purkinje.early_sites]
    for key, (number, site) in itertools.product(SITE_KEYS, enumerate(sites)):
        name = f"site_{key}"
        site[key] += getattr(config.variation, name) * _unit(config, patient, name, number)
    shift = max(0.0, *(-site["time_ms"] for site in sites))
    for site in sites:
        site["time_ms"] += shift
        if abs(site["phi_deg"]) > HALF_TURN_DEG:  # an angle beyond the lateral wall wraps around
            site["phi_deg"] -= math.copysign(2 * HALF_TURN_DEG, site["phi_deg"])
    return {"early_sites": sites}


def _unit(config: Config, patient: str, name: str, *number: int) -> float:
    """Uniform draw in -1 to 1; 0 if the half-width is 0.

    The generator is derived from the seed, the patient and the setting's name, so other patients
    and other settings do not matter.
    """
    if getattr(config.variation, name) == 0:
        return 0.0
    rng = generator(config.variation.seed, patient, "variation", name, *number)
    return rng.uniform(-1.0, 1.0)
