"""Numbers of a store computed again from what it holds: leads, and eq. (3) of Dokuchaev 2026.

`recomputation_deep` has what takes longer.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.load import section_of
from einthoven.base.config.models import CONDUCTIVITY_RANGES, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.data.dataset.layout import DATASET_FORMAT
from einthoven.data.dataset.store import array_of, open_store, values_of
from einthoven.data.dataset.structure import Fault
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.features import unit_of
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

ROUNDING = 1e-5
"""Difference of a stored from a recomputed lead, as a part of the largest potential (float32)."""
POTENTIAL_TOLERANCE = 1e-3
"""Difference of a stored potential from eq. (3), as a part of the electrode's largest one."""
SMALLEST_MV = 1e-6
USUAL_ELECTRODE = "V3"
DATASET = "einthoven.zarr.zip"


@dataclass
class Recomputation:
    """Check of the numbers of stores, one after the other: called with a path, it gives faults.

    Eq. (3) is computed for one electrode and scenario of the first patient, or, if deep, for all.
    """

    deep: bool = False
    """Whether all numbers are computed."""
    done: int = 0
    """Number of patients for whom eq. (3) was computed."""
    notes: list[str] = field(default_factory=list)
    """Numbers that could not be computed, and why."""

    def __call__(self, store: Path) -> Iterator[Fault]:
        """Variable and fault of each number that disagrees with the others of a sound store."""
        with open_store(store) as root:
            yield from lead_faults(root)
            yield from unit_faults(root)
            yield from conductivity_faults(root)
            if root.attrs["format"] == DATASET_FORMAT:
                return
        if self.done and not self.deep:
            return
        patient = Patient.open(store) if store.is_file() else None
        if patient is None:
            self.notes.append(f"{store}: eq. (3) is computed for zipped stores only")
            return
        try:
            yield from self._patient_faults(store, patient)
        except BadInput as error:
            yield "mesh, fibers, activation or leadfield", f"do not fit together: {error}"

    def _patient_faults(self, store: Path, patient: Patient) -> Iterator[Fault]:
        """Faults of one patient's numbers by eq. (3), and, if deep, of all others."""
        try:
            import_module("numba")  # the wave's sweep is compiled
        except ModuleNotFoundError as error:
            if self.deep:
                raise
            cure = "pip install 'einthoven[patients]'"
            self.notes.append(f"{store}: eq. (3) was not computed ({error}). Cure: {cure}")
            return
        settings = _lead_field_settings(store, patient)
        if settings is None:
            beside = store.parent.parent / DATASET
            self.notes.append(f"{store}: eq. (3) was not computed: no {beside} with the config")
        else:
            if len(known := computable(patient)) < len(patient.ecg.scenario):
                reason = "with P waves it needs dataset.lead_field: body"
                self.notes.append(f"{store}: eq. (3) was not computed for all scenarios: {reason}")
            self.done += bool(known)
            yield from potential_faults(patient, settings, self.deep)
        if self.deep:
            # signed distances are compiled by numba, which the bare install has not
            from einthoven.app.analysis.recomputation_deep import deep_faults

            yield from deep_faults(patient, settings)


def lead_faults(root: zarr.Group) -> Iterator[Fault]:
    """Leads that are not those of the stored potentials (Einthoven, Goldberger, Wilson)."""
    names = values_of(root, "ecg/electrode").tolist()
    one = root.attrs["format"] != DATASET_FORMAT
    patients = [""] if one else values_of(root, "patient").tolist()
    for kind in ("", "_pseudo"):
        stored = array_of(root, f"ecg/ecg{kind}")
        potentials = array_of(root, f"ecg/electrode_potential{kind}")
        for row, patient in enumerate(patients):
            at = ... if one else row
            potential = np.asarray(potentials[at], float)
            limit = ROUNDING * max(float(np.abs(potential).max()), SMALLEST_MV)
            expected = twelve_lead(names, potential)
            for fault in _wrong_leads(np.asarray(stored[at], float), expected, limit):
                yield f"ecg/ecg{kind}", f"{patient}{': ' if patient else ''}{fault}"


def unit_faults(root: zarr.Group) -> Iterator[Fault]:
    """Features of which the unit is not the one in their name."""
    features = values_of(root, "ecg/feature").tolist()
    for feature, unit in zip(features, values_of(root, "ecg/feature_units").tolist()):
        if unit != unit_of(feature):
            yield "ecg/feature_units", f"{unit!r} for {feature}, expected {unit_of(feature)!r}"


def conductivity_faults(root: zarr.Group) -> Iterator[Fault]:
    """Conductivities of `physiology` that are impossible, or not those of the field samples.

    A data set has them in `physiology` alone; stores of earlier versions lack them there.
    """
    values = np.atleast_2d(values_of(root, "physiology/value"))
    settings = values_of(root, "physiology/setting").tolist()
    told = {name: values[:, k] for k, name in enumerate(settings) if name in CONDUCTIVITY_RANGES}
    for name, column in told.items():
        low, high = CONDUCTIVITY_RANGES[name]
        if ((column < low) | (column > high)).any():
            yield "physiology/value", f"{name}: outside {low:g} to {high:g} S/m; unit?"
    if root.attrs["format"] == DATASET_FORMAT:
        return
    used: Any = root["field"].attrs.get("conductivities") or {}
    for name, column in told.items():
        if column[0] != used.get(name):
            other = used.get(name)
            yield "physiology/value", f"{name} is {column[0]:g} S/m, in the group field {other}"


def _wrong_leads(found: np.ndarray, expected: np.ndarray, limit: float) -> Iterator[str]:
    """Text for each lead [scenario, lead, time] that differs: which one, and what it is instead."""
    off = np.abs(found - expected).max(axis=(0, 2))
    for k in np.flatnonzero(off > limit):
        mine, cause = found[:, k], "another beat, or edited?"
        same = [name for j, name in enumerate(LEADS)
                if np.abs(mine - expected[:, j]).max() <= limit]  # fmt: skip
        factor = (mine * expected[:, k]).sum() / max(np.square(expected[:, k]).sum(), 1e-30)
        if same:
            cause = f"it is that of {same[0]}: leads swapped?"
        elif np.abs(mine - factor * expected[:, k]).max() <= limit * max(1.0, abs(factor)):
            cause = f"it is {factor:.4g} times that: " + ("sign" if factor < 0 else "unit") + "?"
        yield f"lead {LEADS[k]} is not that of the potentials by {off[k]:.3g} mV; {cause}"


def computable(patient: Patient) -> list[str]:
    """Scenarios for which a store has all that eq. (3) needs: P waves need whole lead fields."""
    atria, whole = patient.ecg.atria_settings, patient.lead_fields.lead_field.shape[1]
    everywhere = whole == len(patient.mesh.points)
    names = [str(name) for name in patient.ecg.scenario]
    return [name for name in names if everywhere or not atria.have_p_wave(name)]


def potential_faults(patient: Patient, settings: LeadFieldSettings, whole: bool) -> Iterator[Fault]:
    """Electrode potentials that differ from eq. (3) with the stored activation and lead field.

    Scenarios that are not `computable` are left out.

    Args:
        patient: from a store.
        settings: conductivities and kind of gradients.
        whole: all electrodes and scenarios, and also eq. (11); otherwise one of each.
    """
    from einthoven.physics.ecg.membrane import Membrane
    from einthoven.physics.ecg.p_wave import AtrialWave

    ecg, fields = patient.ecg, patient.lead_fields
    names = ecg.electrode_names.tolist()
    if not whole:
        names = [USUAL_ELECTRODE if USUAL_ELECTRODE in names else names[0]]
    fields = fields.of_electrodes(names)
    at = [ecg.electrode_names.tolist().index(name) for name in names]
    repolarisation = section_of(RepolarisationSettings, dict(ecg.settings or {}), "ecg")
    membrane = Membrane.of(patient, settings, repolarisation)
    grads = {"": fields.gradients(patient.heart, settings.gradient).grad}
    if whole:
        grads["_pseudo"] = pseudo_lead_field_grad(
            patient.heart.centroids, fields.electrode_points, settings.sigma_torso_s_per_m
        )
    atria = ecg.atria_settings
    p_waves: dict[str, np.ndarray | float] = dict.fromkeys(grads, 0.0)
    known = computable(patient)[: None if whole else 1]
    if any(atria.have_p_wave(scenario) for scenario in known):
        wave = AtrialWave.of(patient.heart, atria)
        p_grads = {"": fields.gradients_in_torso(patient.mesh, wave.places)}
        p_grads["_pseudo"] = pseudo_lead_field_grad(
            wave.places, fields.electrode_points, settings.sigma_torso_s_per_m
        )
        p_waves = {kind: wave.potential(p_grads[kind], ecg.time) for kind in grads}
    for scenario in known:
        beat, row = patient.activation(scenario), ecg.scenario.tolist().index(scenario)
        led = float(atria.have_p_wave(scenario))
        for kind, grad in grads.items():
            expected = membrane.during(beat).potential(beat.activation_time, grad, ecg.time)
            expected += led * p_waves[kind]
            found = ecg.needed(f"electrode_potential{kind}")[row][at]
            for fault in _off(names, found, expected):
                yield f"ecg/electrode_potential{kind}", f"{scenario}: {fault}"


def _off(names: Sequence[str], found: np.ndarray, expected: np.ndarray) -> Iterator[str]:
    """Text for each electrode of which the potential [electrode, time] differs."""
    for name, mine, right in zip(names, found.astype(float), expected):
        off = np.abs(mine - right).max() / max(np.abs(right).max(), 1e-12)
        if off > POTENTIAL_TOLERANCE:
            yield (
                f"{name} differs from eq. (3) by {100 * off:.2g} % of its maximum; potentials, "
                "activation, lead field or conductivities of another run, or edited?"
            )


def _lead_field_settings(store: Path, patient: Patient) -> LeadFieldSettings | None:
    """Conductivities and kind of gradients; None if no data set with its config is beside."""
    beside = store.parent.parent / DATASET
    if not beside.exists():
        return None
    with open_store(beside) as root:
        section = json.loads(str(root.attrs["config"])).get("leadfield")
    if section is None:
        return None
    own = patient.field.conductivities or {}
    return section_of(LeadFieldSettings, section | own, f"{beside}: config")
