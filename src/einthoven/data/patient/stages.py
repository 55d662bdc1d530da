"""Stages of a patient: fibres and coordinates, Purkinje trees, activation, ECGs.

Files: fibers.npz (with the coordinates), purkinje.npz, activation_{scenario}.npz, ecg.npz.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from einthoven.base.config.atria import OFF, AtriaSettings
from einthoven.base.config.load import section_of
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.stage import Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class Fibers(Stage):
    """Fibre, sheet and sheet-normal: each [heart cell, 3] float32, unit, right-handed."""

    stage = "fibers"

    f0: np.ndarray
    s0: np.ndarray
    n0: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Coordinates(Stage):
    """Ventricular coordinates, each [heart node] float32."""

    stage = "coordinates"
    rule = "fibers"

    uvc_rho: np.ndarray
    """Transmural: 0 on the endocardium, 1 on the epicardium and on the RV's side of the septum."""
    uvc_z: np.ndarray
    """Apicobasal: 0 at the epicardial apex, 1 on the base."""
    uvc_phi: np.ndarray
    """Angle about the LV's long axis, rad in -pi to pi: 0 mid-septum, +-pi lateral free wall."""
    uvc_nu: np.ndarray
    """-1 left ventricle with the septum, +1 free wall of the right ventricle."""

    def distance(self, nodes: np.ndarray, z: float, phi_rad: float) -> np.ndarray:
        """Distance of heart nodes [node] from a height and an angle, in units of both.

        Heights are weighted by three, because a heart is about three radii high.
        """
        angle = np.angle(np.exp(1j * (self.uvc_phi[nodes] - phi_rad)))
        return np.hypot(3.0 * (self.uvc_z[nodes] - z), angle)


@dataclass(frozen=True, eq=False, kw_only=True)
class PurkinjeTree(Stage):
    """Purkinje trees of both ventricles and their junctions with the muscle (PMJ)."""

    stage = "purkinje"

    tree_points: np.ndarray
    """[tree_node, 3] mm."""
    tree_edges: np.ndarray
    """[tree_edge, 2] tree nodes."""
    tree_side: np.ndarray
    """[tree_node] -1 LV, +1 RV."""
    tree_roots: np.ndarray
    """[tree_root] tree nodes at which the fascicles end and the trees start."""
    root_times: np.ndarray
    """[tree_root] ms after the His bundle."""
    root_fascicle: np.ndarray
    """[tree_root] anterior, septal or posterior of the left bundle, or right."""
    pmj_nodes: np.ndarray
    """[pmj] heart nodes, sorted within a side."""
    pmj_times: np.ndarray
    """[pmj] ms after the His bundle."""
    pmj_side: np.ndarray
    """[pmj] -1 LV, +1 RV."""
    speed_mm_per_ms: float
    """Speed along the trees."""
    coverage_gap_mm: Sequence[float] = (math.nan, math.nan)
    """LV, RV: largest distance from the endocardium to its nearest junction."""
    draws: Sequence[int] = (1, 1)
    """LV, RV: number of trees drawn until one was valid."""
    settings: Mapping[str, Any] | None = None
    """The section `purkinje` for this patient."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Activation(Stage):
    """Activation times of the heart, and where the wave starts."""

    stage = "activation"

    activation_time: np.ndarray
    """[heart node] tau, ms; the smallest is zero."""
    source_nodes: np.ndarray
    """[source] heart nodes."""
    source_times: np.ndarray
    """[source] ms."""
    scenario: str
    backend: str = ""
    residual_ms: float = math.nan
    """Residual of the eikonal equation, ms."""
    n_updates: int = 0
    total_ms: float = math.nan
    """Time of the last activation, ms."""
    settings: Mapping[str, Any] | None = None
    """The section `activation` for this patient."""
    cycle_length_ms: float = 1000.0
    """Cycle length of the pacing train whose last beat this is."""
    i_kr_factor: float = 1.0
    """Factor on the conductance of I_Kr in all cells; 0 is blocked."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Ecg(Stage):
    """Electrode potentials and ECGs by one lead field; a reference also has the pseudo lead
    field's.
    """

    stage = "ecg"
    of_some = frozenset({"atria", "cycle_length_ms", "traits"})

    time: np.ndarray
    """[time] ms."""
    scenario: np.ndarray
    """[scenario]."""
    electrode_names: np.ndarray
    """[electrode]."""
    lead: np.ndarray
    """[lead]."""
    electrode_potential: np.ndarray
    """[scenario, electrode, time] mV."""
    ecg: np.ndarray
    """[scenario, lead, time] mV."""
    electrode_potential_pseudo: np.ndarray | None = None
    ecg_pseudo: np.ndarray | None = None
    """The same by eq. (11) of Dokuchaev 2026."""
    source_energy: np.ndarray | None = None
    """[scenario] C_Vm of section 2.6, mS^2 mV^2 ms / mm."""
    qrs_duration: np.ndarray | None = None
    """[scenario] ms."""
    qrs_amplitude: np.ndarray | None = None
    """[scenario, lead] mV, peak to peak."""
    feature: np.ndarray | None = None
    feature_units: np.ndarray | None = None
    """[feature] names and units, of `einthoven.physics.ecg.features`."""
    ecg_features: np.ndarray | None = None
    """[scenario, feature] of the delineated beats, NaN where not measurable."""
    settings: Mapping[str, Any] | None = None
    """The section `repolarisation` for this patient."""
    atria: Mapping[str, Any] | None = None
    """The section `atria` for this patient, where ECGs have P waves."""
    cycle_length_ms: Sequence[float] | None = None
    """[scenario] ms from beat to beat, of a patient with a heart rate of its own."""
    traits: Mapping[str, float] | None = None
    """`cycle_length_ms` of the sinus rhythm and `age_years`, of a patient drawn as a person."""

    @property
    def age_years(self) -> float | None:
        """Age, if the patient has one."""
        return None if self.traits is None else self.traits["age_years"]

    def needed(self, name: str) -> np.ndarray:
        """An array that only the reference of the finite elements has.

        Raises:
            BadInput: this ECG is not a reference.
        """
        values: np.ndarray | None = getattr(self, name)
        if values is None:
            raise BadInput(f"{self.patient}: ECG lacks {name}; re-run the rule ecg")
        return values

    @property
    def atria_settings(self) -> AtriaSettings:
        """The section `atria` that these ECGs were made with; off where they have no P waves."""
        return OFF if self.atria is None else section_of(AtriaSettings, self.atria, self.stage)

    def features_of(self, scenario: str) -> dict[str, float]:
        """Features of one scenario's beat by name, NaN where not measurable.

        Raises:
            BadInput: there is no such scenario, or this is not a reference.
        """
        names, values = self.needed("feature"), self.needed("ecg_features")
        known = self.scenario.tolist()
        if scenario not in known:
            raise BadInput(f"{self.patient}: no ECG of {scenario!r}; there are {', '.join(known)}")
        return dict(zip(names.tolist(), values[known.index(scenario)].tolist()))
