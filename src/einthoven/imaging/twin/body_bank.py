"""A bank of bodies: the hearts of many virtual patients, with beats that people could have there.

Which bodies an ECG may be from is asked of beats that were simulated before: the same draws of the
population on every heart. A bank knows where its patients lie, and their files by checksum.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from einthoven.base.config import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays, sha256_of
from einthoven.base.core.log import track
from einthoven.base.core.seeds import generator
from einthoven.data.patient.patient import Patient
from einthoven.imaging.inputs.lead_fields import lead_fields_of
from einthoven.imaging.twin.people_heart import N_TIMES, PeopleHeart, qrs_people

N_DRAWS, SEED = 48, 1
LATEST_MS = 32
"""Latest first activation that the screening tries, ms after the first sample."""
NEEDED = ("anatomy.npz", "mesh.npz", "fibers.npz")
STORED = ("ecgs", "deviations")
TO_MAKE = (
    "make some with `snakemake --configfile config/people.yaml` or give the folder of patients of "
    "another run"
)


class ScreenedBody(NamedTuple):
    """A body of the bank beside an ECG."""

    body: int
    """Number of the body in the bank."""
    correlation: float
    """Correlation of the best of its beats with the ECG, about zero."""
    start_ms: float
    """First activation of its ten best beats, ms after the first sample."""


@dataclass(frozen=True, eq=False)
class BodyBank:
    """Bodies and their beats."""

    folders: tuple[Path, ...]
    """Folders of the patients, in the order of their names."""
    deviations: np.ndarray
    """[draw, variable] SD of `qrs_people`, independent."""
    ecgs: np.ndarray
    """[body, draw, 8, N_TIMES] mV."""
    config: Config
    """Sections activation (how far the layers reach) and leadfield."""

    @classmethod
    def of(cls, patients: str | Path, config: Config, n_draws: int = N_DRAWS) -> Self:
        """Play draws of the population on the heart of every patient of a folder.

        Raises:
            BadInput: no patient there, or one without mesh, fibres or lead fields.
        """
        folders, people = patients_in(patients), qrs_people()
        rng = generator(SEED, "twin", "draws")
        deviations = rng.standard_normal((n_draws, len(people.names)))
        ecgs = np.empty((len(folders), n_draws, 8, N_TIMES), np.float32)
        for row, folder in zip(ecgs, track(folders, "bodies of the bank")):
            heart = heart_of(Patient.open(folder), config)
            row[:] = heart.plays(deviations)
        return cls(folders, deviations, ecgs, config)

    @classmethod
    def kept(cls, patients: str | Path, config: Config, file: str | Path) -> Self:
        """The bank in a file, if it is of these patients; else it is made and written there.

        Raises:
            BadInput: as `of`.
        """
        folders, file = patients_in(patients), Path(file)
        source = _source_of(folders, config)
        if file.exists():
            arrays = load_arrays(file, require=STORED)
            if arrays.attrs.get("source") == source:
                return cls(folders, arrays["deviations"], arrays["ecgs"], config)
        bank = cls.of(patients, config)
        save_arrays(file, {"deviations": bank.deviations, "ecgs": bank.ecgs}, source=source)
        return bank

    def heart(self, index: int) -> PeopleHeart:
        """The heart of a body."""
        return heart_of(Patient.open(self.folders[index]), self.config)

    def screened(self, ecg: np.ndarray) -> list[ScreenedBody]:
        """All bodies, the one with the most similar beat first; ecg [8, time] mV."""
        found = correlations(self.ecgs, ecg)
        best = found.max(axis=0)
        starts = found.argmax(axis=0)
        rows = [
            ScreenedBody(body, float(best[body].max()),
                         float(np.median(starts[body][np.argsort(-best[body])[:10]])))
            for body in range(len(best))
        ]  # fmt: skip
        return sorted(rows, key=lambda row: -row.correlation)


def correlations(ecgs: np.ndarray, ecg: np.ndarray) -> np.ndarray:
    """Correlations, about zero, of beats with an ECG by the time of their first activation.

    Args:
        ecgs: [body, draw, 8, N_TIMES] mV. ecg: [8, time] mV.

    Returns:
        [start, body, draw] for starts 0 to `LATEST_MS` ms after the first sample.
    """
    found = np.empty((LATEST_MS + 1, *ecgs.shape[:2]))
    for start, row in enumerate(found):
        part, own = ecg[:, start:].astype(ecgs.dtype), ecgs[..., : ecg.shape[1] - start]
        seen = part[:, : own.shape[-1]]
        alike = np.einsum("bdlt,lt->bd", own, seen, optimize=True)
        row[:] = alike / np.sqrt(np.square(own).sum((2, 3)) * np.square(ecg).sum())
    return found


def heart_of(patient: Patient, config: Config) -> PeopleHeart:
    """The heart of a patient with its solved lead fields."""
    grad = lead_fields_of(patient, config.leadfield, ("fem",))["fem"]
    return PeopleHeart.of(patient, grad, config.activation)


def patients_in(folder: str | Path) -> tuple[Path, ...]:
    """Folders of the patients with a body, in the order of their names.

    Raises:
        BadInput: there is none.
    """
    folder = Path(folder)
    found = sorted(path.parent for path in folder.glob(f"*/{NEEDED[0]}"))
    if not found:
        raise BadInput(f"{folder}: holds no folder of a patient with {NEEDED[0]}; {TO_MAKE}")
    for path in found:
        missing = [name for name in NEEDED if not (path / name).exists()]
        if missing or not list(path.glob("leadfield*.npz")):
            what = ", ".join(missing) or "leadfield*.npz"
            raise BadInput(f"{path}: {what} is missing, so that no beat can be simulated there; "
                           f"{TO_MAKE}")  # fmt: skip
    return tuple(found)


def _source_of(folders: Sequence[Path], config: Config) -> str:
    """Checksum of all that a bank depends on."""
    files = list[Path]()
    for folder in folders:
        files += [*(folder / name for name in NEEDED), *sorted(folder.glob("leadfield*.npz"))]
    people = qrs_people()
    text = [f"{path.parent.name}/{path.name} {sha256_of(path)}" for path in files]
    text += [str(config.activation.endocardium_top_z), config.leadfield.gradient]
    text += [people.mean.tobytes().hex(), people.covariance.tobytes().hex()]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()
