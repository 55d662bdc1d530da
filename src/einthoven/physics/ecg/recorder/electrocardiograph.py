"""Filters, sampling and quantisation of an electrocardiograph.

The high-pass filter is of first order, the low-pass filter of second order (Butterworth). With
0.05 and 150 Hz they pass the tests of amplitude of IEC 60601-2-25 for diagnostic recorders
(tests/unit/physics/ecg/test_electrocardiograph.py).
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, iirnotch, resample_poly, sosfilt, sosfiltfilt, tf2sos

from einthoven.base.config.recording import RecordingSettings
from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.leads import all_leads

RATE_HZ = 1000.0
"""Rate of the potentials before they are sampled."""
HIGH_PASS_ORDER, LOW_PASS_ORDER = 1, 2
NOTCH_QUALITY = 25.0
LARGEST_COUNT = 32767
"""Largest number of 16 bits; the smallest one marks a missing sample."""
SETTLING_S = 10.0
"""Recorders run before the recording: three time constants of 0.05 Hz."""


@dataclass(frozen=True)
class Electrocardiograph:
    """Filters, sampling and quantisation of one recorder."""

    settings: RecordingSettings

    @property
    def sections(self) -> np.ndarray | None:
        """Second-order sections of all filters at `RATE_HZ`; None without any.

        A filter that runs twice has its corner moved, so that the amplitude at the stated corner
        is 1/sqrt(2) all the same.
        """
        settings, found = self.settings, []
        if settings.high_pass_hz:
            corner = self._moved(settings.high_pass_hz, HIGH_PASS_ORDER, -1.0)
            found.append(butter(HIGH_PASS_ORDER, corner, "high", fs=RATE_HZ, output="sos"))
        if settings.low_pass_hz:
            corner = self._moved(settings.low_pass_hz, LOW_PASS_ORDER, 1.0)
            found.append(butter(LOW_PASS_ORDER, corner, "low", fs=RATE_HZ, output="sos"))
        if settings.notch:
            found.append(tf2sos(*iirnotch(settings.mains_hz, NOTCH_QUALITY, fs=RATE_HZ)))
        return np.vstack(found) if found else None

    def _moved(self, corner_hz: float, order: int, sign: float) -> float:
        """Corner of one of two passes that have the stated corner together."""
        if not self.settings.zero_phase:
            return corner_hz
        factor = (np.sqrt(2.0) - 1.0) ** (-sign / (2 * order))
        warped = factor * np.tan(np.pi * corner_hz / RATE_HZ)
        return float(RATE_HZ / np.pi * np.arctan(warped))

    def filtered(self, leads: np.ndarray) -> np.ndarray:
        """Leads [..., time] after the filters, at the same rate and unit."""
        if (sections := self.sections) is None:
            return leads
        if self.settings.zero_phase:
            return np.asarray(sosfiltfilt(sections, leads, axis=-1))
        return np.asarray(sosfilt(sections, leads, axis=-1))

    def sampled(self, leads: np.ndarray) -> np.ndarray:
        """Leads [..., time] from `RATE_HZ` to the stored rate.

        A recorder with a low-pass filter also has one against aliasing; without it samples are
        left out.
        """
        stride = round(RATE_HZ / self.settings.rate_hz)
        if stride == 1 or not self.settings.low_pass_hz:
            return leads[..., ::stride]
        return np.asarray(resample_poly(leads, 1, stride, axis=-1, padtype="line"))

    def counts(self, independent: np.ndarray) -> np.ndarray:
        """Stored numbers of the twelve leads.

        I, II and V1 to V6 are quantised, and the other leads follow from these numbers, rounded:
        I + III = II holds exactly, aVR + aVL + aVF = 0 up to half a count each.

        Args:
            independent: [8, time] mV.

        Returns:
            [12, time] int16.

        Raises:
            BadInput: potentials that 16 bits do not hold.
        """
        whole = np.rint(1000.0 * independent / self.settings.lsb_uv)
        leads = np.rint(all_leads(whole))
        if np.abs(leads).max(initial=0.0) > LARGEST_COUNT:
            peak = np.abs(leads).max() * self.settings.lsb_uv / 1000.0
            raise BadInput(
                f"recording.lsb_uv: {self.settings.lsb_uv:g} uV in 16 bits hold "
                f"{LARGEST_COUNT * self.settings.lsb_uv / 1000:.0f} mV, the leads reach "
                f"{peak:.0f}; raise it"
            )
        return leads.astype(np.int16)
