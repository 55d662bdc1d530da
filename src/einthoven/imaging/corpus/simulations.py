"""The simulated beats of one patient in one file, and of all patients as a corpus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.imaging.corpus.beat_parameters import PARAMETERS, BeatParameters
from einthoven.imaging.corpus.corpus import N_TIMES, Corpus
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.corpus.voltages import traces
from einthoven.imaging.inputs.points import N_POINTS
from einthoven.physics.ecg.leads import all_leads, twelve_lead
from einthoven.physics.electrophysiology.cells.condition import Condition

MAX_UV = 32_767
STORED = ("pattern", "ecg_uv", "activation_time", "apd90", "parameters", "measures")


@dataclass(frozen=True, eq=False)
class Simulations:
    """The beats of one patient."""

    patient: str
    split: str
    """Train, val or test, by anatomy."""
    forward: tuple[str, ...]
    """Names of the forward models."""
    pattern: np.ndarray
    """[beat] str."""
    ecg: np.ndarray
    """[beat, forward, 12, 500] mV float32 in steps of 1 uV, order core.names.LEADS; 0 to 499 ms
    after the first activation."""
    activation_time: np.ndarray
    """[beat, 75] ms."""
    apd90: np.ndarray
    """[beat, 75] ms."""
    parameters: np.ndarray
    """[beat, parameter] of `parameter_names`; NaN where a pattern has no such site."""
    measures: np.ndarray
    """[measure] of `measure_names`: what a clinic knows of torso and heart."""
    measure_names: tuple[str, ...]
    parameter_names: tuple[str, ...] = PARAMETERS

    @classmethod
    def of(
        cls,
        simulator: Simulator,
        cases: Sequence[BeatParameters],
        split: str,
        measures: dict[str, float],
    ) -> Self:
        """Simulate cases on one heart.

        Raises:
            BadInput: as `Simulator.simulate`.
        """
        beats = [simulator.simulate(case) for case in cases]
        ecgs = [
            [twelve_lead(STANDARD_ELECTRODES, beat.potentials[name]) for name in simulator.forward]
            for beat in beats
        ]
        return cls(
            patient=simulator.patient.name,
            split=split,
            forward=simulator.forward,
            pattern=np.array([case.pattern for case in cases]),
            ecg=in_mv(in_uv(np.array(ecgs)[:, :, INDEPENDENT_ROWS])),
            activation_time=np.array([beat.activation_time for beat in beats], np.float32),
            apd90=np.array([beat.apd90 for beat in beats], np.float32),
            parameters=np.array([beat.case.row for beat in beats]),
            measures=np.array(list(measures.values())),
            measure_names=tuple(measures),
        )

    def v_m(self, rows: np.ndarray) -> np.ndarray:
        """Transmembrane potential [row, 75, 500] mV of some beats."""
        column = [self.parameter_names.index(name) for name in ("cycle_length_ms", "i_kr_factor")]
        return traces(
            self.activation_time[rows],
            self.apd90[rows],
            [Condition(*map(float, row)) for row in self.parameters[rows][:, column]],
        )

    def save(self, path: str | Path) -> None:
        """Write {patient}.npz, atomically; the same beats give the same bytes.

        Raises:
            BadInput: an ECG beyond 32 mV.
        """
        arrays = {name: getattr(self, name) for name in STORED if name != "ecg_uv"}
        arrays["ecg_uv"] = in_uv(self.ecg[:, :, INDEPENDENT_ROWS])
        names = {"parameter_names": list(self.parameter_names),
                 "measure_names": list(self.measure_names)}  # fmt: skip
        about = {"patient": self.patient, "split": self.split, "forward": list(self.forward)}
        save_arrays(path, arrays, **about, **names)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            BadInput: it is missing, damaged, or of another kind.
        """
        arrays = load_arrays(path, require=STORED)
        n, attrs = len(arrays["pattern"]), arrays.attrs
        check.shape(f"{path}: activation_time", arrays["activation_time"], (n, N_POINTS))
        shape = (n, len(attrs["forward"]), len(INDEPENDENT_ROWS), N_TIMES)
        ecg = in_mv(check.shape(f"{path}: ecg_uv", arrays.pop("ecg_uv"), shape))
        return cls(
            patient=attrs["patient"], split=attrs["split"], forward=tuple(attrs["forward"]),
            ecg=ecg, measure_names=tuple(attrs["measure_names"]),
            parameter_names=tuple(attrs["parameter_names"]), **arrays,
        )  # fmt: skip


def read_corpus(folder: str | Path) -> Corpus:
    """All simulations of a folder, patients in the order of their names.

    Raises:
        BadInput: the folder has none, or they differ in forward models or measures.
    """
    files = sorted(Path(folder).glob("*.npz"))
    if not files:
        raise BadInput(f"{folder}: no simulations; run snakemake imaging")
    return joined([Simulations.load(file) for file in files])


def joined(parts: Sequence[Simulations]) -> Corpus:
    """The beats of several patients.

    Raises:
        BadInput: they differ in forward models or measures.
    """
    first = parts[0]
    for part in parts:
        for name in ("forward", "measure_names", "parameter_names"):
            if getattr(part, name) != getattr(first, name):
                raise BadInput(
                    f"simulations of {part.patient} and {first.patient} differ in {name}; of "
                    "different runs? delete the older ones and run snakemake imaging"
                )
    counts = [len(part.pattern) for part in parts]
    starts = np.concatenate([[0], np.cumsum(counts)])

    def voltages(rows: np.ndarray) -> np.ndarray:
        rows = np.atleast_1d(rows)
        which = np.searchsorted(starts, rows, side="right") - 1
        found = np.empty((len(rows), N_POINTS, N_TIMES), np.float32)
        for part in np.unique(which):
            mine = which == part
            found[mine] = parts[part].v_m(rows[mine] - starts[part])
        return found

    def every(value: Callable[[Simulations], np.ndarray]) -> np.ndarray:
        return np.concatenate([value(part) for part in parts])

    return Corpus(
        ecgs={
            name: np.concatenate([part.ecg[:, k] for part in parts])
            for k, name in enumerate(first.forward)
        },
        activation_time=every(lambda part: part.activation_time),
        apd90=every(lambda part: part.apd90),
        patient=np.repeat([part.patient for part in parts], counts),
        pattern=every(lambda part: part.pattern),
        split=np.repeat([part.split for part in parts], counts),
        measures=np.repeat([part.measures for part in parts], counts, axis=0),
        measure_names=first.measure_names,
        parameters=every(lambda part: part.parameters),
        parameter_names=first.parameter_names,
        voltages=voltages,
    )


def in_uv(ecg: np.ndarray) -> np.ndarray:
    """ECGs [..., 8, 500] mV as whole microvolts, finer than any electrocardiograph's."""
    microvolts = np.rint(1000.0 * check.finite("ecg", ecg))
    if np.abs(microvolts).max(initial=0) > MAX_UV:
        raise BadInput(f"ecg: {np.abs(ecg).max():.0f} mV; lead fields in another unit?")
    return microvolts.astype(np.int16)


def in_mv(microvolts: np.ndarray) -> np.ndarray:
    """Twelve leads [..., 12, 500] mV from the eight independent ones [..., 8, 500] in uV."""
    return all_leads(microvolts.astype(np.float32)) / np.float32(1000.0)
