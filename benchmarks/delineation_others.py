"""Delineators by others, lead by lead, in the form of LUDB's marks.

They are compared with readers as the readers' own marks are combined: median over beats in each
lead, then the third earliest onset or third latest end over leads. `wfdb` has detectors of the QRS
only, `biosppy` peaks and templates; neither marks onset and end of all waves.
"""

import importlib.util
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from delineation_marks import RATE_HZ, STEP_MS, LeadMarks

from einthoven.base.core.names import LEADS

LEAD_II = LEADS.index("II")


def _waves(
    p: tuple[np.ndarray, ...], qrs: tuple[np.ndarray, ...], t: tuple[np.ndarray, ...]
) -> LeadMarks:
    """Samples of onset, peak, end of each wave -> marks in ms of those that have a peak."""

    def in_ms(wave: tuple[np.ndarray, ...]) -> list[tuple[float, float, float]]:
        times = STEP_MS * np.stack([np.asarray(part, float) for part in wave], axis=1)
        return [(row[0], row[1], row[2]) for row in times if np.isfinite(row[1])]

    return {"p": in_ms(p), "N": in_ms(qrs), "t": in_ms(t)}


def _nothing() -> LeadMarks:
    return {"p": [], "N": [], "t": []}


def _neurokit(ecg: np.ndarray) -> list[LeadMarks]:
    """neurokit2, discrete wavelets; R peaks from lead II."""
    import neurokit2 as nk

    rate = int(RATE_HZ)
    _, peaks = nk.ecg_peaks(nk.ecg_clean(ecg[LEAD_II], sampling_rate=rate), sampling_rate=rate)
    r = np.asarray(peaks["ECG_R_Peaks"])
    marks = []
    for lead in ecg:
        try:
            clean = nk.ecg_clean(lead, sampling_rate=rate)
            _, found = nk.ecg_delineate(clean, r, sampling_rate=rate, method="dwt")
        except (ValueError, IndexError, ZeroDivisionError):
            marks.append(_nothing())
            continue
        of = {name: np.asarray(values, float) for name, values in found.items()}
        marks.append(_waves(
            (of["ECG_P_Onsets"], of["ECG_P_Peaks"], of["ECG_P_Offsets"]),
            (of["ECG_R_Onsets"], r.astype(float), of["ECG_R_Offsets"]),
            (of["ECG_T_Onsets"], of["ECG_T_Peaks"], of["ECG_T_Offsets"]),
        ))  # fmt: skip
    return marks


def _wavedet(ecg: np.ndarray) -> list[LeadMarks]:
    """wavedet, the wavelet delineator of ecg-kit, each lead by itself."""
    import wavedet

    marks = []
    for lead in ecg:
        found = _nothing()
        with suppress(ValueError, IndexError):
            one = wavedet.delineate(np.ascontiguousarray(lead), fs=int(RATE_HZ))
            found = _waves(
                (one.p_on, one.p, one.p_off), (one.qrs_on, one.qrs, one.qrs_off),
                (one.t_on, one.t, one.t_off),
            )  # fmt: skip
        marks.append(found)
    return marks


def _ecgdeli(ecg: np.ndarray) -> list[LeadMarks]:
    """ecgdeli, with its own filters."""
    import ecgdeli

    found = ecgdeli.annotate(ecgdeli.filter_ecg(ecg.T, fs=RATE_HZ), fs=RATE_HZ)

    def samples(one: object, *names: str) -> tuple[np.ndarray, ...]:
        parts = [np.asarray(getattr(one, name), float) for name in names]
        return tuple(np.where(part < 0, np.nan, part) for part in parts)

    return [
        _waves(
            samples(one, "p_on", "p_peak", "p_off"), samples(one, "qrs_on", "r_peak", "qrs_off"),
            samples(one, "t_on", "t_peak", "t_off"),
        )
        for one in found.leads
    ]  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A delineator that may be installed: [12, time] mV at 500 Hz -> marks of each lead."""

    package: str
    run: Callable[[np.ndarray], list[LeadMarks]]

    @property
    def installed(self) -> bool:
        """Whether its package is here."""
        return importlib.util.find_spec(self.package) is not None

    def __call__(self, ecg: np.ndarray) -> list[LeadMarks]:
        """The marks."""
        return self.run(ecg)


OTHERS = {
    "neurokit2": Program("neurokit2", _neurokit),
    "wavedet": Program("wavedet", _wavedet),
    "ecgdeli": Program("ecgdeli", _ecgdeli),
}
