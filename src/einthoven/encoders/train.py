"""Train an encoder on the consolidated store and write its folder."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays, write_json
from einthoven.core.log import logger
from einthoven.core.tags import SDF_SURFACES
from einthoven.encoders.base import Encoder, Latents
from einthoven.encoders.deepsdf.auto_decoder import AutoDecoder, Objective
from einthoven.encoders.deepsdf.decoder import DecoderShape
from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.encoders.deepsdf.infer import CodePrior
from einthoven.encoders.pca import PcaEncoder
from einthoven.encoders.surfaces import SurfaceProvider
from einthoven.training.machine import ONE_CORE, Machine
from einthoven.training.resume import discard
from einthoven.training.task import Schedule, fit, seeded, torch_threads
from einthoven.training.tensors import arrays_sha256

IMPORTED_SPLIT = "imported"
"""Imported patients get their codes later, one by one (encoders.imported_code)."""
NEAR_MM = 3.0
"""Samples closer than this to a surface measure how well it is reproduced."""


@dataclass(frozen=True)
class SdfSamples:
    """Samples of a cohort: names, splits, points [patient, sample, 3] and sdf [.., surface]."""

    patient: tuple[str, ...]
    split: tuple[str, ...]
    points: np.ndarray
    sdf: np.ndarray

    def __post_init__(self) -> None:
        n_patients, n_samples = self.points.shape[:2]
        check.shape("sdf_points", check.finite("sdf_points", self.points), (None, None, 3))
        check.shape("sdf", check.finite("sdf", self.sdf), (n_patients, n_samples, None))
        if self.split.count("train") < 2:
            raise BadInput("split: an encoder needs at least two training patients")

    def of(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Points and distances of one split, float32."""
        rows = [s == split for s in self.split]
        return self.points[rows].astype(np.float32), self.sdf[rows].astype(np.float32)

    @classmethod
    def read(cls, store_path: str | Path) -> "SdfSamples":
        """Read group `sdf` of the consolidated store, without imported patients."""
        from einthoven.dataset.loaders import open_group

        data = open_group(store_path, "sdf").load()
        data = data.isel(patient=np.flatnonzero(data["split"].values != IMPORTED_SPLIT))
        names, splits = (tuple(map(str, data[k].values)) for k in ("patient", "split"))
        return cls(names, splits, data["sdf_points"].values, data["sdf"].values)


def read_shapes(paths: Sequence[str | Path]) -> tuple[np.ndarray, np.ndarray]:
    """Samples of shapes beside the cohort: points [shape, sample, 3] and sdf [.., surface] mm.

    Raises:
        BadInput: a file is missing, broken, or of another number of samples.
    """
    chunks = [load_arrays(path, ("sdf_points", "sdf")) for path in paths]
    if len({chunk["sdf_points"].shape[1] for chunk in chunks}) > 1:
        raise BadInput("shapes: files differ in their number of samples; make them anew")
    points, sdf = (np.concatenate([c[name] for c in chunks]) for name in ("sdf_points", "sdf"))
    return points, sdf


def train_encoder(
    name: str,
    store_path: str | Path,
    out_dir: str | Path,
    section: dict[str, Any],
    *,
    shapes: Sequence[str | Path] = (),
    machine: Machine = ONE_CORE,
) -> Encoder:
    """Train (deepsdf) or collect (pca) the codes of all patients and write the encoder's folder.

    Writes `model.safetensors`, `latents.npz`; for deepsdf also `curve.csv` and
    `validation.json` (near-surface error of the validation patients).

    Args:
        name: `pca` or `deepsdf`.
        store_path: consolidated store.
        out_dir: folder of the encoder.
        section: the config section `deepsdf`; ignored for pca, which has nothing to choose.
        shapes: files of anatomies beside the cohort; ignored for pca.
        machine: threads, device, tracking.

    Raises:
        BadInput: unknown name, unreadable store, missing keys.
    """
    if name == "pca":
        encoder: Encoder = PcaEncoder(_pca_latents(store_path))
    elif name == "deepsdf":
        encoder = train_deepsdf(
            SdfSamples.read(store_path),
            section,
            out_dir,
            shapes=read_shapes(shapes) if shapes else None,
            machine=machine,
        )
    else:
        raise BadInput(f"encoder {name!r}: expected pca or deepsdf")
    with torch_threads(machine.n_threads):
        encoder.save(out_dir)
    discard(out_dir)
    return encoder


def load_encoder(name: str, folder: str | Path, surfaces: SurfaceProvider | None = None) -> Encoder:
    """Read an encoder's folder; the PCA code needs `surfaces` for signed distances.

    Raises:
        BadInput: unknown name, missing or broken files.
    """
    if name == "pca":
        return PcaEncoder.load(folder, surfaces)
    if name == "deepsdf":
        return DeepSdfEncoder.load(folder)
    raise BadInput(f"encoder {name!r}: expected pca or deepsdf")


def train_deepsdf(
    samples: SdfSamples,
    section: dict[str, Any],
    out_dir: str | Path,
    *,
    shapes: tuple[np.ndarray, np.ndarray] | None = None,
    machine: Machine = ONE_CORE,
) -> DeepSdfEncoder:
    """Train on the training patients and on shapes, then infer all codes, eq. (6) and (7).

    Validation and test patients touch neither the weights nor the scales nor the prior. Codes of
    training patients are inferred like those of all others: learned ones would differ in kind,
    and whatever is trained on top of them would see that.
    """
    shape, objective, schedule = _settings(section)
    points, sdf = _joined(samples.of("train"), shapes)
    data_sha256 = arrays_sha256(points, sdf)
    with seeded(section["seed"], "deepsdf", "weights"):
        task = AutoDecoder(shape, objective, torch.from_numpy(points), torch.from_numpy(sdf))
    fit(
        task,
        schedule,
        seed=section["seed"],
        name="deepsdf",
        folder=out_dir,
        validate_every=0,
        machine=machine,
        parameters=section | {"data_sha256": data_sha256},
    )
    prior = CodePrior.from_codes(task.latents.detach().numpy())
    none = Latents((), (), np.empty((0, shape.n_latent), np.float32))
    trained = DeepSdfEncoder(task.decoder, none, prior, section, data_sha256)
    with torch_threads(machine.n_threads):
        trained.latents = _all_latents(trained, samples)
        _report_validation(trained, samples, out_dir)
    return trained


def _settings(section: dict[str, Any]) -> tuple[DecoderShape, Objective, Schedule]:
    """Split the config section among those who read it."""

    def part[Part: (DecoderShape, Objective)](kind: type[Part]) -> Part:
        return kind(**{field.name: section[field.name] for field in fields(kind)})

    try:
        return part(DecoderShape), part(Objective), Schedule.of(section)
    except KeyError as error:
        raise BadInput(f"deepsdf section: key {error} is missing") from error


def _joined(
    patients: tuple[np.ndarray, np.ndarray], shapes: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Points and distances of patients and shapes, float32, as many samples of each."""
    if shapes is None:
        return patients
    n_samples = min(patients[0].shape[1], shapes[0].shape[1])
    pairs = zip(patients, shapes)
    points, sdf = (np.concatenate([a[:, :n_samples], b[:, :n_samples]]) for a, b in pairs)
    return points.astype(np.float32), sdf.astype(np.float32)


def _all_latents(encoder: DeepSdfEncoder, samples: SdfSamples) -> Latents:
    """Codes of all patients, inferred from `infer_points` samples each."""
    n_points = encoder.config["infer_points"]
    rows = [
        encoder.infer(points[:n_points], sdf[:n_points])
        for points, sdf in zip(samples.points, samples.sdf)
    ]
    return Latents(samples.patient, samples.split, np.stack(rows))


def _report_validation(encoder: DeepSdfEncoder, samples: SdfSamples, out_dir: str | Path) -> None:
    """Write the mean |error| in mm within NEAR_MM of each surface, validation patients only."""
    errors: dict[str, list[float]] = {surface: [] for surface in SDF_SURFACES}
    chosen = [i for i, split in enumerate(samples.split) if split == "val"]
    for i in chosen:
        wrong = np.abs(encoder.signed_distances(samples.patient[i], samples.points[i])
                       - samples.sdf[i])  # fmt: skip
        for k, surface in enumerate(SDF_SURFACES):
            near = np.abs(samples.sdf[i, :, k]) < NEAR_MM
            if near.any():
                errors[surface].append(float(wrong[near, k].mean()))
    means = {surface: float(np.mean(e)) for surface, e in errors.items() if e}
    write_json(
        Path(out_dir) / "validation.json", {"n_patients": len(chosen), "near_surface_mm": means}
    )
    logger.info("deepsdf: validation near-surface error mm %s", means)


def _pca_latents(store_path: str | Path) -> Latents:
    from einthoven.dataset.loaders import open_group

    data = open_group(store_path, "cohort").load()
    data = data.isel(patient=np.flatnonzero(data["split"].values != IMPORTED_SPLIT))
    names, splits = (tuple(map(str, data[k].values)) for k in ("patient", "split"))
    return Latents(names, splits, data["latent_pca"].values.astype(np.float32))
