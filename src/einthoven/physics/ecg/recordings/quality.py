"""Faults of a recording that would pass for signals of the heart."""

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.recording import Recording

LEAST_SECONDS = 0.6
"""Duration of a beat with the end of its T wave."""
FLAT_SHARE = 0.01
"""Range of a flat lead, relative to the median lead's range."""
CLIPPED_SAMPLES, CLIPPED_MS, CLIPPED_MV, CLIPPED_COUNTS = 3, 5.0, 0.05, 8
"""Limits of a saturated plateau at a lead's extreme: equal samples, duration, and the step two
samples after it. After a rounded top with a plateau of w samples the step is (1 + 4 / w)^2 counts,
5.4 for w = 3."""
EINTHOVEN_SHARE = 0.2
"""Largest SD of I + III - II over that of a lead: rounding and filters make a few percent."""


def raise_if_unusable(recording: Recording) -> None:
    """Refuse a recording with faults.

    Raises:
        BadInput: too short, a lead that is flat or saturated, limb leads that break Einthoven's
            law I + III = II; the message names lead, time, likely cause and remedy.
    """
    seconds = recording.ecg.shape[1] / recording.rate_hz
    if seconds < LEAST_SECONDS:
        raise BadInput(
            f"{recording.where}: {seconds:.2f} s at {recording.rate_hz:g} Hz; at least "
            f"{LEAST_SECONDS:g} s are needed: is the rate right?"
        )
    _raise_if_flat(recording)
    for name, lead in zip(LEADS, recording.ecg):
        _raise_if_saturated(name, lead, recording)
    _raise_if_not_einthoven(recording)


def _raise_if_flat(recording: Recording) -> None:
    # percentiles, so that one artefact does not make a flat lead move
    low, high = np.percentile(recording.ecg, (0.5, 99.5), axis=1)
    typical = float(np.median(high - low))
    flat = [name for name, span in zip(LEADS, high - low) if span <= FLAT_SHARE * typical]
    if flat or typical == 0:
        names = ", ".join(flat or LEADS)
        raise BadInput(f"{recording.where}: lead {names}: flat; an electrode off, or not recorded?")


def _raise_if_saturated(name: str, lead: np.ndarray, recording: Recording) -> None:
    steps = np.abs(np.diff(lead))
    count = float(steps[steps > 0].min(initial=np.inf))
    least = max(CLIPPED_SAMPLES, round(CLIPPED_MS * recording.rate_hz / 1000))
    for extreme in (lead.min(), lead.max()):
        samples = np.flatnonzero(lead == extreme)
        for run in np.split(samples, np.flatnonzero(np.diff(samples) > 1) + 1):
            beyond = lead[[max(run[0] - 2, 0), min(run[-1] + 2, len(lead) - 1)]]
            step = float(np.abs(beyond - extreme).max())
            if len(run) >= least and step >= max(CLIPPED_MV, CLIPPED_COUNTS * count):
                raise BadInput(
                    f"{recording.where}: lead {name}: saturated at {extreme:.3f} mV, "
                    f"{len(run)} samples from {run[0] / recording.rate_hz:.3f} s; the amplifier's "
                    "range is exceeded: cut that part out, or record again"
                )


def _raise_if_not_einthoven(recording: Recording) -> None:
    one, two, three = (recording.ecg[LEADS.index(name)] for name in ("I", "II", "III"))
    residual, scale = float(np.std(one + three - two)), float(np.std(two))
    if residual > EINTHOVEN_SHARE * max(scale, float(np.std(one)), float(np.std(three))):
        raise BadInput(
            f"{recording.where}: leads I, II, III: I + III differs from II by {residual:.3f} mV "
            f"(SD; II has {scale:.3f}), against Einthoven's law; are they named wrongly, scaled "
            "differently, or of different times?"
        )


def arms_look_swapped(ecg: np.ndarray, time: np.ndarray, onset: float, offset: float) -> bool:
    """Whether the polarity of the limb leads hints at exchanged arm electrodes.

    Exchanging RA and LA inverts lead I and exchanges aVR and aVL (Batchvarov, Malik and Camm,
    Europace 9:1081, 2007, doi:10.1093/europace/eum172). Lead I is then opposite to V6, which sees
    the heart from the same side, and the QRS of aVR is upright. Dextrocardia inverts V6, too, and
    gives no hint; an extreme axis may give a false one.

    Args:
        ecg: [12, time] mV, one beat from its baseline. time: [time] ms. onset, offset: of its QRS.
    """
    qrs = dict(zip(LEADS, ecg[:, (time >= onset) & (time <= offset)]))
    product = float((qrs["I"] * qrs["V6"]).sum())
    lengths = float(np.linalg.norm(qrs["I"]) * np.linalg.norm(qrs["V6"]))
    upright = qrs["aVR"].sum() > 0 and qrs["V6"].sum() > 0
    return upright and product < -0.5 * lengths
