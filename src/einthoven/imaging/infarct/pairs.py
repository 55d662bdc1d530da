"""Pairs of simulated beats: the same heart and cells without and with a scar."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.config.substrate import SubstrateSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.imaging.corpus.beat_parameters import BeatParameters
from einthoven.imaging.corpus.corpus import N_TIMES
from einthoven.imaging.corpus.simulations import in_mv, in_uv
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.physics.ecg.leads import twelve_lead

PACED = "paced"
STORED = ("pattern", "region", "labels", "healthy_uv", "scarred_uv")


@dataclass(frozen=True, eq=False)
class InfarctPairs:
    """The pairs of one patient, or of several.

    Attributes:
        patient: [pair] str. split: [pair] str, train, val or test by anatomy.
        pattern: [pair] str, of activation.
        region: [pair] str, name of the scar's region, such as LAD proximal.
        labels: [pair, label] of `label_names`: `Substrate.columns`.
        healthy, scarred: [pair, 12, 500] mV float32 in steps of 1 uV, order core.names.LEADS; 0 to
            499 ms after the first activation.
    """

    patient: np.ndarray
    split: np.ndarray
    pattern: np.ndarray
    region: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    healthy: np.ndarray
    scarred: np.ndarray

    @classmethod
    def of(
        cls,
        simulator: Simulator,
        cases: Sequence[BeatParameters],
        section: SubstrateSettings,
        split: str,
    ) -> Self:
        """Simulate cases on one heart, each without a scar and with a scar of its own.

        Paced beats are left out, as nobody reads an infarct from them. Scars depend only on the
        section's seed, the patient's name and the number of the case.

        Args:
            simulator: of the heart, with one forward model. cases: all that were drawn.
            section: scars, of every beat. split: train, val or test.

        Raises:
            BadInput: no scars in the section, no conducted beat, or as of `Simulator`.
            NotConverged: as `Simulator.with_scar`.
        """
        patient, (forward,) = simulator.patient, simulator.forward
        section.needs_scar_of_each_beat()
        chosen = [(k, case) for k, case in enumerate(cases) if not case.pattern.startswith(PACED)]
        if not chosen:
            raise BadInput("imaging: no beat is conducted; a smaller paced_share?")
        ecgs, scars = [], []
        for k, case in chosen:
            heart, scar = simulator.with_scar(section.of_patient(f"{patient.name}-{k}"))
            both = (simulator.simulate(case), heart.simulate(case))
            ecgs.append([twelve_lead(STANDARD_ELECTRODES, b.potentials[forward]) for b in both])
            scars.append(scar)
        ecg, n = in_mv(in_uv(np.array(ecgs)[:, :, INDEPENDENT_ROWS])), len(scars)
        return cls(
            patient=np.full(n, patient.name), split=np.full(n, split),
            pattern=np.array([case.pattern for _, case in chosen]),
            region=np.array([scar.region for scar in scars]),
            labels=np.array([list(scar.columns.values()) for scar in scars]),
            label_names=tuple(scars[0].columns), healthy=ecg[:, 0], scarred=ecg[:, 1],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.patient)

    def rows(self, chosen: np.ndarray) -> Self:
        """Some pairs, by their indices or a mask [pair]."""
        values = {name: value[chosen] if isinstance(value, np.ndarray) else value
                  for name, value in vars(self).items()}  # fmt: skip
        return type(self)(**values)

    def label(self, name: str) -> np.ndarray:
        """One label [pair], such as `lv_percent`."""
        return self.labels[:, self.label_names.index(f"substrate_{name}")]

    @property
    def segment_share(self) -> np.ndarray:
        """Part of each AHA segment that is core, [pair, 17]."""
        first = self.label_names.index("substrate_share_01")
        return self.labels[:, first : first + 17]

    def save(self, path: str | Path) -> int:
        """Write the pairs of one patient, atomically, and count them; same pairs, same bytes.

        Raises:
            BadInput: of several patients, or an ECG beyond 32 mV.
        """
        if len(names := np.unique(self.patient)) != 1:
            raise BadInput(f"{path}: pairs of {len(names)} patients; one file has those of one")
        arrays = {name: getattr(self, name) for name in ("pattern", "region", "labels")}
        for name in ("healthy", "scarred"):
            arrays[f"{name}_uv"] = in_uv(getattr(self, name)[:, INDEPENDENT_ROWS])
        save_arrays(path, arrays, patient=str(names[0]), split=str(self.split[0]),
                    label_names=list(self.label_names))  # fmt: skip
        return len(self)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            BadInput: it is missing, damaged, or of another kind.
        """
        arrays = load_arrays(path, require=STORED)
        n, attrs = len(arrays["pattern"]), arrays.attrs
        names = tuple(attrs["label_names"])
        check.shape(f"{path}: labels", arrays["labels"], (n, len(names)))
        ecgs = {}
        for name in ("healthy", "scarred"):
            given = arrays[f"{name}_uv"]
            check.shape(f"{path}: {name}_uv", given, (n, len(INDEPENDENT_ROWS), N_TIMES))
            ecgs[name] = in_mv(given)
        return cls(
            patient=np.full(n, attrs["patient"]), split=np.full(n, attrs["split"]),
            pattern=arrays["pattern"], region=arrays["region"], labels=arrays["labels"],
            label_names=names, **ecgs,
        )  # fmt: skip

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """All pairs of a folder, patients in the order of their names.

        Raises:
            BadInput: there are none, or files of different versions.
        """
        files = sorted(Path(folder).glob("*.npz"))
        if not files:
            raise BadInput(f"{folder}: no pairs of beats; run snakemake infarcts")
        parts = [cls.load(file) for file in files]
        if any(part.label_names != parts[0].label_names for part in parts):
            raise BadInput(f"{folder}: files of different versions; run snakemake infarcts anew")
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name, value in vars(parts[0]).items()
            if isinstance(value, np.ndarray)
        }
        return cls(label_names=parts[0].label_names, **joined)
