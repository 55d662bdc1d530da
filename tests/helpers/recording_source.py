"""One recording in integer counts, which writers of many formats store and readers give back."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core.names import INDEPENDENT_LEADS, LEADS
from einthoven.physics.ecg.leads import all_leads
from helpers.ecg import synthetic_leads

RATE_HZ, SECONDS, RR_MS = 500, 10, 900
UV = 5.0
"""Microvolt per count."""
MV = UV / 1000


@dataclass(frozen=True, eq=False)
class Source:
    """Twelve leads: counts [12, time] of 5 uV, whose limb leads obey the law to the rounding."""

    counts: np.ndarray
    rate_hz: int = RATE_HZ

    @property
    def mv(self) -> np.ndarray:
        return self.counts * MV

    @property
    def leads(self) -> dict[str, np.ndarray]:
        """Lead -> counts."""
        return dict(zip(LEADS, self.counts))

    @property
    def independent(self) -> dict[str, np.ndarray]:
        """I, II, V1 to V6 -> counts."""
        return {name: self.leads[name] for name in INDEPENDENT_LEADS}

    @property
    def in_mv(self) -> dict[str, np.ndarray]:
        """Lead -> mV."""
        return dict(zip(LEADS, self.mv))


def source(rate_hz: int = RATE_HZ, seconds: float = SECONDS, seed: int = 0) -> Source:
    """Beats with a little noise, different in every lead, the first one whole."""
    time = np.arange(0.0, 1000 * seconds, 1000 / rate_hz)
    rng = np.random.default_rng(seed)
    counts = {name: rng.normal(0, 1.5, len(time)) for name in INDEPENDENT_LEADS}
    for start in np.arange(300.0, 1000 * seconds, RR_MS):
        for name, signal in synthetic_leads(time, onset=start).items():
            counts[name] += signal / MV
    rows = np.round(np.stack([counts[name] for name in INDEPENDENT_LEADS]))
    return Source(np.floor(all_leads(rows)).astype(np.int64), rate_hz)
