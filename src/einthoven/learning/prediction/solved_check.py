"""The true error of a prediction: some of its electrodes computed by finite elements.

The reference is the finite-element solution on the patient's own mesh, so its error is included:
about 2 degrees on hearts of 4 mm (docs/explanation/lead-field-accuracy.md).
"""

import time as clock
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from einthoven.base.config.models import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import step
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.metrics.fields import angular_error_deg, rel_l2
from einthoven.base.metrics.reliability import bound_ratio, normal_bound_ratio
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.new_patient import STATED
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.surrogate.operator.inputs import conductivities_of
from einthoven.physics.ecg.simulate import SimulationSettings
from einthoven.physics.leadfield.solve import solve_lead_fields


@dataclass(frozen=True)
class SolvedCheck:
    """Errors of a prediction at the electrodes that were computed; `check.json`."""

    patient: str
    electrodes: list[str]
    """Electrodes that were computed."""
    electrode_angle_deg: list[float]
    """Mean angle over the heart's cells, for each of them."""
    electrode_rel: list[float]
    """Mean length of the residual over mean length of the truth, for each of them."""
    angle_deg: float
    rel: float
    """Means over the electrodes."""
    stated_sd_deg: float | None
    """Mean calibrated SD there; None without an ensemble."""
    level: float
    """Level of the predicted intervals."""
    angle_coverage: float | None
    """Share of (electrode, cell) whose angle is within the predicted bound."""
    ecg_rel_l2: dict[str, float]
    """Scenario -> mean over the leads; empty without the nine electrodes."""
    ecg_coverage: float | None
    """Share of (scenario, lead, time) within the predicted interval."""
    seconds_solve: float
    """Seconds of the finite elements."""

    @property
    def covered(self) -> bool | None:
        """Whether at least `level` of the errors are within bounds; None without an ensemble."""
        shares = [s for s in (self.angle_coverage, self.ecg_coverage) if s is not None]
        return min(shares) >= self.level if shares else None

    def to_json(self) -> dict[str, Any]:
        """Content of check.json."""
        return asdict(self) | {"covered": self.covered}

    def line(self) -> str:
        """One line for the user."""
        ecg = "".join(f", ECG {name} {error:.3f}" for name, error in self.ecg_rel_l2.items())
        true = (
            f"check: {len(self.electrodes)} electrodes solved in {self.seconds_solve:.1f} s: "
            f"{self.angle_deg:.2f} degrees, relative error {self.rel:.3f}{ecg}"
        )
        if self.covered is None:
            return f"{true}; the model states no uncertainty"
        parts = [("angles", self.angle_coverage), ("ECG", self.ecg_coverage)]
        shares = ", ".join(f"{100 * s:.0f} % of {of}" for of, s in parts if s is not None)
        words = "COVERS" if self.covered else "DOES NOT COVER"
        return f"{true}; the stated {100 * self.level:.0f} % interval {words} ({shares} within it)"


def spread_electrodes(electrodes: Electrodes, n: int) -> np.ndarray:
    """Rows [n] of some electrodes: those of the 12-lead ECG first, then farthest-point sampling.

    Raises:
        BadInput: there are not enough.
    """
    names = electrodes.names.tolist()
    if not 1 <= n <= len(names):
        raise BadInput(f"check: {n} electrodes, but {len(names)} are predicted")
    first = [names.index(name) for name in STANDARD_ELECTRODES if name in names]
    few = n <= len(first)
    candidates, chosen = (first, first[-1:]) if few else (list(range(len(names))), first or [0])
    points = electrodes.points[candidates]
    found = list(chosen)
    while len(found) < n:
        gaps = np.linalg.norm(points[:, None] - electrodes.points[found], axis=2).min(axis=1)
        found.append(candidates[int(gaps.argmax())])
    return np.array(found)


def check_by_solving(
    prediction: Prediction, patient: Patient, rows: np.ndarray, config: Config
) -> SolvedCheck:
    """Compute some electrodes by finite elements and compare.

    Args:
        prediction: with the ECGs from it, if there are activations.
        patient: with the stages of the prediction and a mesh of the whole body.
        rows: [checked] rows of the prediction's electrodes.
        config: as for the prediction.

    Raises:
        BadInput: a mesh without torso, or electrodes off its skin.
        NotConverged: the linear solve failed.
    """
    start, sigma = clock.perf_counter(), conductivities_of(patient, config.leadfield)
    names, points = (prediction.needed(f"electrode_{k}")[rows] for k in ("names", "points"))
    step(f"solving {len(rows)} electrodes by finite elements")
    solved = solve_lead_fields(patient, Electrodes(names, points), sigma)
    true = solved.gradients(patient.heart, sigma.gradient).grad
    seconds, found = clock.perf_counter() - start, prediction.heart_grad[rows]
    angle = angular_error_deg(found, true)
    residual, length = (np.linalg.norm(g, axis=-1).mean(axis=1) for g in (found - true, true))
    sd, share = None, None
    if prediction.heart_sd_deg is not None:
        sd = prediction.heart_sd_deg[rows]
        share = float((angle <= bound_ratio(STATED, prediction.n_members) * sd).mean())
    ecg_errors, ecg_share = dict[str, float](), None
    if prediction.ecg is not None and set(STANDARD_ELECTRODES) <= set(names.tolist()):
        alone = Prediction(heart_grad=true, electrode_names=names, electrode_points=points)
        activations = list(patient.activations.values())
        settings = SimulationSettings.of(config, sigma)
        reference = with_ecg(alone, patient, activations, settings).needed("ecg")
        errors = rel_l2(prediction.ecg, reference).mean(axis=1)
        ecg_errors = dict(zip(prediction.needed("scenarios").tolist(), errors.tolist()))
        if prediction.ecg_sd is not None:
            half = prediction.ecg_sd * normal_bound_ratio(STATED, prediction.n_members)
            ecg_share = float((np.abs(prediction.ecg - reference) <= half).mean())
    return SolvedCheck(
        patient=patient.name,
        electrodes=names.tolist(),
        electrode_angle_deg=angle.mean(axis=1).tolist(),
        electrode_rel=(residual / length).tolist(),
        angle_deg=float(angle.mean()),
        rel=float((residual / length).mean()),
        stated_sd_deg=None if sd is None else float(sd.mean()),
        level=STATED,
        angle_coverage=share,
        ecg_rel_l2=ecg_errors,
        ecg_coverage=ecg_share,
        seconds_solve=seconds,
    )
