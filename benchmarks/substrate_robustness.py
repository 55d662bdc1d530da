"""What a scar costs lead fields and twins that do not know of it.

The reference is the beat of a heart with an old transmural infarct whose scar is in the lead field.
Ventricles only: no P wave.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from substrate_hearts import FACING, OLD, SubstrateHeart

from einthoven.base.config import Config
from einthoven.base.config.atria import OFF
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.base.core.errors import EinthovenError
from einthoven.base.core.log import logger
from einthoven.base.metrics.fields import angular_error_deg, rel_l2, weighted_mean
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.data.patient.substrate import BORDER, CORE, HEALTHY, Substrate
from einthoven.imaging.twin.heart_twin import HeartTwin, TwinMaker
from einthoven.learning.prediction.pretrained import Pretrained
from einthoven.physics.ecg.intervals import qrs_window
from einthoven.physics.ecg.simulate import simulate_ecg
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
from einthoven.physics.electrophysiology.repolarisation import node_volumes
from einthoven.physics.leadfield.solve import solve_lead_fields

CORES: Mapping[str, float | None] = {"measured": 0.5, "muscle": None}
"""Name -> extracellular conductivity of the core, S/m; None: that of muscle."""
PARTS = {"core": CORE, "border": BORDER, "elsewhere": HEALTHY}
AFTER_MS = 10
FAILED = 0.9
"""A fit whose QRS correlates less has gone astray."""
OTHER_SEED = 77
"""Seed of the twin's own Purkinje trees."""


def known_scar(core: float | None) -> SubstrateSettings:
    """An old infarct that the lead field knows of."""
    return OLD.model_copy(update={"in_lead_field": True, "core_sigma_e_s_per_m": core})


def solved(heart: SubstrateHeart, patient: Patient) -> LeadFieldGradients:
    """Lead fields of the nine electrodes by finite elements, with the patient's scar if it has one.

    Gradients are those of the elements: a recovered one is smooth over the edge of a scar.
    """
    electrodes, sigma = patient.anatomy.twelve_lead_electrodes, heart.simulation.leadfield
    return solve_lead_fields(patient, electrodes, sigma).gradients(patient.heart, "raw")


def ecg_of(
    heart: SubstrateHeart, patient: Patient, fields: LeadFieldGradients, beat: Activation
) -> tuple[np.ndarray, np.ndarray]:
    """[12, time] mV of a beat of the ventricles, by some lead fields, and [time] ms."""
    found = simulate_ecg(patient, fields, beat, replace(heart.simulation, atria=OFF))
    return np.asarray(found.ecg[0], float), found.time


def angles(
    found: np.ndarray, true: np.ndarray, scar: Substrate, volumes: np.ndarray
) -> dict[str, float]:
    """Mean angle between gradients, degrees, by part of the heart."""
    angle = angular_error_deg(found, true).mean(axis=0)
    return {f"angle_deg_{name}": float(weighted_mean(angle[here], volumes[here]))
            for name, tissue in PARTS.items() if (here := scar.tissue == tissue).any()}  # fmt: skip


def ecg_error(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Relative error, mean over leads; largest difference, mV; correlation of all leads."""
    return {
        "ecg_rel_l2": float(rel_l2(found, true).mean()),
        "ecg_largest_mv": float(np.abs(found - true).max()),
        "ecg_correlation": float(np.corrcoef(found.ravel(), true.ravel())[0, 1]),
    }


def lead_field_rows(heart: SubstrateHeart, operator: Pretrained) -> list[dict[str, Any]]:
    """Rows of one heart: finite elements that do not know of the scar, and the operator."""
    well, volumes = heart.patient, heart.patient.heart.volumes
    healthy = solved(heart, well)
    start, electrodes = time.process_time(), well.anatomy.twelve_lead_electrodes
    predicted = replace(healthy, grad=operator.predict(
        well, electrodes, heart.simulation.leadfield).heart_grad)  # fmt: skip
    seconds, beat = time.process_time() - start, heart.sinus(well)
    angle = angular_error_deg(predicted.grad, healthy.grad).mean(axis=0)
    rows: list[dict[str, Any]] = [{
        "heart": well.name, "fields": "operator", "core": "no scar", "seconds": seconds,
        "angle_deg_elsewhere": float(weighted_mean(angle, volumes)),
        **ecg_error(*(ecg_of(heart, well, f, beat)[0] for f in (predicted, healthy))),
    }]  # fmt: skip
    for artery in FACING:
        for name, core in CORES.items():
            sick = heart.diseased(known_scar(core), artery)
            start = time.process_time()
            true, beat = solved(heart, sick), heart.sinus(sick)
            seconds = time.process_time() - start
            ecg, _ = ecg_of(heart, sick, true, beat)
            for kind, fields in {"without the scar": healthy, "operator": predicted}.items():
                rows.append({
                    "heart": well.name, "artery": artery, "fields": kind, "core": name,
                    "seconds": seconds, **angles(fields.grad, true.grad, sick.substrate, volumes),
                    **ecg_error(ecg_of(heart, sick, fields, beat)[0], ecg),
                })  # fmt: skip
    return rows


def twin_row(heart: SubstrateHeart, maker: TwinMaker, artery: str | None) -> dict[str, Any]:
    """The twin of one beat, which knows heart and lead fields but of no scar."""
    patient = heart.patient if artery is None else heart.diseased(known_scar(0.5), artery)
    fields, beat = solved(heart, patient), heart.sinus(patient)
    tau = beat.activation_time.astype(float)
    tau -= tau.min()
    ecg, axis = ecg_of(heart, patient, fields, replace(beat, activation_time=tau))
    end = int(np.ceil(qrs_window(ecg, axis)[1])) + AFTER_MS
    start = time.process_time()
    twin: HeartTwin = maker.fit(ecg[:, (axis >= 0) & (axis < end)], np.arange(float(end)))
    seconds = time.process_time() - start
    error = np.abs(twin.twin.activation_time - tau)
    level = np.zeros(len(tau)) if artery is None else patient.substrate.level
    parts = {"elsewhere": level == 0, "border": (level > 0) & (level < 1), "core": level == 1}
    volumes = node_volumes(patient.heart)
    return {
        "heart": patient.name,
        "artery": artery or "none",
        "correlation": twin.twin.correlation,
        "seconds": seconds,
        **{f"map_error_ms_{name}": float(weighted_mean(error[here], volumes[here]))
           for name, here in parts.items() if here.any()},
    }  # fmt: skip


def twin_rows(heart: SubstrateHeart, arteries: Iterable[str | None]) -> list[dict[str, Any]]:
    """Rows of one heart; trees are grown anew, for the twin does not know the patient's."""
    config, well = Config(), heart.patient
    tree = grow_tree(well, config.purkinje.model_copy(update={"seed": OTHER_SEED}))
    maker = TwinMaker.of(well.with_stages(tree), solved(heart, well).grad, config)
    return [twin_row(heart, maker, artery) for artery in arteries]


def robustness(hearts: list[SubstrateHeart], n_twins: int) -> dict[str, Any]:
    """Means over hearts of lead fields, medians of twins, and how many there are.

    Twins are those of the first `n_twins` hearts, each when healthy and with a scar in each
    territory.
    """
    operator, fields, twins = Pretrained.load(), list[dict[str, Any]](), list[dict[str, Any]]()
    for k, heart in enumerate(hearts):
        try:
            fields += lead_field_rows(heart, operator)
            if k < n_twins:
                twins += twin_rows(heart, (None, *FACING))
        except EinthovenError as error:
            logger.warning("%s: %s", heart.patient.name, error)
        for row in (*fields, *twins):
            if row["heart"] == heart.patient.name:
                print(row, flush=True)
    return summary(fields, twins)


def summary(fields: list[dict[str, Any]], twins: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of `robustness`, from its rows."""
    found: dict[str, Any] = {
        "lead_fields": means(fields, ("fields", "core", "artery")),
        "lead_fields_all_territories": means(fields, ("fields", "core")),
    }
    sick = [row for row in twins if row["artery"] != "none"]
    groups = {artery: [row for row in twins if row["artery"] == artery]
              for artery in ("none", *FACING)} | {"any scar": sick}  # fmt: skip
    found["twins"] = [
        {"scar": name, **row, "correlation_least": min(row["correlation"] for row in rows),
         "failed_share": float(np.mean([row["correlation"] < FAILED for row in rows]))}
        for name, rows in groups.items() for row in means(rows, (), np.median)
    ]  # fmt: skip
    return found


def means(
    rows: list[dict[str, Any]], keys: tuple[str, ...], of: Callable[..., Any] = np.mean
) -> list[dict[str, Any]]:
    """Mean (or `of`) of each figure over rows that share the values of some keys; their number."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(key, "none") for key in keys), []).append(row)
    found = []
    for values, group in groups.items():
        names = sorted({n for row in group for n, v in row.items() if isinstance(v, float)})
        figures = {n: float(of([row[n] for row in group if n in row])) for n in names}
        found.append(dict(zip(keys, values)) | figures | {"n": len(group)})
    return found
