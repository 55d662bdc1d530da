"""How much the ECG of a patient moves when an electrode, a conductivity or the fibres do.

Finite differences of the whole chain after activation: the wave itself is held fixed, so what is
told is the influence on the lead field and the source, not on conduction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from einthoven.analysis.patient import Patient
from einthoven.core.errors import BadInput
from einthoven.core.names import LEADS
from einthoven.core.tags import Tissue
from einthoven.ecg.forward import forward_potential
from einthoven.ecg.leads import twelve_lead
from einthoven.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.fibers.ldrb import assign_fibers
from einthoven.geometry.simplex import cell_gradient, p1_gradients
from einthoven.leadfield.conductivity import Conductivities, intracellular
from einthoven.leadfield.skin import electrode_weights, skin_faces
from einthoven.leadfield.solve import lead_fields

UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Influence:
    """What one change does to the 12-lead ECG.

    Attributes:
        change: what was changed, in words.
        lead: the lead that moves most.
        rel_l2: relative l2 change of that lead.
        peak_mv: largest change of it at any time, mV.
        ecg_rel_l2: relative l2 change of all twelve leads together.
    """

    change: str
    lead: str
    rel_l2: float
    peak_mv: float
    ecg_rel_l2: float


class Chain:
    """The chain from mesh and fibres to the ECG, with one thing changed at a time.

    Args:
        patient: a finished patient.
        leadfield: the config's `leadfield` section.
        fibers: the config's `fibers` section.
        scenario: whose activation is used.
        time: [time] ms, uniform.
    """

    def __init__(
        self, patient: Patient, leadfield: Mapping[str, Any], fibers: Mapping[str, Any],
        scenario: str, time: np.ndarray,
    ):  # fmt: skip
        self.patient, self.time = patient, time
        self.leadfield: dict[str, Any] = dict(leadfield)
        self.fibers: dict[str, Any] = dict(fibers)
        self.tau, self.beat = patient.tau(scenario), template(ECG_STEP_MS)

    @cached_property
    def base(self) -> np.ndarray:
        """The unchanged ECG [lead, time] mV."""
        return self.ecg()

    def ecg(
        self,
        electrodes: np.ndarray | None = None,
        f0: np.ndarray | None = None,
        **conductivities: float,
    ) -> np.ndarray:
        """The ECG [lead, time] mV with some things replaced."""
        patient, section = self.patient, self.leadfield | conductivities
        electrodes = patient.electrode_points if electrodes is None else electrodes
        f0 = patient.f0 if f0 is None else f0
        z, _ = lead_fields(patient.mesh, f0, electrodes, patient.electrode_names, **section)
        return twelve_lead(patient.electrode_names, self._potential(z, f0, section))

    def _potential(self, z: np.ndarray, f0: np.ndarray, section: Mapping[str, Any]) -> np.ndarray:
        points, cells = self.patient.heart
        grad = cell_gradient(p1_gradients(points, cells), cells, z[:, : len(points)])
        sigma = Conductivities.from_section(section)
        sigma_i = intracellular(f0, sigma.sigma_il, sigma.sigma_it)
        return forward_potential(points, cells, sigma_i, self.tau, grad, self.time, self.beat)

    def of_electrodes(self, names: Sequence[str], shift_mm: float) -> Iterator[Influence]:
        """Electrodes moved along the skin, each to the left, right, head and feet.

        All moved electrodes share one factorisation.

        Raises:
            BadInput: an electrode that the patient has not.
        """
        patient = self.patient
        if unknown := sorted(set(names) - set(patient.electrode_names)):
            raise BadInput(f"{patient.name}: no electrode {', '.join(unknown)}")
        rows = [patient.electrode_names.index(name) for name in names]
        moved = [_moved(patient, row, shift_mm) for row in rows]
        places = np.stack([place for ways in moved for place in ways.values()])
        z, _ = lead_fields(patient.mesh, patient.f0, places, **self.leadfield)
        fixed, _ = lead_fields(patient.mesh, patient.f0, patient.electrode_points,
                               patient.electrode_names, **self.leadfield)  # fmt: skip
        phi = self._potential(fixed, patient.f0, self.leadfield)
        phi_moved = iter(self._potential(z, patient.f0, self.leadfield))
        for row, ways in zip(rows, moved):
            for direction in ways:
                changed = phi.copy()
                changed[row] = next(phi_moved)
                ecg = twelve_lead(patient.electrode_names, changed)
                words = f"{patient.electrode_names[row]} {shift_mm:g} mm to the {direction}"
                yield self.influence(words, ecg)

    def of_conductivities(self, factor: float) -> Iterator[Influence]:
        """Each conductivity times a factor; that of the lungs if there are any."""
        keys = [key for key in self.leadfield if key.startswith("sigma_")]
        if not np.any(self.patient.mesh["cell_tags"] == Tissue.LUNG):
            keys.remove("sigma_lung_s_per_m")
        for key, value in self.leadfield.items():
            if key in keys:
                name = key.removesuffix("_s_per_m")
                yield self.influence(f"{name} x {factor:g}", self.ecg(**{key: factor * value}))

    def of_fibers(self, degrees: float) -> Iterator[Influence]:
        """Fibre angles at the endocardium and epicardium, each turned by some degrees."""
        plain = assign_fibers(self.patient.mesh, **self.fibers).f0
        base = self.ecg(f0=plain)
        for key in ("alpha_endo_deg", "alpha_epi_deg"):
            turned = self.fibers | {key: self.fibers[key] + degrees}
            f0 = assign_fibers(self.patient.mesh, **turned).f0
            words = f"fibres at the {key.split('_')[1]}cardium {degrees:+g} degrees"
            yield self.influence(words, self.ecg(f0=f0), base)

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
    """Direction -> place [3] mm on the skin, about `shift_mm` along it from the electrode."""
    points, place = patient.mesh["points"], patient.electrode_points[row]
    skin = skin_faces(patient.mesh)
    a, b, c = points[electrode_weights(points, skin, place[None]).indices]
    normal = np.cross(b - a, c - a)
    across = np.cross(normal, UP)
    across /= np.linalg.norm(across)
    up = np.cross(across, normal)
    up *= np.sign(up[2]) / np.linalg.norm(up)
    # x is to the patient's left, y to the back; on the flank a level step leads forwards or back
    level = ("left", "right") if abs(across[0]) >= abs(across[1]) else ("back", "front")
    across *= np.sign(across[0] if level[0] == "left" else across[1])
    ways = {level[0]: across, level[1]: -across, "head": up, "feet": -up}
    near = electrode_weights(points, skin, place + shift_mm * np.stack(list(ways.values())))
    return dict(zip(ways, near @ points))
