"""Made-up pairs of beats in which a scar makes a known change."""

import numpy as np

from einthoven.data.patient.substrate import Substrate
from einthoven.imaging.corpus.corpus import N_TIMES
from einthoven.imaging.infarct.pairs import InfarctPairs

ONSET_MS = 30
LABELS = tuple(Substrate(patient="", tissue=np.zeros(0), level=np.zeros(0), settings={}).columns)
REGIONS = {"LAD proximal": (1, 2, 7, 8, 13, 14, 17), "RCA proximal": (3, 4, 9, 10, 15)}


def beat(gain):
    """QRS from 30 to 90 ms and a T wave, [12, 500] mV; gain [12] of each lead's QRS."""
    time = np.arange(float(N_TIMES))
    qrs = np.where((time > ONSET_MS) & (time < 90), np.sin(np.pi * (time - ONSET_MS) / 60) ** 2, 0)
    wave = 0.2 * np.exp(-(((time - 300) / 40) ** 2))
    return gain[:, None] * qrs + wave


def made_up(n=40, patients=("p0000", "p0001", "p0002"), splits=("train", "val", "test"), seed=0):
    """Pairs of some hearts: scars of the LAD lower V1 to V4, those of the RCA II, III and aVF."""
    rng, k = np.random.default_rng(seed), n * len(patients)
    size = rng.uniform(5.0, 20.0, k)
    kind = rng.integers(2, size=k)
    region = np.array(list(REGIONS))[kind]
    gain = rng.uniform(0.6, 1.4, (k, 12))
    less = gain.copy()
    for row, leads in ((0, slice(6, 10)), (1, [1, 2, 5])):
        rows = np.flatnonzero(kind == row)
        less[rows[:, None], np.arange(12)[leads]] -= 0.1 * size[rows, None]
    shares = np.zeros((k, 17))
    for row, name in enumerate(region):
        shares[row, np.array(REGIONS[name]) - 1] = 0.8
    labels = np.column_stack([size, size, size, np.full(k, 0.8), shares])
    return InfarctPairs(
        np.repeat(patients, n), np.repeat(splits, n), np.full(k, "sinus"), region, labels, LABELS,
        *(np.float32([beat(g) for g in gains]) for gains in (gain, less)),
    )  # fmt: skip
