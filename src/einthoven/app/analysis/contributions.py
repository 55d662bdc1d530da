"""Contributions of regions of the heart to the deflections of the 12-lead ECG.

Eq. (3) of Dokuchaev 2026 is an integral over the heart, so it is a sum over the regions of any
partition. A region's part is the ECG by a lead field that is zero outside it, from the same
`simulate_ecg`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from einthoven.base.config.atria import OFF, AtriaSettings
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.load import read_section
from einthoven.base.config.models import Config
from einthoven.base.config.physiology import Physiology
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import track
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.leadfields import LeadFieldGradients, LeadFields
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.segments import Regions
from einthoven.data.patient.stages import Activation
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg

WHOLE = "whole wall"
ATRIA = "atria"
"""Name of the region that is added where the ECG has a P wave."""
REGIONS_PER_SWEEP = 8
"""Regions per sweep of the wave; limits the memory, [9 * 9, heart cell, 3] numbers."""
SURFACES = {
    "LV endocardium": Surface.LV_ENDO,
    "RV endocardium": Surface.RV_ENDO,
    "epicardium": Surface.EPI,
}
"""Surfaces on which the activation of a region is summarised: the septum's two sides, endo- and
epicardium of the free walls. A few nodes of the septum at the grooves are epicardial."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """Contribution of each region to each lead; the sum over regions is the ECG."""

    regions: tuple[str, ...]
    """[region] names."""
    time: np.ndarray
    """[time] ms from the first activation."""
    values: np.ndarray
    """[region, lead, time] mV, leads in the order of `core.names.LEADS`."""
    ecg: np.ndarray
    """[lead, time] mV of the whole heart, from the same sweep."""

    def at(self, lead: str, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Contributions to a lead [region, moment] and the lead [moment], mV, at some times.

        Args:
            lead: of `core.names.LEADS`.
            times: [moment] ms.

        Raises:
            BadInput: no such lead, or a time outside the time axis.
        """
        if lead not in LEADS:
            raise BadInput(f"no lead {lead!r}; there are {', '.join(LEADS)}")
        first, last = float(self.time[0]), float(self.time[-1])
        for moment in times:
            check.between("time (ms)", float(moment), first, last, "see ecg.duration_ms")
        row = LEADS.index(lead)
        parts = np.array([np.interp(times, self.time, part) for part in self.values[:, row]])
        return parts, np.interp(times, self.time, self.ecg[row])


@dataclass(frozen=True)
class RegionActivation:
    """Activation of a part of a region."""

    region: str
    part: str
    """`WHOLE`, or one of `SURFACES`."""
    n_nodes: int
    """Number of its nodes."""
    first: float
    median: float
    last: float
    """Activation time of its nodes, ms."""


def contributions(
    patient: Patient,
    lead_fields: LeadFields | LeadFieldGradients,
    activation: Activation,
    regions: Regions,
    settings: SimulationSettings,
) -> Contributions:
    """Contribution of each region to the 12 leads, of depolarisation and of repolarisation.

    Args:
        patient: with mesh and fibres; for gradients of duration also with coordinates.
        lead_fields: of the nine electrodes of the 12-lead ECG and any others.
        activation: of any scenario.
        regions: a partition of the heart's cells; the atria are one more where they are active.
        settings: of `simulate_ecg`.

    Raises:
        BadInput: an electrode is missing, or shapes that do not fit.
        NotConverged: the linear solver that smooths the durations failed.
    """
    check.shape("cell_region", regions.cell_region, (len(patient.heart.cells),))
    fields = _nine(lead_fields.gradients(patient.heart, settings.leadfield.gradient))
    names, values = regions.names, []
    if settings.atria.have_p_wave(activation.scenario):
        names = (*names, ATRIA)  # no cell of the ventricles has its number
    starts = range(0, len(names), REGIONS_PER_SWEEP)
    for first in track(starts, "contributions of regions, sweep"):
        numbers = np.arange(len(names))[first : first + REGIONS_PER_SWEEP]
        atria = numbers >= len(regions.names)
        restricted = _restricted(fields, regions.cell_region == numbers[:, None], atria)
        ecg = simulate_ecg(patient, restricted, activation, settings)
        n_nine = len(STANDARD_ELECTRODES)
        of_regions = ecg.electrode_potential[0, n_nine:].astype(float)
        of_regions = of_regions.reshape(len(numbers), n_nine, len(ecg.time))
        values.append(twelve_lead(STANDARD_ELECTRODES, of_regions))
    return Contributions(names, ecg.time, np.concatenate(values), ecg.ecg[0].astype(float))


def settings_of_run(config: Config, patient: Patient) -> SimulationSettings:
    """Settings with which a run made the ECG of a patient.

    Durations and atria are those that the patient's stored ECG was made with; where there is none,
    or one of an earlier version, those that the config gives the patient.
    """
    stored = patient.ecg.settings if patient.has("ecg") else None
    atria = config.named_atria.of_patient(patient.name)
    if stored is None:
        durations = Physiology.of(config, patient.name).repolarisation
    else:
        where, cure = f"{patient.where}: ecg", "re-run the rule ecg"
        durations = read_section(RepolarisationSettings, dict(stored), where, cure)
        of_ecg = patient.ecg.atria
        atria = OFF if of_ecg is None else read_section(AtriaSettings, dict(of_ecg), where, cure)
    return SimulationSettings(config.ecg, config.leadfield, durations, atria)


def _nine(fields: LeadFieldGradients) -> LeadFieldGradients:
    """Gradients of the nine electrodes of the 12-lead ECG, in their order."""
    names = [str(name) for name in fields.electrode_names]
    if missing := [name for name in STANDARD_ELECTRODES if name not in names]:
        raise BadInput(f"lead fields of {', '.join(missing)} are missing; the 12 leads need them")
    rows = [names.index(name) for name in STANDARD_ELECTRODES]
    return LeadFieldGradients(
        fields.electrode_names[rows],
        fields.electrode_points[rows],
        fields.grad[rows],
        lambda mesh, places: fields.in_torso(mesh, places)[rows],
    )


def _restricted(
    fields: LeadFieldGradients, inside: np.ndarray, atria: np.ndarray
) -> LeadFieldGradients:
    """The lead fields, followed for each region by those that are zero outside it.

    Args:
        fields: lead fields of some electrodes.
        inside: [region, heart cell].
        atria: [region] whether it is the atria.
    """

    def torso(mesh: TetMesh, places: np.ndarray) -> np.ndarray:
        grad = fields.in_torso(mesh, places)
        return np.concatenate([grad, *(float(whole) * grad for whole in atria)])

    n_regions = len(inside)
    parts = inside[:, None, :, None] * fields.grad  # [region, electrode, heart cell, 3]
    names = [f"{name} of {k}" for k in range(n_regions) for name in fields.electrode_names]
    return LeadFieldGradients(
        np.array([*fields.electrode_names, *names]),
        np.tile(fields.electrode_points, (1 + n_regions, 1)),
        np.concatenate([fields.grad, *parts]),
        torso,
    )


def activation_by_region(
    heart: Heart, activation: Activation, regions: Regions
) -> list[RegionActivation]:
    """First, median and last activation of each region: of its whole wall, then by surface.

    The septum's left side is its LV endocardium and its right side its RV endocardium.

    Raises:
        BadInput: shapes that do not fit.
    """
    tau = check.shape("activation_time", activation.activation_time, (len(heart.points),))
    check.shape("node_region", regions.node_region, tau.shape)
    return [
        RegionActivation(
            region, part, len(nodes), float(tau[nodes].min()), float(np.median(tau[nodes])),
            float(tau[nodes].max()),
        )
        for region in regions.names
        for part, nodes in _parts(heart, regions.nodes(region))
        if len(nodes)
    ]  # fmt: skip


def _parts(heart: Heart, nodes: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Nodes of the whole wall and on each surface."""
    yield WHOLE, nodes
    for part, tag in SURFACES.items():
        yield part, np.intersect1d(nodes, heart.surface_nodes(tag))
