"""Beats whose waves are known by construction: half sines for the QRS, Gaussians for the T wave."""

import numpy as np

from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.recording import Recording

QRS_MS = 90.0
COMPLEXES = {
    "I": ((20, -0.10), (50, 0.8), (20, -0.15)),
    "II": ((60, 1.0), (30, -0.2)),
    "V1": ((25, 0.2), (65, -1.0)),
    "V2": ((30, 0.4), (60, -1.4)),
    "V3": ((40, 0.6), (50, -0.8)),
    "V4": ((15, -0.06), (45, 1.6), (30, -0.4)),
    "V5": ((20, -0.10), (50, 1.5), (20, -0.1)),
    "V6": ((20, -0.12), (70, 1.1)),
}
"""Lead -> duration ms and amplitude mV of its waves."""
T_MV = {"I": 0.2, "II": 0.3, "V1": 0.1, "V2": 0.4, "V3": 0.5, "V4": 0.45, "V5": 0.4, "V6": 0.3}
T_PEAK_MS, T_SD_MS = 300.0, 35.0
"""Time from the QRS onset."""


def time_axis(dt=1.0, start=-60.0, end=520.0):
    return np.arange(start, end, dt)


def synthetic_leads(time, onset=10.0, complexes=COMPLEXES, t_mv=T_MV):
    """Lead -> [time] mV of the independent leads."""
    leads = {}
    for name, waves in complexes.items():
        start, signal = onset, np.zeros(len(time))
        for duration, amplitude in waves:
            phase = np.clip((time - start) / duration, 0, 1)
            signal += amplitude * np.sin(np.pi * phase)
            start += duration
        wave = np.exp(-(((time - onset - T_PEAK_MS) / T_SD_MS) ** 2) / 2)
        leads[name] = signal + t_mv[name] * wave
    return leads


def synthetic_beat(time, **changes):
    """[12, time] mV."""
    return Recording.of_leads("beat", synthetic_leads(time, **changes), 1000.0).ecg


def lead(ecg, name):
    return ecg[LEADS.index(name)]
