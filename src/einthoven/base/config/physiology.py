"""The electrophysiology of one patient: the sections, moved within the ranges of `variation`."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from einthoven.base.config.activation import ActivationSettings
from einthoven.base.config.load import section_of
from einthoven.base.config.models import Config
from einthoven.base.config.purkinje import EarlySiteSettings, PurkinjeSettings
from einthoven.base.config.repolarisation import TEMPLATE_APD_MS, RepolarisationSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator

HALF_TURN_DEG = 180.0
NONE: Mapping[str, float] = MappingProxyType({})


class Varied(NamedTuple):
    """A setting that differs between patients."""

    name: str
    """Key of the section variation that holds the half-width."""
    section: str
    key: str
    """What varies."""
    relative: bool = False
    """Whether the half-width is a share of the setting."""

    @property
    def column(self) -> str:
        """Name in sheets and stores, with the unit."""
        return f"{self.name}_mm_per_ms" if self.relative else self.name

    def value(self, config: Config, unit: float) -> float:
        """The setting at `unit` in -1 to 1 of its range; half-width zero gives it to the bit."""
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
"""To let another one vary: a line here and a half-width in `config.variation`."""
COLUMNS = tuple(varied.column for varied in VARIED)
SITE_KEYS = ("z", "phi_deg", "time_ms")
"""What varies of each early site, each by its own draw: variation.site_z and so on."""


@dataclass(frozen=True)
class Physiology:
    """Settings of one patient's Purkinje trees, activation and repolarisation."""

    purkinje: PurkinjeSettings
    activation: ActivationSettings
    repolarisation: RepolarisationSettings

    @classmethod
    def of(cls, config: Config, patient: str, given: Mapping[str, float] = NONE) -> Self:
        """What a patient has by a config.

        Args:
            config: the sections, and the ranges about them.
            patient: name; a draw depends on nothing else of the patient.
            given: column -> measured value, in place of a draw (a sheet of imported patients).

        Raises:
            BadInput: a value is outside the range of its section; a duration is given, but
                repolarisation.field is homogeneous.
        """
        durations = config.repolarisation.field != "homogeneous"
        changes = {
            "purkinje": _early_sites(config, patient),
            "activation": {},
            "repolarisation": {},
        }
        for varied in VARIED:
            if varied.section == "repolarisation" and not durations:
                if varied.column in given:
                    raise BadInput(
                        f"{patient}: {varied.column} needs repolarisation.field: gradients"
                    )
                continue
            value = given.get(varied.column, varied.draw(config, patient))
            changes[varied.section][varied.key] = value
        sections = {name: dict(getattr(config, name)) | its for name, its in changes.items()}
        return cls.read(sections, patient)

    @classmethod
    def read(cls, sections: Mapping[str, Mapping[str, Any]], where: str) -> Self:
        """From values of the three sections, such as the stages of a patient keep.

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
        """Column -> value that counts, `COLUMNS` and then those of the early sites.

        Of a homogeneous heart the durations are those of its one template.
        """
        values = {v.column: float(getattr(getattr(self, v.section), v.key)) for v in VARIED}
        if self.repolarisation.field == "homogeneous":
            values |= {v.column: 0.0 for v in VARIED if v.section == "repolarisation"}
            values["apd_mean_ms"] = TEMPLATE_APD_MS
        return values | {
            f"site{number}_{key}": float(getattr(site, key))
            for number, site in enumerate(self.purkinje.early_sites, start=1)
            for key in SITE_KEYS
        }


def check_ranges(config: Config) -> None:
    """Refuse a half-width that leads out of the range of its section, whoever is drawn.

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
    for unit in (-1.0, 1.0):  # also the tops of the trees have a say
        height = unit * widths.site_z
        places = [dict(site) | {"z": site.z + height} for site in purkinje.early_sites]
        moved = dict(purkinje) | {"early_sites": places}
        section_of(PurkinjeSettings, moved, f"config: variation.site_z: {where}")


def _early_sites(config: Config, patient: str) -> dict[str, Any]:
    """Early sites of a patient; all come later if one would be early, as only differences count."""
    sites = [dict(site) for site in config.purkinje.early_sites]
    for key, (number, site) in itertools.product(SITE_KEYS, enumerate(sites)):
        name = f"site_{key}"
        site[key] += getattr(config.variation, name) * _unit(config, patient, name, number)
    shift = max(0.0, *(-site["time_ms"] for site in sites))
    for site in sites:
        site["time_ms"] += shift
        if abs(site["phi_deg"]) > HALF_TURN_DEG:  # an angle beyond the lateral wall
            site["phi_deg"] -= math.copysign(2 * HALF_TURN_DEG, site["phi_deg"])
    return {"early_sites": sites}


def _unit(config: Config, patient: str, name: str, *number: int) -> float:
    """Uniform in -1 to 1; 0 where the half-width is, of which no draw is needed.

    The generator is derived from the seed, the patient and the name of what varies, so neither
    other patients nor other settings have a say.
    """
    if getattr(config.variation, name) == 0:
        return 0.0
    rng = generator(config.variation.seed, patient, "variation", name, *number)
    return rng.uniform(-1.0, 1.0)
