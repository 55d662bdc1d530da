"""Sensitivity of a patient's ECG to electrodes, conductivities and fibres.

Finite differences of the whole chain after activation. Activation is fixed, so the results describe
the effect on the lead field and the source, not on conduction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from einthoven.base.config.models import (
    CONDUCTIVITY_RANGES,
    Config,
    FiberSettings,
    LeadFieldSettings,
)
from einthoven.base.config.physiology import Physiology
from einthoven.base.core.log import step
from einthoven.base.core.names import LEADS
from einthoven.base.core.tags import Tissue
from einthoven.body.fibers.ldrb import assign_fibers
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.leadfield.neumann import electrode_weights, skin_faces
from einthoven.physics.leadfield.solve import solve_lead_fields

UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Influence:
    """Effect of one change on the 12-lead ECG."""

    change: str
    """Change in words."""
    lead: str
    """The lead that changes most."""
    rel_l2: float
    """Relative l2 change of that lead."""
    peak_mv: float
    """Largest change of it at any time, mV."""
    ecg_rel_l2: float
    """Relative l2 change of all twelve leads together."""


class Chain:
    """The chain from mesh and fibres to the ECG, with one change at a time.

    Args:
        patient: with mesh, fibres, lead fields and activations.
        config: config with which the patient was made.
        scenario: scenario of the activation.

    Raises:
        BadInput: the patient has no such scenario.
    """

    def __init__(self, patient: Patient, config: Config, scenario: str):
        self.patient, self.config = patient, config
        self.activation = patient.activation(scenario)
        self.electrodes = patient.lead_fields.electrodes
        self.repolarisation = Physiology.of(config, patient.name).repolarisation
        self.atria = config.named_atria.of_patient(patient.name)

    @cached_property
    def base(self) -> np.ndarray:
        """The unchanged ECG [lead, time] mV."""
        return self.ecg(self.patient, self.config.leadfield)

    def ecg(self, patient: Patient, leadfield: LeadFieldSettings) -> np.ndarray:
        """The ECG [lead, time] mV of a changed patient or of changed conductivities."""
        solved = solve_lead_fields(patient, self.electrodes, leadfield)
        durations = self.repolarisation
        settings = SimulationSettings(self.config.ecg, leadfield, durations, self.atria)
        return simulate_ecg(patient, solved, self.activation, settings).ecg[0]

    def of_electrodes(self, names: Sequence[str], shift_mm: float) -> Iterator[Influence]:
        """Electrodes moved along the skin, each to the left, right, head and feet.

        All moved electrodes share one factorisation.

        Raises:
            BadInput: the patient does not have an electrode.
        """
        patient, leadfield = self.patient, self.config.leadfield
        rows = [patient.lead_fields.row(name) for name in names]
        moved = [_moved(patient, row, shift_mm) for row in rows]
        places = np.stack([place for ways in moved for place in ways.values()])
        numbers = np.array([f"moved {k}" for k in range(len(places))])
        fixed, everywhere = self.electrodes, np.concatenate([self.electrodes.points, places])
        electrodes = Electrodes(np.concatenate([fixed.names, numbers]), everywhere)
        step(f"lead fields of {len(places)} moved electrodes")
        solved = solve_lead_fields(patient, electrodes, leadfield)
        durations = self.repolarisation
        settings = SimulationSettings(self.config.ecg, leadfield, durations, self.atria)
        ecg = simulate_ecg(patient, solved, self.activation, settings)
        phi, phi_moved = np.split(ecg.electrode_potential[0], [len(fixed.names)])
        potentials = iter(phi_moved)
        for row, ways in zip(rows, moved):
            for direction in ways:
                changed = phi.copy()
                changed[row] = next(potentials)
                words = f"{fixed.names[row]} {shift_mm:g} mm to the {direction}"
                yield self.influence(words, twelve_lead(fixed.names.tolist(), changed))

    def of_conductivities(self, factor: float) -> Iterator[Influence]:
        """Each conductivity times a factor; that of the lungs if there are any."""
        leadfield = self.config.leadfield
        for key in CONDUCTIVITY_RANGES:
            if key == "sigma_lung_s_per_m" and Tissue.LUNG not in self.patient.mesh.cell_tags:
                continue
            changed = leadfield.model_copy(update={key: factor * getattr(leadfield, key)})
            name = key.removesuffix("_s_per_m")
            step(f"{name} x {factor:g}")
            yield self.influence(f"{name} x {factor:g}", self.ecg(self.patient, changed))

    def of_fibers(self, degrees: float) -> Iterator[Influence]:
        """Fibre angles at the endocardium and epicardium, each changed by some degrees."""
        angles = self.config.fibers
        base = self._ecg_of_angles(angles)
        for key in ("alpha_endo_deg", "alpha_epi_deg"):
            changed = angles.model_copy(update={key: getattr(angles, key) + degrees})
            words = f"fibres at the {key.split('_')[1]}cardium {degrees:+g} degrees"
            step(words)
            yield self.influence(words, self._ecg_of_angles(changed), base)

    def _ecg_of_angles(self, angles: FiberSettings) -> np.ndarray:
        mesh, coordinates = self.patient.mesh, self.patient.coordinates
        changed = Patient.of(mesh, assign_fibers(self.patient, angles), coordinates)
        return self.ecg(changed, self.config.leadfield)

    def influence(self, change: str, ecg: np.ndarray, base: np.ndarray | None = None) -> Influence:
        """Compare a changed ECG with the unchanged one."""
        base = self.base if base is None else base
        difference = np.linalg.norm(ecg - base, axis=1)
        relative = difference / np.linalg.norm(base, axis=1)
        lead = int(np.argmax(relative))
        return Influence(
            change,
            LEADS[lead],
            float(relative[lead]),
            float(np.abs(ecg[lead] - base[lead]).max()),
            float(np.linalg.norm(ecg - base) / np.linalg.norm(base)),
        )


def _moved(patient: Patient, row: int, shift_mm: float) -> dict[str, np.ndarray]:
    """Direction -> point [3] mm on the skin, about `shift_mm` along it from the electrode."""
    points, place = patient.mesh.points, patient.lead_fields.electrode_points[row]
    skin = skin_faces(patient.mesh)
    a, b, c = points[electrode_weights(points, skin, place[None]).indices]
    normal = np.cross(b - a, c - a)
    across = np.cross(normal, UP)
    across /= np.linalg.norm(across)
    up = np.cross(across, normal)
    up *= np.sign(up[2]) / np.linalg.norm(up)
    # x is to the patient's left, y to the back; on the flank a level step goes forwards or back
    level = ("left", "right") if abs(across[0]) >= abs(across[1]) else ("back", "front")
    across *= np.sign(across[0] if level[0] == "left" else across[1])
    ways = {level[0]: across, level[1]: -across, "head": up, "feet": -up}
    near = electrode_weights(points, skin, place + shift_mm * np.stack(list(ways.values())))
    return dict(zip(ways, near @ points))
