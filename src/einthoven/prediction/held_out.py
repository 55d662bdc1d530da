"""Lead fields and ECGs of one held-out patient, with the time that they take."""

import time as clock
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.core.check import shape
from einthoven.core.files import Arrays, load_arrays, save_arrays
from einthoven.ecg.forward import forward_potential
from einthoven.ecg.leads import twelve_lead
from einthoven.encoders.base import Encoder
from einthoven.encoders.deepsdf.out_of_distribution import OutOfDistributionCheck
from einthoven.patient.heart import Heart
from einthoven.surrogate.ensemble import Surrogate
from einthoven.surrogate.inputs import Inputs, patient_inputs
from einthoven.training.task import torch_threads


def predict_patient(
    surrogate: Surrogate,
    encoder: Encoder,
    model: str,
    patient_dir: str | Path,
    out_path: str | Path,
    *,
    activation: Mapping[str, str | Path],
    sigma_i: np.ndarray,
    time: np.ndarray,
    template: tuple[np.ndarray, np.ndarray],
    n_threads: int = 1,
    check: OutOfDistributionCheck | None = None,
) -> None:
    """Predict a held-out patient and write `heart_grad`, `field_grad` and the ECG.

    Args:
        surrogate: one network or an ensemble, which also states its uncertainty.
        encoder: trained; it knows the patient's code.
        model: mlp or refraction; the name for the file.
        patient_dir: results/patients/{patient}: anatomy, mesh, fibers and field are read.
        out_path: results/predictions/{encoder}-{model}/{patient}.npz.
        activation: scenario -> file with `activation_time`, in the order of the ECG file.
        sigma_i: [heart cell, 3, 3] intracellular conductivity, mS/mm.
        time: [time] ms.
        template: action potential: time [sample] ms and V_m [sample] mV.
        n_threads: torch threads, also those of the timing.
        check: of an imported patient; the file repeats it, with the SD of an ensemble.

    Raises:
        BadInput: a file is missing or broken, the patient has no code, shapes do not fit.
    """
    files = Path(patient_dir)
    anatomy = load_arrays(files / "anatomy.npz", ["heart_rotation", "heart_origin", "torso_box"])
    mesh = load_arrays(files / "mesh.npz", ["points", "cells"])
    fibers = load_arrays(files / "fibers.npz", ["f0"])
    field = load_arrays(
        files / "field.npz", ["field_points", "field_fiber", "electrode_points", "electrode_names"]
    )
    anatomy["electrode_points"] = field["electrode_points"]
    n_nodes, n_cells = mesh.attrs["n_heart_nodes"], mesh.attrs["n_heart_cells"]
    points, cells = mesh["points"][:n_nodes], mesh["cells"][:n_cells]
    centroids = points[cells].mean(axis=1)
    heart = Heart(points, cells, np.empty((0, 3), int), np.empty(0, int))
    shape("f0", fibers["f0"], (n_cells, 3))
    with torch_threads(n_threads):
        heart_grad, sd, timing = _timed(surrogate, encoder, anatomy, centroids, fibers["f0"])
        at_field = _inputs(encoder, anatomy, field["field_points"], field["field_fiber"])
        field_grad, _ = surrogate.predict(at_field)
    potential = np.stack(
        [
            forward_potential(heart, sigma_i,
                              load_arrays(path, ["activation_time"])["activation_time"],
                              heart_grad, time, template)
            for path in activation.values()
        ]
    )  # fmt: skip
    names = [str(name) for name in field["electrode_names"]]
    arrays = {
        "heart_grad": heart_grad,
        "field_grad": field_grad,
        "electrode_potential": potential.astype(np.float32),
        "ecg": twelve_lead(names, potential).astype(np.float32),
        "scenario": np.array(list(activation)),
        "electrode_names": np.array(names),
        "time": time,
    }
    if sd is not None:
        arrays["heart_sd_deg"] = sd
        check = check and check.with_sd(float(sd.mean()), surrogate.usual_sd_deg)
    save_arrays(out_path, arrays, patient=_name(anatomy), model=model,
                encoder=encoder.name, n_points=int(n_cells), threads=n_threads,
                n_members=len(surrogate.networks),
                out_of_distribution=check and check.to_json(), **timing)  # fmt: skip


def _name(anatomy: Arrays) -> str:
    return str(anatomy.attrs["patient"])


def _inputs(encoder: Encoder, anatomy: Arrays, points: np.ndarray, fiber: np.ndarray) -> Inputs:
    return patient_inputs(encoder, _name(anatomy), points, fiber, anatomy["electrode_points"],
                          anatomy["heart_rotation"], anatomy["heart_origin"],
                          anatomy["torso_box"])  # fmt: skip


def _timed(
    surrogate: Surrogate,
    encoder: Encoder,
    anatomy: Arrays,
    centroids: np.ndarray,
    fiber: np.ndarray,
) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Gradients in the heart for all electrodes, their SD, seconds per lead in two ways.

    `seconds_per_lead` shares one evaluation for all electrodes among them;
    `seconds_single_lead` is one electrode alone (the paper's batch size 1). Both hold the
    decoding of the geometry, `seconds_inputs`, which does not depend on the electrodes.
    """
    start = clock.perf_counter()
    inputs = _inputs(encoder, anatomy, centroids, fiber)
    ready = clock.perf_counter()
    surrogate.predict(inputs.at(slice(0, 64)))  # buffers and thread pools exist now
    begin = clock.perf_counter()
    grad, sd = surrogate.predict(inputs)
    end = clock.perf_counter()
    surrogate.predict(inputs.seen_from(slice(0, 1)))
    single = clock.perf_counter() - end
    return (
        grad,
        sd,
        {
            "seconds_inputs": ready - start,
            "seconds_network": end - begin,
            "seconds_per_lead": (ready - start + end - begin) / len(grad),
            "seconds_single_lead": ready - start + single,
        },
    )
