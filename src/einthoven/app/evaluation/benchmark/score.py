"""Errors of a submission, as JSON and as a row of the table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from einthoven.app.evaluation.benchmark.submission import Submission
from einthoven.app.evaluation.benchmark.task import BenchmarkTask, HeartField
from einthoven.app.evaluation.tables import spread
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.load import section_of
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import logger, track
from einthoven.base.core.names import PRECORDIAL_ELECTRODES, STANDARD_ELECTRODES
from einthoven.base.metrics import fields as metrics
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg

COLUMNS = {
    "angular_error_deg": "angle in the heart (°)",
    "angular_error_precordial_deg": "V1 to V6 (°)",
    "gradient_rel_l2": "gradient (rel. l2)",
    "length_rel_l2": "magnitude (rel. l2)",
    "ecg_rel_l2": "ECG (rel. l2)",
}
"""Key of a patient's scores -> heading; the first decides the order of the table."""


def score_submission(submission: Submission, benchmark: BenchmarkTask) -> dict[str, Any]:
    """All errors of a submission to the lead-field benchmark.

    The ECG is scored if every patient has gradients at all cells and the data set has its patients.

    Args:
        submission: gradients of the test patients, kOhm/mm.
        benchmark: the published data set.

    Returns:
        card, dataset, scores (key -> mean, std over patients, n_patients), per_patient.

    Raises:
        BadInput: one line that names the file, the field and what is wrong.
    """
    names = benchmark.patients("test")
    with_ecg = _is_ecg_judged(submission, benchmark, names)
    rows: dict[str, dict[str, float]] = {}
    for name in track(names, "score"):
        field = benchmark.field(name)
        rows[name] = field_errors(submission.grad(field), field)
        if with_ecg:
            patient = benchmark.whole(name)
            grad = submission.cell_grad(name, len(patient.heart.cells))
            rows[name]["ecg_rel_l2"] = ecg_error(grad, patient, benchmark)
    keys = dict.fromkeys(key for row in rows.values() for key in row)
    return {
        "card": asdict(submission.card),
        "dataset": {"seal": benchmark.seal, "n_test": len(names)},
        "scores": {key: spread([row[key] for row in rows.values()]) for key in keys},
        "per_patient": rows,
    }


def _is_ecg_judged(submission: Submission, benchmark: BenchmarkTask, names: list[str]) -> bool:
    """Whether there are gradients at all cells; for only some of the patients they are refused."""
    without = [name for name in names if not submission.has_cells(name)]
    if 0 < len(without) < len(names):
        raise BadInput(
            f"{submission.folder}: {without[0]}.npz: cell_grad missing, as in {len(without)} of "
            f"{len(names)} patients; supply it for all, or for none (then no ECG is scored)"
        )
    if not without and not benchmark.has_whole_patients:
        logger.warning("%s: no ECG is scored: the data set has no patients/", submission.folder)
    if not without and benchmark.has_p_waves:
        reason = "the data set's ECGs have P waves, the submission gradients in the ventricles only"
        logger.warning("%s: no ECG is scored: %s", submission.folder, reason)
    return not without and benchmark.has_whole_patients and not benchmark.has_p_waves


def field_errors(grad: np.ndarray, field: HeartField) -> dict[str, float]:
    """Errors of one patient's gradients [electrode, heart point, 3] kOhm/mm.

    Angles are plain means over points and electrodes; relative errors are norms over a heart's
    points per electrode, averaged over electrodes.
    """
    true = field.grad.astype(np.float64)
    angle = metrics.angular_error_deg(grad, true)  # [electrode, point]
    lengths, true_lengths = (np.linalg.norm(g, axis=-1) for g in (grad, true))
    flat = grad.reshape(len(grad), -1), true.reshape(len(true), -1)
    chest = [k for k, name in enumerate(field.electrodes) if name in PRECORDIAL_ELECTRODES]
    found = {
        "angular_error_deg": angle.mean(),
        "angular_error_worst_electrode_deg": angle.mean(axis=1).max(),
        "gradient_rel_l2": metrics.rel_l2(*flat).mean(),
        "length_rel_l2": metrics.rel_l2(lengths, true_lengths).mean(),
    }
    if chest:
        found["angular_error_precordial_deg"] = angle[chest].mean()
    return {key: float(value) for key, value in found.items()}


def ecg_error(cell_grad: np.ndarray, patient: Patient, benchmark: BenchmarkTask) -> float:
    """Relative l2 of the 12-lead ECG, mean over leads and scenarios, against the published one.

    Args:
        cell_grad: [standard electrode, heart cell, 3] kOhm/mm, patient frame.
        patient: with mesh, fibres, coordinates, activations and ECG.
        benchmark: time axis and conductivities.
    """
    true = patient.ecg
    names = np.array(STANDARD_ELECTRODES)
    fields = LeadFieldGradients(names, np.zeros((len(names), 3)), cell_grad)
    drawn = patient.field.conductivities or {}
    sigma = section_of(LeadFieldSettings, dict(benchmark.leadfield) | drawn, patient.name)
    durations = section_of(RepolarisationSettings, true.settings or {}, patient.name)
    beats = [patient.activation(str(scenario)) for scenario in true.scenario]
    settings = SimulationSettings(benchmark.ecg, sigma, durations)
    simulated = simulate_ecg(patient, fields, beats, settings)
    return float(metrics.rel_l2(simulated.ecg, true.ecg).mean())


def table(scored: Iterable[Mapping[str, Any]]) -> str:
    """A Markdown table, the smallest angle first."""
    rows = sorted(scored, key=lambda s: s["scores"]["angular_error_deg"]["mean"])
    head = ["method", *COLUMNS.values(), "parameters", "training (s)"]
    return "\n".join([_line(head), _line(["---"] * len(head)), *map(row, rows)])


def row(scored: Mapping[str, Any]) -> str:
    """One row of it: mean ± SD over test patients; a dash for a missing score."""
    card, scores = scored["card"], scored["scores"]
    cells = [f"{s['mean']:.3g} ± {s['std']:.2g}" if (s := scores.get(key)) else "–"
             for key in COLUMNS]  # fmt: skip
    return _line([card["name"], *cells, f"{card['n_parameters']:,}",
                  f"{card['train_seconds']:.0f}"])  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
