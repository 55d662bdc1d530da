"""Ventricular beats of healthy people as a distribution, to draw new ones from.

A beat is the QRS on one axis of time and ST segment with T wave on another, both of unit size, with
seven numbers: logarithms of three times and two sizes, sex and age. Principal components of the
first and the numbers together are jointly normal. `data/people_beats.npz` has mean, components and
covariance, and nobody's beat; `tools/fit_people_beats.py` makes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.core.names import INDEPENDENT_ROWS
from einthoven.physics.ecg.leads import all_leads
from einthoven.physics.ecg.recordings.aligned import AlignedBeat

SHIPPED_BEATS = Path(__file__).parent / "data" / "people_beats.npz"
N_QRS, N_ST_T, N_LEADS = 60, 120, len(INDEPENDENT_ROWS)
"""Samples of the QRS, and of ST segment and T wave."""
AFTER_T_MS = 60.0
"""From the end of the T wave to the last sample."""
NUMBERS = ("log_qrs_ms", "log_st_t_ms", "log_cycle_ms", "log_qrs_mv", "log_st_t_mv", "female",
           "age_years")  # fmt: skip
PARTS = (slice(None, N_QRS), slice(N_QRS, None))


class VentricularBeat(NamedTuple):
    """The ventricles' beat of a person, without P wave."""

    ecg: np.ndarray
    """[12, time] mV, zero at the QRS onset, 1 ms per sample from there."""
    qrs_ms: float
    qt_ms: float

    def window(self, onset_ms: float, n_times: int) -> np.ndarray:
        """The beat [12, n_times] mV, 1 ms per sample, with its onset at a time ms.

        It is zero before the onset, and after the end as at the end.
        """
        own, time = np.arange(self.ecg.shape[1]), np.arange(float(n_times)) - onset_ms
        return np.array([np.interp(time, own, row, left=0.0) for row in self.ecg])


def ventricular(beat: AlignedBeat) -> VentricularBeat:
    """The ventricles' part of a recorded beat, which fades out after the T wave.

    Raises:
        BadInput: a beat without an end of the T wave.
    """
    found = beat.delineation
    if found.qt_ms is None or not np.isfinite(found.qt_ms):
        raise BadInput(f"{beat.recording.name}: no end of a T wave was found")
    last = found.qt_ms + AFTER_T_MS
    ecg = _faded(beat.window(0.0, int(last) + 1), last)
    return VentricularBeat(ecg, float(found.qrs_ms), float(found.qt_ms))


@dataclass(frozen=True, eq=False)
class PeopleBeats:
    """A normal distribution of beats.

    Attributes:
        shape: [8, sample] mean of the scaled beats.
        components: [component, 8, sample] of the scaled beats, orthonormal with weights.
        mean, covariance: [component + number] of scores and `NUMBERS`.
        about: what it was fitted to.
    """

    shape: np.ndarray
    components: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    about: Mapping[str, object]

    @classmethod
    def load(cls, path: str | Path = SHIPPED_BEATS) -> Self:
        """Read a file of `tools/fit_people_beats.py`.

        Raises:
            BadInput: no such file, or one of another kind.
        """
        found = load_arrays(path, require=("shape", "components", "mean", "covariance"))
        beats = cls(
            shape=found["shape"].astype(float),
            components=found["components"].astype(float),
            mean=found["mean"].astype(float),
            covariance=found["covariance"].astype(float),
            about=found.attrs,
        )
        n = len(beats.components) + len(NUMBERS)
        wanted = (N_LEADS, N_QRS + N_ST_T)
        if beats.shape.shape != wanted or beats.components.shape[1:] != wanted:
            raise BadInput(f"{path}: shape and components: not of {N_LEADS} leads at {wanted[1]}")
        if beats.mean.shape != (n,) or beats.covariance.shape != (n, n):
            raise BadInput(f"{path}: mean and covariance: not of {n} variables")
        return beats

    @classmethod
    def fitted(
        cls,
        beats: Sequence[VentricularBeat],
        traits: np.ndarray,
        n_components: int,
        shrinkage: float,
        about: Mapping[str, object],
    ) -> Self:
        """The distribution of some people's beats.

        Args:
            beats: of each person. traits: [person, 3] cycle length ms, 1 for women, age in years.
            n_components: of the shapes.
            shrinkage: 0 to 1, of correlations between different variables towards zero, since
                there are few people.
            about: what is stored beside it.

        Raises:
            BadInput: not more people than components, or NaN.
        """
        if len(beats) <= n_components:
            raise BadInput(f"{len(beats)} people for {n_components} components; take fewer of them")
        scaled, sizes = zip(*(_scaled(beat) for beat in beats))
        numbers = np.column_stack([
            np.log([(beat.qrs_ms, beat.qt_ms - beat.qrs_ms) for beat in beats]),
            np.log(traits[:, 0]), np.log(sizes), traits[:, 1:],
        ])  # fmt: skip
        if not np.isfinite(numbers).all():
            raise BadInput("people: NaN or a time that is not above zero")
        shape = np.mean(scaled, axis=0)
        rows = (np.array(scaled) - shape) * _root_weights()
        _, _, right = np.linalg.svd(rows.reshape(len(rows), -1), full_matrices=False)
        components = right[:n_components].reshape(n_components, *shape.shape)
        scores = np.einsum("pls,kls->pk", rows, components)
        together = np.column_stack([scores, numbers])
        covariance = np.cov(together.T)
        covariance = np.where(np.eye(len(covariance)) > 0, covariance, (1 - shrinkage) * covariance)
        return cls(shape, components / _root_weights(), together.mean(0), covariance, about)

    def save(self, path: str | Path) -> None:
        """Write the distribution."""
        arrays = {name: np.asarray(getattr(self, name), np.float32)
                  for name in ("shape", "components", "mean", "covariance")}  # fmt: skip
        save_arrays(path, arrays, **self.about)

    def given(self, known: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of all variables where some of `NUMBERS` are known exactly."""
        at = [len(self.components) + NUMBERS.index(name) for name in known]
        gain = self.covariance[:, at] @ np.linalg.inv(self.covariance[np.ix_(at, at)])
        mean = self.mean + gain @ (np.array(list(known.values())) - self.mean[at])
        return mean, self.covariance - gain @ self.covariance[at]

    def draw(
        self, n: int, known: Mapping[str, float], rng: np.random.Generator
    ) -> list[VentricularBeat]:
        """Random beats of people of whom some of `NUMBERS` are known."""
        mean, covariance = self.given(known)
        rows = rng.multivariate_normal(mean, covariance, n, method="eigh")
        return [self.beat(row) for row in rows]

    def usual(self, known: Mapping[str, float]) -> VentricularBeat:
        """The mean beat of people of whom some of `NUMBERS` are known."""
        return self.beat(self.given(known)[0])

    def beat(self, variables: np.ndarray) -> VentricularBeat:
        """The beat of scores and numbers [component + number]."""
        n = len(self.components)
        qrs, st_t, _, *sizes = np.exp(variables[n : n + 5])
        shape = self.shape + np.tensordot(variables[:n], self.components, 1)
        for part, size in zip(PARTS, sizes):
            shape[:, part] *= size / np.sqrt(np.mean(shape[:, part] ** 2))
        last = qrs + st_t + AFTER_T_MS
        time, own = np.arange(int(last) + 1), _times(qrs, qrs + st_t)
        rows = np.array([np.interp(time, own, row) for row in shape])
        rows -= rows[:, :1]
        ecg = _faded(all_leads(rows), last)
        return VentricularBeat(ecg, float(qrs), float(qrs + st_t))


@lru_cache
def shipped_beats() -> PeopleBeats:
    """The distribution that einthoven has."""
    return PeopleBeats.load()


def _faded(ecg: np.ndarray, last_ms: float) -> np.ndarray:
    """An ECG [lead, time], 1 ms per sample, that is zero from a time on."""
    rest: np.ndarray = (last_ms - np.arange(ecg.shape[1])) / AFTER_T_MS
    return ecg * np.clip(rest, 0.0, 1.0)


def _times(qrs_ms: float, qt_ms: float) -> np.ndarray:
    """Times [sample] ms of a shape."""
    first = np.linspace(0.0, qrs_ms, N_QRS, endpoint=False)
    return np.concatenate([first, np.linspace(qrs_ms, qt_ms + AFTER_T_MS, N_ST_T)])


def _scaled(beat: VentricularBeat) -> tuple[np.ndarray, tuple[float, float]]:
    """Shape [8, sample] of unit size, and the sizes of both parts, mV."""
    own, at = np.arange(beat.ecg.shape[1]), _times(beat.qrs_ms, beat.qt_ms)
    shape = np.array([np.interp(at, own, row) for row in beat.ecg[INDEPENDENT_ROWS]])
    sizes = [float(np.sqrt(np.mean(shape[:, part] ** 2))) for part in PARTS]
    for part, size in zip(PARTS, sizes):
        shape[:, part] /= size
    return shape, (sizes[0], sizes[1])


def _root_weights() -> np.ndarray:
    """[sample] by which both parts have the same weight."""
    return np.repeat([N_QRS**-0.5, N_ST_T**-0.5], [N_QRS, N_ST_T])
