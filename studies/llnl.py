"""The published simulations of Landajuela 2022: pairs of pseudo-ECG and V_m at 75 points.

M. Landajuela, R. Anirudh, R. Blake, Dataset of simulated intracardiac transmembrane voltage
recordings and ECG signals, UC San Diego Library 2022, doi 10.6075/J0SN094N (16,117 pairs, 5.2 GB).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.imaging.corpus.corpus import N_TIMES, Corpus
from einthoven.imaging.inputs.points import N_POINTS
from einthoven.imaging.inputs.traces import activation_index, apd90_of
from einthoven.physics.ecg.leads import twelve_lead

ECG, V_M = "pECGData", "VmData"
ELECTRODES = ("RA", "LA", "LL", "RL", "V1", "V2", "V3", "V4", "V5", "V6")
"""Columns of their ECG files; RL is the ground."""
VOLUNTEER, PATTERN = (re.compile(rf"{word}\.(v?\d+)") for word in ("volunteer", "pattern"))
LARGEST_MV = {ECG: 100.0, V_M: 200.0}
TESTED, VALIDATED = 0.15, 0.1
"""Shares of the volunteers whose beats are test and validation, at least one each."""


@dataclass(frozen=True)
class LlnlPair:
    """Two files of one simulation, and what their names tell."""

    ecg: Path
    v_m: Path
    volunteer: str
    pattern: str


def read_llnl(folder: str | Path, seed: int = 1) -> Corpus:
    """All pairs below a folder, e.g. `data_hearts_dd_0p2/pECGData_..._volunteer.v10_pattern.0.npy`.

    V_m is read from its file whenever it is asked for, and once here, for activation times
    (`activation_index`, whole ms) and APD90. The forward model is called pseudo, the patient is
    the volunteer whose heart it was, and volunteers, not beats, are divided into train, val and
    test: leave-volunteer-out. There are no measures.

    Args:
        folder: with pairs of .npy files, at any depth.
        seed: of the division.

    Raises:
        BadInput: no folder, no pair, a file without its partner or without volunteer and pattern
            in its name, the same simulation twice, an unreadable file, a wrong shape, values that
            are not finite or are no mV, or fewer than three volunteers.
    """
    found = list(_pairs(Path(folder)))
    ecgs, times, durations = [], [], []
    for pair in found:
        potentials = _read(pair.ecg, ECG, len(ELECTRODES))
        ecgs.append(twelve_lead(ELECTRODES, potentials).astype(np.float32))
        v_m = _read(pair.v_m, V_M, N_POINTS)
        times.append(activation_index(v_m))
        durations.append(apd90_of(v_m))
    patient = np.array([pair.volunteer for pair in found])
    files = [pair.v_m for pair in found]
    return Corpus(
        ecgs={"pseudo": np.stack(ecgs)},
        activation_time=np.stack(times).astype(np.float32),
        apd90=np.stack(durations).astype(np.float32),
        patient=patient,
        pattern=np.array([pair.pattern for pair in found]),
        split=_by_volunteer(patient, seed, Path(folder)),
        measures=np.zeros((len(found), 0), np.float32),
        measure_names=(),
        parameters=np.zeros((len(found), 0)),
        parameter_names=(),
        voltages=lambda rows: np.stack(
            [_read(files[row], V_M, N_POINTS) for row in np.asarray(rows)]
        ),
    )


def _pairs(folder: Path) -> Iterator[LlnlPair]:
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; unpack doi 10.6075/J0SN094N there")
    files = {word: {_key(path, word): path for path in sorted(folder.rglob(f"*{word}*.npy"))}
             for word in (ECG, V_M)}  # fmt: skip
    for word, other in ((ECG, V_M), (V_M, ECG)):
        for key in files[word].keys() - files[other].keys():
            raise BadInput(f"{files[word][key]}: no {other} file of this simulation beside it; "
                           "download both again")  # fmt: skip
    if not files[ECG]:
        raise BadInput(f"{folder}: no {ECG}*.npy with a {V_M}*.npy; the data set's own folder?")
    for key, path in files[ECG].items():
        names = [pattern.search(path.name) for pattern in (VOLUNTEER, PATTERN)]
        if None in names:
            raise BadInput(f"{path}: the name lacks volunteer.vN or pattern.P; renamed? without "
                           "them no volunteer can be left out")  # fmt: skip
        volunteer, pattern = (match[1] for match in names if match)
        yield LlnlPair(path, files[V_M][key], volunteer, f"pattern-{pattern}")


def _key(path: Path, word: str) -> tuple[Path, str]:
    """Fields that both files of a pair share."""
    return path.parent, path.name.replace(word, "")


def _read(path: Path, word: str, n_columns: int) -> np.ndarray:
    """[column, 500] mV of a file [500, column]."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path}: not a readable .npy ({error}); download it again") from error
    if values.ndim == 2 and values.shape == (n_columns, N_TIMES):
        raise BadInput(f"{path}: shape {values.shape} is transposed; expected time first, "
                       f"({N_TIMES}, {n_columns})")  # fmt: skip
    values = check.shape(f"{path}", values, (N_TIMES, n_columns))
    if values.dtype.kind not in "fiu":
        raise BadInput(f"{path}: holds {values.dtype}, not numbers; download it again")
    values = check.finite(f"{path}", values).astype(np.float32)
    largest = float(np.abs(values).max())
    check.between(f"{path}: largest |potential| in mV", largest, 1e-6, LARGEST_MV[word],
                  "all zero, or in uV or V?")  # fmt: skip
    return np.ascontiguousarray(values.T)


def _by_volunteer(patient: np.ndarray, seed: int, folder: Path) -> np.ndarray:
    names = np.unique(patient)
    if len(names) < 3:
        raise BadInput(f"{folder}: beats of {', '.join(names)} only; training, validation and "
                       "test need three volunteers")  # fmt: skip
    order = generator(seed, "llnl", "volunteers").permutation(names)
    n_test, n_val = (max(1, round(share * len(names))) for share in (TESTED, VALIDATED))
    split = dict.fromkeys(order, "train")
    split |= dict.fromkeys(order[:n_test], "test")
    split |= dict.fromkeys(order[n_test : n_test + n_val], "val")
    return np.array([split[name] for name in patient])
