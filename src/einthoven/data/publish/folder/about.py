"""Metadata of a published data set, shared by its card, Croissant and RO-Crate."""

import json
from dataclasses import dataclass
from typing import Any

from einthoven.base.config.publication import PublicationSettings
from einthoven.base.core.version import __version__

LICENCE_URLS = {"CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/"}
LIMITS = (
    "Simulated: shapes are those of statistical models, not of patients. Bodies stand, have no "
    "organs but the heart and optionally lungs, and are symmetric; hearts have no atria, valves, "
    "scar or motion. Activation is an eikonal model with one action-potential family; the "
    "reference lead fields are finite elements on meshes whose own error is stated in the card. "
    "Not for diagnosis."
)
BIASES = (
    "Torsos come from a model of standing adults of one body database, hearts from a parametric "
    "model fitted to published volumes of healthy adults: other ages, ancestries and diseases are "
    "not sampled, and tails beyond the configured range of shape coefficients are absent. "
    "Electrodes are placed by rule, without a technician's error."
)
USES = (
    "Training and judging surrogates of lead fields, inverse ECG and imaging from the 12-lead "
    "ECG, and teaching. Splits are by anatomy and must be kept."
)
IMPACT = (
    "Methods that learn from simulated hearts can fail on real ones; claims need measured "
    "patients. No person's data are in it."
)
HOW_MADE = (
    "Made by the einthoven workflow: shape models, tetrahedral meshes, rule-based fibres, "
    "Purkinje trees, an anisotropic eikonal solver, finite-element lead fields, and the forward "
    "ECG by reciprocity. The same config and seed give the same bytes."
)


@dataclass(frozen=True)
class About:
    """Title page of a data set.

    Attributes:
        settings: section `publication`.
        licence: SPDX name.
        counts: number of patients per split. scenarios: their names. n_electrodes: per patient.
        config: physics sections from the store's root, JSON.
    """

    settings: PublicationSettings
    licence: str
    counts: dict[str, int]
    scenarios: tuple[str, ...]
    n_electrodes: int
    config: str

    keywords = ("electrocardiography", "lead field", "virtual patients", "finite elements",
                "inverse ECG", "synthetic data")  # fmt: skip

    @property
    def title(self) -> str:
        """Title from the section."""
        return self.settings.title

    @property
    def version(self) -> str:
        """Version of the data."""
        return self.settings.version

    @property
    def date(self) -> str:
        """Date of the data's version, ISO 8601."""
        return self.settings.date

    @property
    def url(self) -> str:
        """Address of the data set; may be empty."""
        return self.settings.url

    @property
    def creators(self) -> list[str]:
        """Creators from the section."""
        return self.settings.creators

    @property
    def slug(self) -> str:
        """Name without spaces."""
        return "einthoven-virtual-patients"

    @property
    def licence_url(self) -> str:
        """Address of the licence text."""
        return LICENCE_URLS[self.licence]

    @property
    def n_patients(self) -> int:
        """Number of patients in all splits."""
        return sum(self.counts.values())

    @property
    def description(self) -> str:
        """Description in two sentences."""
        beats = ", ".join(self.scenarios)
        return (
            f"{self.n_patients} virtual patients (a bi-ventricular heart in a torso) with meshes, "
            f"fibres, activation ({beats}), finite-element lead fields of {self.n_electrodes} "
            "electrodes, body-surface potentials, 12-lead ECGs, signed distances and lead-field "
            f"samples. {HOW_MADE}"
        )

    @property
    def citation(self) -> str:
        """BibTeX entry."""
        authors = " and ".join(f"{{{name}}}" for name in self.creators)
        key = self.slug.replace("-", "_")
        return (
            f"@misc{{{key}, author = {{{authors}}}, title = {{{self.title}}}, "
            f"version = {{{self.version}}}, year = {{{self.date[:4]}}}}}"
        )

    @property
    def citation_file(self) -> str:
        """CITATION.cff of the data."""
        authors = "".join(f"  - name: {json.dumps(name)}\n" for name in self.creators)
        where = f"url: {json.dumps(self.url)}\n" if self.url else ""
        return (
            f"cff-version: 1.2.0\ntype: dataset\ntitle: {json.dumps(self.title)}\n"
            'message: "If you use these data, please cite them."\n'
            f"authors:\n{authors}version: {self.version}\ndate-released: {self.date}\n"
            f"license: {self.licence}\n{where}"
        )

    @property
    def responsible_ai(self) -> dict[str, Any]:
        """Minimal fields of Croissant RAI, and the provenance of the data in PROV-O."""
        return {
            "rai:dataCollection": HOW_MADE,
            "rai:dataCollectionType": ["Software Collection"],
            "rai:dataLimitations": LIMITS,
            "rai:dataBiases": BIASES,
            "rai:dataUseCases": USES,
            "rai:dataSocialImpact": IMPACT,
            "rai:personalSensitiveInformation": "None: no person's data.",
            "rai:hasSyntheticData": True,
            "prov:wasGeneratedBy": {
                "@type": "prov:Activity",
                "prov:label": f"einthoven {__version__}, workflow run",
            },
        }
